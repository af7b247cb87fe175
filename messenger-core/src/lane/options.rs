//! How lanes are laid out.

/// How concurrent changes share commits. Every number is at least 1; a zero
/// counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneOptions {
    /// How many lanes there are at most. There are never more than the log has
    /// partitions. Default 4.
    pub count: usize,
    /// How many changes share a transaction at most. 1 gives every change a
    /// transaction of its own. Default 256.
    pub batch_limit: usize,
    /// How many changes may wait in all lanes together, besides those under
    /// way; each lane has an equal share. Beyond it callers are answered
    /// [`Error::Busy`](crate::Error::Busy). Default 1,024: at the rate of a
    /// slow disk that is less than a second's work.
    pub queue_limit: usize,
}

impl Default for LaneOptions {
    fn default() -> Self {
        Self { count: 4, batch_limit: 256, queue_limit: 1_024 }
    }
}
