//! What signals say, by their kind.

use poem_openapi::Object;
use poem_openapi::types::Example;
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

impl Example for Typing {
    fn example() -> Self {
        Self { user_id: super::User::example().id, conversation_id: super::Conversation::example().id }
    }
}
