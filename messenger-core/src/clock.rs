//! Time: whole milliseconds since the Unix epoch, and the clock that tells it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant in UTC, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Milliseconds are what every store keeps and the wire shows, so a value
/// reads back exactly as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds after the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds after the epoch, rounded down, as JWT's `NumericDate` has it.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This instant moved forward by `duration`; stays at the last instant
    /// where that would be beyond it.
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }
}

/// Tells the time. Core asks nothing else for it.
pub trait Clock: Send + Sync + 'static {
    /// The present instant. It may step back, as wall clocks do: no order and
    /// no promise depends on it, only what is shown and when sessions expire.
    fn now(&self) -> Timestamp;
}

/// The operating system's wall clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
