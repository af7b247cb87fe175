//! Why a store did not do what it was asked.

/// A constraint that keeps a value from being stored twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UniqueKey {
    /// A user's id.
    UserId,
    /// A user's username.
    Username,
    /// A user's email.
    Email,
    /// The direct conversation of two users.
    DirectConversation,
    /// A group's creator and client id.
    GroupClientId,
    /// A conversation's member.
    Membership,
    /// A message's sender, conversation and client id.
    MessageClientId,
    /// A message's conversation and seq.
    MessageSeq,
    /// A request or a friendship between two users, or a block.
    Friendship,
    /// Any other one: ids, tokens, positions.
    Other,
}

/// Why a store did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A value is there already. The transaction can only be rolled back.
    #[error("already stored: {0:?}")]
    Unique(UniqueKey),
    /// Another transaction was in the way (deadlock, lock wait, busy). Nothing
    /// was changed; the whole transaction may be tried again.
    #[error("conflict with another transaction: {0}")]
    Conflict(String),
    /// The backend cannot be reached or has no connection to spare. Nothing
    /// was changed.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// The connection broke while COMMIT was under way: the change may or may
    /// not be durable. It must not be tried again blindly.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// The store does not have this part.
    #[error("unsupported by this store: {0}")]
    Unsupported(&'static str),
    /// What is stored cannot be understood, or the backend broke its contract.
    #[error("store defect: {0}")]
    Defect(String),
}

impl StoreError {
    /// Whether a later try of the whole use case may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::Unavailable(_) | Self::OutcomeUnknown(_))
    }
}
