//! A signal, as clients get it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::id::{ConversationId, UserId};

/// At most one signal per user and conversation is passed on in this time. A
/// client whose user goes on typing says so about as often.
pub const TYPING_INTERVAL: Duration = Duration::from_secs(3);

/// For so long a client shows that someone is typing, unless it is told again
/// or the message arrives. A signal that could not be delivered by then is
/// dropped.
pub const TYPING_LIFETIME: Duration = Duration::from_secs(6);

/// Whether a user is there, as far as another may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceState {
    /// A connection is open, or was a moment ago.
    Online,
    /// None is, or it does not show.
    Offline,
}

impl PresenceState {
    /// The word for it on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
        }
    }
}

/// What someone does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// A member of a conversation is writing something.
    Typing {
        /// When this node learned of it.
        at: Timestamp,
        /// Who.
        user_id: UserId,
        /// Where.
        conversation_id: ConversationId,
    },
    /// Someone came or went, or came into view or left it.
    Presence {
        /// When this node learned of it.
        at: Timestamp,
        /// Who.
        user_id: UserId,
        /// What holds now.
        state: PresenceState,
    },
}

impl Signal {
    /// What it is about, as a word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Typing { .. } => "typing",
            Self::Presence { .. } => "presence",
        }
    }

    /// When this node learned of it.
    pub const fn at(&self) -> Timestamp {
        match self {
            Self::Typing { at, .. } | Self::Presence { at, .. } => *at,
        }
    }

    /// Whom it is about.
    pub const fn user_id(&self) -> UserId {
        match self {
            Self::Typing { user_id, .. } | Self::Presence { user_id, .. } => *user_id,
        }
    }

    /// The conversation in which it happens.
    pub const fn conversation_id(&self) -> Option<ConversationId> {
        match self {
            Self::Typing { conversation_id, .. } => Some(*conversation_id),
            Self::Presence { .. } => None,
        }
    }
}
