//! The times of presence.

use std::time::Duration;

/// When a user counts as away, and how nodes tell each other. All nodes of a
/// database should have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PresenceOptions {
    /// How long a user stays online after the last connection was closed, so
    /// that a reconnect shows to nobody. 5 s.
    pub grace: Duration,
    /// How often a node gives a sign of life. 5 s.
    pub beat: Duration,
    /// After how long without one a node counts as dead, and its users as
    /// offline: several times [`beat`](Self::beat). 15 s.
    pub lifetime: Duration,
    /// The least time between two writes to the store: what changes meanwhile
    /// is told to other nodes at once, in one transaction. 250 ms.
    pub post: Duration,
    /// For how long a note stays readable to other nodes. One that is behind by
    /// more reads everything anew. 30 s.
    pub keep_notes: Duration,
}

impl Default for PresenceOptions {
    fn default() -> Self {
        Self {
            grace: Duration::from_secs(5),
            beat: Duration::from_secs(5),
            lifetime: Duration::from_secs(15),
            post: Duration::from_millis(250),
            keep_notes: Duration::from_secs(30),
        }
    }
}
