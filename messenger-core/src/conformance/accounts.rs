//! Signing up and signing in.

use super::failure::Outcome;
use super::people::{refusal, username};
use super::world::World;
use super::{Case, isolated};
use crate::credential::Password;
use crate::error::{Refusal, Result};
use crate::service::auth::{Login, Registration, SignedIn};
use crate::session::DeviceName;
use crate::token::Viewer;
use crate::user::{DisplayName, Email};

pub(super) const CASES: &[Case] = isolated!("accounts":
    who_registers_is_signed_in,
    a_taken_username_is_told,
    a_taken_email_is_told,
    a_login_is_by_username_or_email_whatever_the_case,
    a_wrong_password_and_an_unknown_login_are_answered_alike,
    an_unknown_login_does_the_same_hash_work,
    a_user_without_a_password_cannot_log_in,
    each_login_is_a_session_of_its_own,
);

pub(super) const PASSWORD: &str = "correct horse battery";

pub(super) async fn register(w: &World, name: &str) -> Result<SignedIn> {
    let registration = Registration {
        username: username(name),
        email: Email::parse(&format!("{name}@example.org")).expect("an email"),
        password: Password::parse(PASSWORD).expect("a password"),
        display_name: None,
        device_name: None,
    };
    w.messenger.register(registration).await
}

pub(super) async fn log_in(w: &World, login: &str, password: &str) -> Result<SignedIn> {
    let login = Login { login: login.to_owned(), password: Password::attempt(password), device_name: None };
    w.messenger.login(login).await
}

pub(super) async fn viewer(w: &World, signed_in: &SignedIn) -> Result<Viewer> {
    w.messenger.authenticate(&signed_in.tokens.access_token).await
}

async fn who_registers_is_signed_in(w: &World) -> Outcome {
    let registration = Registration {
        username: username("Ada"),
        email: Email::parse("Ada@Example.org").expect("an email"),
        password: Password::parse(PASSWORD).expect("a password"),
        display_name: Some(DisplayName::parse("Ada L.").expect("a name")),
        device_name: Some(DeviceName::parse("engine").expect("a device name")),
    };
    let signed_in = w.messenger.register(registration).await?;
    let user = &signed_in.user;
    assert_eq!((user.username.as_str(), user.display_name.as_str()), ("ada", "Ada L."));
    assert_eq!(user.email.as_ref().map(Email::as_str), Some("ada@example.org"));
    assert_eq!(w.messenger.me(user.id).await?, *user);
    let viewer = viewer(w, &signed_in).await?;
    assert_eq!(viewer.user_id, user.id);
    let sessions = w.messenger.list_sessions(&viewer, super::people::page()).await?.items;
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].id, viewer.session_id);
    assert_eq!(sessions[0].device_name.as_ref().map(DeviceName::as_str), Some("engine"));
    Ok(())
}

async fn a_taken_username_is_told(w: &World) -> Outcome {
    register(w, "ada").await?;
    let twin = Registration {
        username: username("ADA"),
        email: Email::parse("other@example.org").expect("an email"),
        password: Password::parse(PASSWORD).expect("a password"),
        display_name: None,
        device_name: None,
    };
    assert_eq!(refusal(w.messenger.register(twin).await), Refusal::UsernameTaken);
    Ok(())
}

async fn a_taken_email_is_told(w: &World) -> Outcome {
    register(w, "ada").await?;
    let twin = Registration {
        username: username("other"),
        email: Email::parse("ADA@example.org").expect("an email"),
        password: Password::parse(PASSWORD).expect("a password"),
        display_name: None,
        device_name: None,
    };
    assert_eq!(refusal(w.messenger.register(twin).await), Refusal::EmailTaken);
    let free = w.user("other").await?;
    assert_ne!(free, register(w, "third").await?.user.id, "a refused registration takes no name");
    Ok(())
}

async fn a_login_is_by_username_or_email_whatever_the_case(w: &World) -> Outcome {
    let ada = register(w, "ada").await?.user;
    for login in ["ada", "ADA", "ada@example.org", "Ada@Example.ORG"] {
        assert_eq!(log_in(w, login, PASSWORD).await?.user, ada, "{login}");
    }
    Ok(())
}

async fn a_wrong_password_and_an_unknown_login_are_answered_alike(w: &World) -> Outcome {
    register(w, "ada").await?;
    let attempts = [("ada", "wrong password"), ("ada", ""), ("bob", PASSWORD), ("no@where.org", PASSWORD), ("", "")];
    for (login, password) in attempts {
        let result = log_in(w, login, password).await;
        assert_eq!(refusal(result), Refusal::InvalidCredentials, "{login:?}");
    }
    Ok(())
}

async fn an_unknown_login_does_the_same_hash_work(w: &World) -> Outcome {
    register(w, "ada").await?;
    for (login, password) in [("ada", "wrong password"), ("nobody", "wrong password"), ("..", "x"), ("ada", "x")] {
        let before = w.hasher.hash_count();
        assert_eq!(refusal(log_in(w, login, password).await), Refusal::InvalidCredentials);
        assert_eq!(w.hasher.hash_count() - before, 1, "{login:?}");
    }
    Ok(())
}

async fn a_user_without_a_password_cannot_log_in(w: &World) -> Outcome {
    w.user("ada").await?;
    for password in ["", PASSWORD] {
        assert_eq!(refusal(log_in(w, "ada", password).await), Refusal::InvalidCredentials);
    }
    Ok(())
}

async fn each_login_is_a_session_of_its_own(w: &World) -> Outcome {
    let first = register(w, "ada").await?;
    let second = log_in(w, "ada", PASSWORD).await?;
    let (first, second) = (viewer(w, &first).await?, viewer(w, &second).await?);
    assert_ne!(first.session_id, second.session_id);
    let listed = w.messenger.list_sessions(&first, super::people::page()).await?.items;
    assert_eq!(listed.len(), 2);
    assert_eq!(w.log_length().await?, 0, "signing in shows nowhere");
    Ok(())
}
