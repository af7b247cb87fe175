//! Whether the server takes requests: what `/ready` answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Tells `/ready` how the server stands. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

/// How the server stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is not yet to be sent requests.
    Starting,
    /// It takes requests, as long as its store answers.
    Serving,
    /// It answers what it has and stops.
    Draining,
}

impl Readiness {
    /// A server that is starting.
    pub fn starting() -> Self {
        Self::default()
    }

    /// A server that takes requests.
    pub fn serving() -> Self {
        let readiness = Self::default();
        readiness.enter(Stage::Serving);
        readiness
    }

    /// Enters a stage. From [`Stage::Draining`] there is no way back.
    pub fn enter(&self, stage: Stage) {
        self.0.fetch_max(stage as u8, Ordering::SeqCst);
    }

    /// The present stage.
    pub fn stage(&self) -> Stage {
        match self.0.load(Ordering::SeqCst) {
            0 => Stage::Starting,
            1 => Stage::Serving,
            _ => Stage::Draining,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_drains_does_not_serve_again() {
        let readiness = Readiness::starting();
        assert_eq!(readiness.stage(), Stage::Starting);
        readiness.enter(Stage::Serving);
        assert_eq!(readiness.clone().stage(), Stage::Serving);
        readiness.enter(Stage::Draining);
        readiness.enter(Stage::Serving);
        assert_eq!(readiness.stage(), Stage::Draining);
    }
}
