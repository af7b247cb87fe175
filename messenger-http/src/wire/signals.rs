//! Signals: what streams carry beside events.

use messenger_core::id::ConversationId;
use messenger_core::presence;
use poem_openapi::Object;
use poem_openapi::types::{Example, ToJSON as _};
use serde_json::Value;
use uuid::Uuid;

use super::users::example_time;
use super::{Nullable, Presence, Typing, UtcTime};

/// What someone does at this moment. It has the fields of an event, and is
/// none: it is in no log and moves no cursor.
#[derive(Debug, Clone, Object)]
#[oai(example)]
pub struct Signal {
    /// Always null.
    pub id: Nullable<String>,
    /// What it is: `typing` or `presence`.
    pub kind: String,
    /// When the server learned of it.
    pub at: UtcTime,
    /// Whom it is about.
    pub actor_id: Uuid,
    /// The conversation in which it happens; null for what happens elsewhere.
    pub conversation_id: Nullable<Uuid>,
    /// What it says, by its kind.
    pub data: Value,
}

impl From<&presence::Signal> for Signal {
    fn from(signal: &presence::Signal) -> Self {
        let data = match signal {
            presence::Signal::Typing { user_id, conversation_id, .. } => {
                Typing::new(*user_id, *conversation_id).to_json()
            }
            presence::Signal::Presence { user_id, state, .. } => Presence::new(*user_id, *state).to_json(),
        };
        Self {
            id: Nullable(None),
            kind: signal.kind().to_owned(),
            at: signal.at().into(),
            actor_id: signal.user_id().as_uuid(),
            conversation_id: signal.conversation_id().map(ConversationId::as_uuid).into(),
            data: data.unwrap_or_default(),
        }
    }
}

impl Example for Signal {
    fn example() -> Self {
        let user_id = super::User::example().id;
        Self {
            id: Nullable(None),
            kind: "typing".to_owned(),
            at: example_time(),
            actor_id: user_id,
            conversation_id: Nullable(Some(super::Conversation::example().id)),
            data: Typing::example().to_json().unwrap_or_default(),
        }
    }
}
