//! Faults that tests switch on by name; see the `fail` crate. Without the
//! feature `failpoints`, nothing of it is there.

use crate::sql::Sql;

/// Where faults can be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FailPoint {
    /// Before the log and COMMIT are sent. `return` acts as if the connection
    /// broke there.
    BeforeCommit,
    /// Before the log of a change is sent: `sleep` or `pause` holds the rows
    /// that it has locked.
    BeforeLog,
    /// After COMMIT was carried out. `return` acts as if its answer was lost.
    AfterCommit,
    /// When the counters are locked. `return(100)` has the server hold them for
    /// that many milliseconds.
    HeldCounters,
}

impl FailPoint {
    #[cfg(feature = "failpoints")]
    const fn name(self) -> &'static str {
        match self {
            Self::BeforeCommit => "mysql::commit::before",
            Self::BeforeLog => "mysql::commit::log",
            Self::AfterCommit => "mysql::commit::after",
            Self::HeldCounters => "mysql::commit::slow",
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

    /// What keeps the server from COMMIT for a while, if a test has set that.
    #[cfg(feature = "failpoints")]
    pub(crate) fn held(self) -> Option<Sql> {
        let millis = || {
            fail::fail_point!(self.name(), |millis| millis.and_then(|millis| millis.parse::<i64>().ok()));
            None
        };
        let mut sql = Sql::new("DO SLEEP(");
        sql.bind(millis()?).text(" / 1000)");
        Some(sql)
    }

    /// Nothing.
    #[cfg(not(feature = "failpoints"))]
    #[allow(clippy::unused_self, reason = "the same call with the feature and without")]
    pub(crate) fn held(self) -> Option<Sql> {
        None
    }

    /// Never.
    #[cfg(not(feature = "failpoints"))]
    #[allow(clippy::unused_async, clippy::unused_self, reason = "the same call with the feature and without")]
    pub(crate) async fn is_hit(self) -> bool {
        false
    }
}
