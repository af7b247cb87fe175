//! Registering, logging in and the sessions that come of it.

use std::fmt;

use messenger_core::session;
use poem_openapi::Object;
use poem_openapi::types::Example;
use serde::Serialize;
use uuid::{Uuid, uuid};

use super::users::example_time;
use super::{Me, Nullable, UtcTime};

/// Hides what must never show in a log, and lists the names of the rest.
macro_rules! debug_without_secrets {
    ($($name:ident),+) => {
        $(impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        })+
    };
}
debug_without_secrets!(Registration, Login, RefreshRequest, Logout, PasswordChange, Tokens);

/// A new account.
#[derive(Clone, Object)]
#[oai(example)]
pub struct Registration {
    /// 3 to 32 of `a-z`, `0-9`, `.` and `_`, where `.` and `_` stand between
    /// letters or digits. Upper case folds to lower.
    pub username: String,
    /// Unique; shown to nobody else. Checked by form only.
    pub email: String,
    /// 8 to 128 characters.
    pub password: String,
    /// What others see: 1 to 64 characters of one line. The username when
    /// absent.
    #[oai(nullable)]
    pub display_name: Option<String>,
    /// What the user calls the device: 1 to 64 characters of one line.
    #[oai(nullable)]
    pub device_name: Option<String>,
}

impl Example for Registration {
    fn example() -> Self {
        Self {
            username: "ada".to_owned(),
            email: "ada@example.org".to_owned(),
            password: "correct horse battery".to_owned(),
            display_name: Some("Ada Lovelace".to_owned()),
            device_name: Some("Notebook".to_owned()),
        }
    }
}

/// Who one claims to be, and the proof.
#[derive(Clone, Object)]
#[oai(example)]
pub struct Login {
    /// A username or an email.
    pub login: String,
    /// The password.
    pub password: String,
    /// What the user calls the device: 1 to 64 characters of one line.
    #[oai(nullable)]
    pub device_name: Option<String>,
}

impl Example for Login {
    fn example() -> Self {
        Self {
            login: "ada".to_owned(),
            password: "correct horse battery".to_owned(),
            device_name: Some("Notebook".to_owned()),
        }
    }
}

/// The session to go on with.
#[derive(Clone, Object)]
#[oai(example)]
pub struct RefreshRequest {
    /// The refresh token that came last. It is spent by this.
    pub refresh_token: String,
}

impl Example for RefreshRequest {
    fn example() -> Self {
        Self { refresh_token: EXAMPLE_REFRESH_TOKEN.to_owned() }
    }
}

/// The session to end.
#[derive(Clone, Object)]
#[oai(example)]
pub struct Logout {
    /// A refresh token of the session. Without it, the session of the access
    /// token ends.
    #[oai(nullable)]
    pub refresh_token: Option<String>,
}

impl Example for Logout {
    fn example() -> Self {
        Self { refresh_token: Some(EXAMPLE_REFRESH_TOKEN.to_owned()) }
    }
}

/// A new password.
#[derive(Clone, Object)]
#[oai(example)]
pub struct PasswordChange {
    /// The password as it is now.
    pub current_password: String,
    /// 8 to 128 characters.
    pub new_password: String,
}

impl Example for PasswordChange {
    fn example() -> Self {
        Self {
            current_password: "correct horse battery".to_owned(),
            new_password: "staple of the analytical engine".to_owned(),
        }
    }
}

/// A new session.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct SignedIn {
    /// Who one is.
    pub user: Me,
    /// What proves it from now on.
    pub tokens: Tokens,
}

impl Example for SignedIn {
    fn example() -> Self {
        Self { user: Me::example(), tokens: Tokens::example() }
    }
}

/// What proves who one is.
#[derive(Clone, Object)]
#[oai(example)]
pub struct Tokens {
    /// For the `Authorization` header: `Bearer <access_token>`.
    pub access_token: String,
    /// Always `Bearer`.
    pub token_type: String,
    /// How many seconds the access token is valid.
    pub expires_in: i64,
    /// For `POST /v1/auth/refresh`, once.
    pub refresh_token: String,
}

impl Example for Tokens {
    fn example() -> Self {
        Self {
            access_token: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIwMTk4YzBkZSJ9.c2lnbmF0dXJl".to_owned(),
            token_type: "Bearer".to_owned(),
            expires_in: 900,
            refresh_token: EXAMPLE_REFRESH_TOKEN.to_owned(),
        }
    }
}

const EXAMPLE_REFRESH_TOKEN: &str = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA";

/// A login on a device.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(example)]
pub struct Session {
    /// Names the session for good.
    pub id: Uuid,
    /// What the user calls the device.
    pub device_name: Nullable<String>,
    /// Whether it is the session of this very request.
    pub is_current: bool,
    /// When it began.
    pub created_at: UtcTime,
    /// When it was last refreshed.
    pub refreshed_at: UtcTime,
    /// When it ends by itself unless it is refreshed.
    pub expires_at: UtcTime,
}

impl Session {
    /// The wire's form of a session, seen from the session `current`.
    pub fn new(session: session::Session, current: messenger_core::id::SessionId) -> Self {
        Self {
            id: session.id.as_uuid(),
            device_name: session.device_name.map(|name| name.to_string()).into(),
            is_current: session.id == current,
            created_at: session.created_at.into(),
            refreshed_at: session.refreshed_at.into(),
            expires_at: session.expires_at.into(),
        }
    }
}

impl Example for Session {
    fn example() -> Self {
        let begun = example_time();
        Self {
            id: uuid!("0198c0de-0005-7000-8000-000000000001"),
            device_name: Nullable(Some("Notebook".to_owned())),
            is_current: true,
            created_at: begun,
            refreshed_at: begun,
            expires_at: UtcTime(begun.0.after(session::SESSION_LIFETIME)),
        }
    }
}
