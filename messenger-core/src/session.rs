//! Sessions: one login on one device, and the refresh tokens that descend from
//! it.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::error::InvalidValue;
use crate::id::{IdGenerator, SessionId, UserId};
use crate::text::{check_length, check_one_line, text_type};

/// How long an access token is valid.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_mins(15);

/// How long a session lives without a refresh.
pub const SESSION_LIFETIME: Duration = Duration::from_hours(30 * 24);

/// How long a ticket works.
pub const TICKET_LIFETIME: Duration = Duration::from_secs(30);

/// A login on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the session for good.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// What the user calls the device.
    pub device_name: Option<DeviceName>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last refreshed.
    pub refreshed_at: Timestamp,
    /// When it ends by itself unless it is refreshed.
    pub expires_at: Timestamp,
    /// The generation of the youngest refresh token that was used. Tokens of
    /// the next generation are its unused successors.
    pub spent_generation: i64,
}

text_type!(
    /// What a user calls a device: 1 to 64 characters of one line, trimmed.
    DeviceName
);

impl DeviceName {
    /// Trims and checks the rule.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let trimmed = text.trim();
        check_length(trimmed, 1, 64)?;
        check_one_line(trimmed)?;
        Ok(Self(trimmed.to_owned()))
    }
}

/// A refresh token: 256 random bits. Never shown in a log, wiped when dropped;
/// stores see only its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// A token that nobody can guess.
    pub(crate) fn generate(ids: &dyn IdGenerator) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        ids.fill_random(bytes.as_mut());
        Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_ref())))
    }

    /// Takes whatever a client presents; an impossible token is simply unknown.
    pub fn presented(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }

    /// The token for its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored. A plain SHA-256 is enough: 256 random bits cannot be
    /// guessed, so slowness and salt would add nothing.
    pub fn hash(&self) -> RefreshTokenHash {
        RefreshTokenHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

macro_rules! token_hash {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes a hash that a store kept.
            pub const fn from_stored(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes to keep.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }
    };
}

token_hash!(
    /// The SHA-256 of a refresh token.
    RefreshTokenHash
);
token_hash!(
    /// The SHA-256 of a ticket.
    TicketHash
);

/// A ticket: it opens one connection as its session's user, for clients that
/// can send no header, such as a browser's WebSocket. Works once.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket(RefreshToken);

impl Ticket {
    /// A ticket that nobody can guess.
    pub(crate) fn generate(ids: &dyn IdGenerator) -> Self {
        Self(RefreshToken::generate(ids))
    }

    /// Takes whatever a client presents; an impossible ticket is simply
    /// unknown.
    pub fn presented(text: &str) -> Self {
        Self(RefreshToken::presented(text))
    }

    /// The ticket for its owner.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// What is stored.
    pub fn hash(&self) -> TicketHash {
        TicketHash(*self.0.hash().as_bytes())
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// A ticket as stores keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTicket {
    /// Which ticket.
    pub hash: TicketHash,
    /// Its session.
    pub session_id: SessionId,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// A refresh token as stores keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredRefreshToken {
    /// Which token.
    pub hash: RefreshTokenHash,
    /// Its session.
    pub session_id: SessionId,
    /// 1 for the token of the login; one more for each successor. One less for
    /// those that were not used when another of their generation was.
    pub generation: i64,
}

/// What presenting a refresh token leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refresh {
    /// The session goes on: its spent generation becomes `spent_generation`,
    /// and a successor of generation `spent_generation + 1` is issued.
    Rotate {
        /// What the session's becomes.
        spent_generation: i64,
        /// Whether the token is the first of its generation that is used: the
        /// others, which were issued in place of lost answers, fall a generation
        /// behind. Whoever presents one of them is not who presented this one.
        outdates_siblings: bool,
    },
    /// A token came back although its successor was used, or another one in its
    /// place: two parties hold the family, so it ends (RFC 9700, section
    /// 4.14.2).
    Reused,
}

impl Session {
    /// What presenting a token of `generation` leads to.
    ///
    /// A token that was spent last gets a new successor: its successors were
    /// all unused, so the answer that carried one was lost, or several
    /// requests presented it at once.
    pub fn refresh(&self, generation: i64) -> Refresh {
        if generation < self.spent_generation {
            Refresh::Reused
        } else {
            let outdates_siblings = generation > self.spent_generation;
            Refresh::Rotate { spent_generation: generation, outdates_siblings }
        }
    }

    /// Whether it has ended by itself.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at <= now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn session(spent_generation: i64) -> Session {
        let at = Timestamp::from_millis(0);
        Session {
            id: SessionId::from_uuid(Uuid::from_u128(1)),
            user_id: UserId::from_uuid(Uuid::from_u128(2)),
            device_name: None,
            created_at: at,
            refreshed_at: at,
            expires_at: at.after(SESSION_LIFETIME),
            spent_generation,
        }
    }

    #[test]
    fn a_fresh_token_rotates() {
        assert_eq!(session(0).refresh(1), Refresh::Rotate { spent_generation: 1, outdates_siblings: true });
    }

    #[test]
    fn a_spent_token_rotates_again_while_its_successor_is_unused() {
        assert_eq!(session(1).refresh(1), Refresh::Rotate { spent_generation: 1, outdates_siblings: false });
    }

    #[test]
    fn a_spent_token_is_reuse_once_its_successor_was_used() {
        assert_eq!(session(2).refresh(1), Refresh::Reused);
    }
}
