//! Signing up and signing in.

use std::time::Duration;

use crate::Messenger;
use crate::change::Change;
use crate::credential::Password;
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{SessionId, UserId};
use crate::password::Verdict;
use crate::service::users::name_taken;
use crate::session::{
    ACCESS_TOKEN_LIFETIME, DeviceName, Refresh, RefreshToken, SESSION_LIFETIME, Session, StoredRefreshToken,
};
use crate::token::Viewer;
use crate::user::{DisplayName, Email, User, Username};

/// A new account with a password.
#[derive(Debug, Clone)]
pub struct Registration {
    /// Unique.
    pub username: Username,
    /// Unique.
    pub email: Email,
    /// Proves who the user is from now on.
    pub password: Password,
    /// The username when absent.
    pub display_name: Option<DisplayName>,
    /// What the user calls the device.
    pub device_name: Option<DeviceName>,
}

/// A login with a password.
#[derive(Debug, Clone)]
pub struct Login {
    /// A username or an email. One that cannot exist is simply unknown.
    pub login: String,
    /// What the user offers; see [`Password::attempt`].
    pub password: Password,
    /// What the user calls the device.
    pub device_name: Option<DeviceName>,
}

/// A user and what they go on with.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The account.
    pub user: User,
    /// What they go on with.
    pub tokens: Tokens,
}

/// What a client keeps of a session.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// A bearer token for requests.
    pub access_token: String,
    /// How long the access token is valid.
    pub expires_in: Duration,
    /// Gets the next tokens, once.
    pub refresh_token: RefreshToken,
}

impl Messenger {
    /// Makes an account and signs it in.
    ///
    /// # Errors
    ///
    /// [`Refusal::UsernameTaken`], [`Refusal::EmailTaken`].
    pub async fn register(&self, registration: Registration) -> Result<SignedIn> {
        let hash = self.inner.hasher.hash(&*self.inner.ids, &registration.password).await?;
        let (registration, hash) = (&registration, &hash);
        let (user, viewer, refresh_token) = self
            .transact(|mut change| async move {
                let id = UserId::from_uuid(change.new_uuid());
                let user = User::joining(id, registration.username.clone(), change.now())
                    .with_names(registration.display_name.clone(), Some(registration.email.clone()));
                let now = change.now();
                change.users().insert_user(&user).await?;
                change.credentials().put_password_hash(id, hash, now).await?;
                let (viewer, token) = self.begin_session(&mut change, id, registration.device_name.as_ref()).await?;
                change.done((user, viewer, token))
            })
            .await
            .map_err(name_taken)?;
        Ok(SignedIn { user, tokens: self.tokens(viewer, refresh_token)? })
    }

    /// Signs in with a password. An unknown login and a wrong password do the
    /// same work and get the same answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidCredentials`].
    pub async fn login(&self, login: Login) -> Result<SignedIn> {
        let (found, hash) = {
            // What it says is compared once more below.
            let mut snapshot = self.read_latest().await?;
            let found = match (Email::parse(&login.login), Username::parse(&login.login)) {
                (Ok(email), _) => snapshot.users().find_user_by_email(&email).await?,
                (_, Ok(username)) => snapshot.users().find_user_by_username(&username).await?,
                _ => None,
            };
            let hash = match &found {
                Some(user) => snapshot.credentials().find_password_hash(user.id).await?,
                None => None,
            };
            (found, hash)
        };
        let verdict = self.inner.hasher.verify(&login.password, hash.clone()).await?;
        let (Some(found), Verdict::Right) = (found, verdict) else {
            return Err(Refusal::InvalidCredentials.into());
        };
        let (hash, device_name) = (&hash, &login.device_name);
        let (user, viewer, refresh_token) = self
            .transact(|mut change| async move {
                let user = change.users().lock_users(&[found.id]).await?.pop();
                let user = user.ok_or(Refusal::InvalidCredentials)?;
                // A password that was changed meanwhile opens no session.
                if change.credentials().find_password_hash(user.id).await? != *hash {
                    return Err(Refusal::InvalidCredentials.into());
                }
                let (viewer, token) = self.begin_session(&mut change, user.id, device_name.as_ref()).await?;
                change.done((user, viewer, token))
            })
            .await?;
        Ok(SignedIn { user, tokens: self.tokens(viewer, refresh_token)? })
    }

    /// Spends a refresh token for new tokens. A spent one that returns while
    /// its successors are unused gets another successor, since the answer was
    /// lost; once a successor was used, it ends the session, and so does any
    /// other successor.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidRefreshToken`], [`Refusal::RefreshTokenReused`].
    pub async fn refresh(&self, presented: &RefreshToken) -> Result<Tokens> {
        let hash = &presented.hash();
        let refreshed = self
            .transact(|mut change| async move {
                let found = change.sessions().find_refresh_token(hash).await?.ok_or(Refusal::InvalidRefreshToken)?;
                let session = change.sessions().lock_session(found.session_id).await?;
                let mut session = session.ok_or(Refusal::InvalidRefreshToken)?;
                // As it is under the lock: another of its generation may have
                // been used meanwhile.
                let spent = change.sessions().find_refresh_token(hash).await?.ok_or(Refusal::InvalidRefreshToken)?;
                let now = change.now();
                if session.is_expired(now) {
                    return Err(Refusal::InvalidRefreshToken.into());
                }
                match session.refresh(spent.generation) {
                    Refresh::Reused => {
                        end_session(&mut change, &session).await?;
                        change.done(None)
                    }
                    Refresh::Rotate { spent_generation, outdates_siblings } => {
                        if outdates_siblings {
                            change.sessions().outdate_siblings(&spent).await?;
                        }
                        session.spent_generation = spent_generation;
                        session.refreshed_at = now;
                        session.expires_at = now.after(SESSION_LIFETIME);
                        change.sessions().update_session(&session).await?;
                        let token = self.issue_refresh_token(&mut change, &session).await?;
                        let viewer = Viewer { user_id: session.user_id, session_id: session.id };
                        change.done(Some((viewer, token)))
                    }
                }
            })
            .await?;
        let (viewer, token) = refreshed.ok_or(Refusal::RefreshTokenReused)?;
        self.tokens(viewer, token)
    }

    /// Whose access token it is, as long as its session lives.
    ///
    /// While this messenger follows the log (see [`Messenger::follow`]), the
    /// store is not asked again for a session that it knows. A session that
    /// ends on this node ends at once, one that ends on another within a
    /// second.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidToken`] for everything that can be wrong with it.
    pub async fn authenticate(&self, access_token: &str) -> Result<Viewer> {
        let now = self.inner.clock.now();
        let viewer = self.inner.tokens.verify(&self.inner.keys, access_token, now)?;
        let known = &self.inner.sessions;
        if known.knows(&viewer, now) {
            return Ok(viewer);
        }
        let moment = known.moment();
        let session = self.read_latest().await?.sessions().find_session(viewer.session_id).await?;
        match session {
            Some(session) if session.user_id == viewer.user_id && !session.is_expired(now) => {
                known.remember(moment, &session);
                Ok(viewer)
            }
            _ => Err(Refusal::InvalidToken.into()),
        }
    }

    async fn begin_session(
        &self,
        change: &mut Change,
        user: UserId,
        device_name: Option<&DeviceName>,
    ) -> Result<(Viewer, RefreshToken)> {
        let now = change.now();
        let session = Session {
            id: SessionId::from_uuid(change.new_uuid()),
            user_id: user,
            device_name: device_name.cloned(),
            created_at: now,
            refreshed_at: now,
            expires_at: now.after(SESSION_LIFETIME),
            spent_generation: 0,
        };
        change.sessions().insert_session(&session).await?;
        let token = self.issue_refresh_token(change, &session).await?;
        Ok((Viewer { user_id: user, session_id: session.id }, token))
    }

    async fn issue_refresh_token(&self, change: &mut Change, session: &Session) -> Result<RefreshToken> {
        let token = RefreshToken::generate(&*self.inner.ids);
        let stored =
            StoredRefreshToken { hash: token.hash(), session_id: session.id, generation: session.spent_generation + 1 };
        change.sessions().insert_refresh_token(&stored).await?;
        Ok(token)
    }

    fn tokens(&self, viewer: Viewer, refresh_token: RefreshToken) -> Result<Tokens> {
        let access_token = self.inner.keys.sign(viewer, self.inner.clock.now())?;
        Ok(Tokens { access_token, expires_in: ACCESS_TOKEN_LIFETIME, refresh_token })
    }
}

/// Ends a locked session and tells its user's devices.
pub(crate) async fn end_session(change: &mut Change, session: &Session) -> Result<()> {
    change.sessions().delete_sessions(&[session.id]).await?;
    change.record(session.user_id, Audience::User(session.user_id), Fact::SessionEnded { session_id: session.id });
    Ok(())
}
