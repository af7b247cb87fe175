//! Why a case failed, and where.

use std::fmt;
use std::panic::Location;

use super::harness::HarnessError;

/// What a case comes to. A promise that does not hold is a panic of an
/// assertion; a step on the way that fails is a [`Failure`].
pub type Outcome = Result<(), Failure>;

/// A step that failed, with the place of the `?` that gave up.
pub struct Failure {
    message: String,
    place: &'static Location<'static>,
}

impl Failure {
    /// A failure of what a case runs on.
    #[track_caller]
    pub(super) fn of_harness(error: &HarnessError) -> Self {
        Self { message: format!("the harness failed: {error}"), place: Location::caller() }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self { message: format!("{error} ({error:?})"), place: Location::caller() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
