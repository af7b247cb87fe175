//! Registering, logging in, and what goes with it.

use messenger_core::credential::Password;
use messenger_core::error::FieldErrors;
use messenger_core::service::auth;
use messenger_core::session::{DeviceName, RefreshToken};
use messenger_core::user::{DisplayName, Email, Username};
use messenger_core::{Error, Messenger};
use poem_openapi::OpenApi;

use super::Tag;
use crate::answer::{Answer, Created, NoContent};
use crate::auth::{Authenticated, MaybeAuthenticated};
use crate::body::{JsonBody, OptionalJsonBody};
use crate::problem::{Failure, operation_errors};
use crate::values::keep_optional;
use crate::wire;

pub(crate) struct AuthApi(pub(crate) Messenger);

operation_errors! {
    Register: [username_taken, email_taken, invalid_value];
    Login: [invalid_credentials, invalid_value];
    Refresh: [invalid_refresh_token, refresh_token_reused];
    Logout: [missing_token, invalid_token];
    ChangePassword: [wrong_password, invalid_value];
}

#[OpenApi(prefix_path = "/v1/auth", tag = "Tag::Auth")]
impl AuthApi {
    /// Make an account
    ///
    /// Makes an account and signs it in. Usernames and emails are unique,
    /// whatever the case of their letters.
    #[oai(path = "/register", method = "post", operation_id = "register_user")]
    async fn register(&self, body: JsonBody<wire::Registration>) -> Result<Created<wire::SignedIn>, Failure<Register>> {
        let new = body.0;
        let mut errors = FieldErrors::new();
        let username = errors.keep("username", Username::parse(&new.username));
        let email = errors.keep("email", Email::parse(&new.email));
        let password = errors.keep("password", Password::parse(&new.password));
        let display_name = keep_optional(&mut errors, "display_name", new.display_name.as_deref(), DisplayName::parse);
        let device_name = keep_optional(&mut errors, "device_name", new.device_name.as_deref(), DeviceName::parse);
        let (Some(username), Some(email), Some(password)) = (username, email, password) else {
            return Err(Error::Invalid(errors).into());
        };
        errors.into_result()?;
        let registration = auth::Registration { username, email, password, display_name, device_name };
        Ok(Created(self.0.register(registration).await?.into()))
    }

    /// Log in
    ///
    /// Begins a session with a password. An unknown login and a wrong password
    /// are answered alike.
    #[oai(path = "/login", method = "post", operation_id = "login_user")]
    async fn login(&self, body: JsonBody<wire::Login>) -> Result<Answer<wire::SignedIn>, Failure<Login>> {
        let login = body.0;
        let mut errors = FieldErrors::new();
        let device_name = keep_optional(&mut errors, "device_name", login.device_name.as_deref(), DeviceName::parse);
        errors.into_result()?;
        let password = Password::attempt(&login.password);
        let login = auth::Login { login: login.login, password, device_name };
        Ok(Answer(self.0.login(login).await?.into()))
    }

    /// Get new tokens
    ///
    /// Spends a refresh token for new tokens. When the answer is lost, the same
    /// token may be sent again, until its successor was used; after that, using
    /// it ends the session, since someone else must have it.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh_tokens")]
    async fn refresh(&self, body: JsonBody<wire::RefreshRequest>) -> Result<Answer<wire::Tokens>, Failure<Refresh>> {
        let tokens = self.0.refresh(&RefreshToken::presented(&body.0.refresh_token)).await?;
        Ok(Answer(tokens.into()))
    }

    /// Log out
    ///
    /// Ends the session of the refresh token in the body; without one, the
    /// session of the access token. A refresh token that is not known has no
    /// session to end, which is as well.
    #[oai(path = "/logout", method = "post", operation_id = "logout_user")]
    async fn logout(
        &self,
        viewer: MaybeAuthenticated,
        body: OptionalJsonBody<wire::Logout>,
    ) -> Result<NoContent, Failure<Logout>> {
        match body.0.and_then(|body| body.refresh_token) {
            Some(token) => self.0.logout_with_refresh_token(&RefreshToken::presented(&token)).await?,
            None => self.0.logout(&viewer.0?).await?,
        }
        Ok(NoContent)
    }

    /// Change the password
    ///
    /// All other sessions end.
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        viewer: Authenticated,
        body: JsonBody<wire::PasswordChange>,
    ) -> Result<NoContent, Failure<ChangePassword>> {
        let mut errors = FieldErrors::new();
        let new = errors.keep("new_password", Password::parse(&body.0.new_password));
        let Some(new) = new else { return Err(Error::Invalid(errors).into()) };
        self.0.change_password(&viewer.0, &Password::attempt(&body.0.current_password), &new).await?;
        Ok(NoContent)
    }
}

impl From<auth::SignedIn> for wire::SignedIn {
    fn from(signed_in: auth::SignedIn) -> Self {
        Self { user: signed_in.user.into(), tokens: signed_in.tokens.into() }
    }
}

impl From<auth::Tokens> for wire::Tokens {
    fn from(tokens: auth::Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer".to_owned(),
            expires_in: i64::try_from(tokens.expires_in.as_secs()).unwrap_or(i64::MAX),
            refresh_token: tokens.refresh_token.expose().to_owned(),
        }
    }
}
