//! Faults that tests switch on by name; see the `fail` crate. Without the
//! feature `failpoints`, nothing of it is there.

/// Where faults can be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FailPoint {
    /// Before COMMIT is sent. `return` acts as if the connection broke there.
    BeforeCommit,
    /// After COMMIT was carried out. `return` acts as if its answer was lost.
    AfterCommit,
    /// When the counters are locked: `sleep` or `pause` holds them.
    CountersLocked,
}

impl FailPoint {
    #[cfg(feature = "failpoints")]
    const fn name(self) -> &'static str {
        match self {
            Self::BeforeCommit => "mysql::commit::before",
            Self::AfterCommit => "mysql::commit::after",
            Self::CountersLocked => "mysql::commit::counters",
        }
    }

    /// Carries out what a test has set; whether that is to fail here. Waiting
    /// actions block a thread of their own, not the runtime's.
    #[cfg(feature = "failpoints")]
    pub(crate) async fn is_hit(self) -> bool {
        let hit = tokio::task::spawn_blocking(move || {
            fail::fail_point!(self.name(), |_| true);
            false
        });
        hit.await.unwrap_or(true)
    }

    /// Never.
    #[cfg(not(feature = "failpoints"))]
    #[allow(clippy::unused_async, clippy::unused_self, reason = "the same call with the feature and without")]
    pub(crate) async fn is_hit(self) -> bool {
        false
    }
}
