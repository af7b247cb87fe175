//! Identifiers: one type per thing, so that they cannot be mixed, and the one
//! source of ids and randomness.

use std::fmt;

use uuid::Uuid;

use crate::clock::Timestamp;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a UUID that is already known to name one of these.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The id as a plain UUID, for a store's column or a wire type.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

id!(
    /// Names a user. An embedder may bring ids of its own; see
    /// [`Messenger::ensure_user`](crate::Messenger::ensure_user).
    UserId
);
id!(
    /// Names a conversation, direct or group.
    ConversationId
);
id!(
    /// Names a message in every conversation; its place within its own
    /// conversation is its [`Seq`](crate::message::Seq).
    MessageId
);
id!(
    /// Names a session: one login on one device, and the family of all refresh
    /// tokens that descend from it.
    SessionId
);

id!(
    /// Names a process that serves a database, from its start to its end, or
    /// until the others take it for dead.
    NodeId
);

/// The one source of ids and of randomness. Core has no ambient one, so a test
/// or a simulation that passes a seeded source is repeatable.
pub trait IdGenerator: Send + Sync + 'static {
    /// A UUID that nobody else has: version 7 of RFC 9562, made for the instant
    /// `at`, so that ids sort by the time they were made.
    fn new_uuid(&self, at: Timestamp) -> Uuid;

    /// Fills `buffer` with bytes that nobody can guess. Tokens and salts are
    /// made of them, so a production source must be cryptographically secure.
    fn fill_random(&self, buffer: &mut [u8]);
}

/// Ids and randomness from the operating system.
#[derive(Debug, Clone, Copy)]
pub struct SystemIds;

impl IdGenerator for SystemIds {
    #[allow(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    fn new_uuid(&self, at: Timestamp) -> Uuid {
        let mut random = [0; 10];
        self.fill_random(&mut random);
        uuid_v7(at, random)
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    fn fill_random(&self, buffer: &mut [u8]) {
        // The operating system's source fails only before it is seeded at boot
        // or where it is forbidden; going on with guessable tokens is worse
        // than stopping.
        getrandom::fill(buffer).expect("the operating system's random source answers");
    }
}

/// Lays out a version 7 UUID from an instant and random bytes.
pub(crate) fn uuid_v7(at: Timestamp, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
