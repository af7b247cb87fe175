//! Which statements were sent: for checks that count and explain them. What
//! begins and ends a unit of work is not among them.

use std::sync::{Mutex, PoisonError};

// One for the process: checks run one after another.
static SENT: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// From here on, what is sent is noted.
pub(crate) fn start() {
    *SENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
}

/// What was sent since the start: one text for each round trip, the values
/// written out.
pub(crate) fn stop() -> Vec<String> {
    SENT.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
}

/// Notes a round trip.
pub(crate) fn note(text: impl FnOnce() -> String) {
    if let Some(sent) = SENT.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        sent.push(text());
    }
}
