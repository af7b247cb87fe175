//! What signals say, by their kind.

use messenger_core::id::{ConversationId, UserId};
use messenger_core::presence;
use poem_openapi::types::Example;
use poem_openapi::{Enum, Object};
use uuid::Uuid;

/// Who is typing, and where.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct Typing {
    /// Who is typing.
    pub user_id: Uuid,
    /// The conversation in which they are.
    pub conversation_id: Uuid,
}

impl Typing {
    pub(super) fn new(user: UserId, conversation: ConversationId) -> Self {
        Self { user_id: user.as_uuid(), conversation_id: conversation.as_uuid() }
    }
}

impl Example for Typing {
    fn example() -> Self {
        Self { user_id: super::User::example().id, conversation_id: super::Conversation::example().id }
    }
}

/// Whether a user is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum PresenceState {
    /// At least one stream of theirs is open.
    Online,
    /// None is, or who asks may not know.
    Offline,
}

/// Who is there, and who is no longer.
#[derive(Debug, Clone, PartialEq, Eq, Object)]
#[oai(example)]
pub struct Presence {
    /// Who.
    pub user_id: Uuid,
    /// What holds from now on.
    pub state: PresenceState,
}

impl Presence {
    pub(super) fn new(user: UserId, state: presence::PresenceState) -> Self {
        let state = match state {
            presence::PresenceState::Online => PresenceState::Online,
            presence::PresenceState::Offline => PresenceState::Offline,
        };
        Self { user_id: user.as_uuid(), state }
    }
}

impl Example for Presence {
    fn example() -> Self {
        Self { user_id: super::User::example().id, state: PresenceState::Online }
    }
}
