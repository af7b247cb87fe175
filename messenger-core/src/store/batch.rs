//! What a lane writes at once.

use crate::conversation::{Conversation, Membership};
use crate::message::{Message, SentMessage};

/// The rows that a batch of changes comes to. Any slice may be empty.
#[derive(Debug, Clone, Copy)]
pub struct BatchRows<'a> {
    /// Messages to store, in the order of their numbers.
    pub sent: &'a [SentMessage],
    /// Stored messages to change, each once.
    pub messages: &'a [Message],
    /// Stored conversations to change, each once.
    pub conversations: &'a [Conversation],
    /// Stored memberships to change, each once.
    pub memberships: &'a [Membership],
}
