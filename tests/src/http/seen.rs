//! What the suite has seen, answer by answer, so that the end of a run can tell
//! what the document promises and nobody ever got.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// Every answer seen, by operation id: the status, and the code of an error.
#[derive(Default)]
pub struct Seen(Mutex<BTreeMap<String, BTreeSet<(u16, String)>>>);

impl Seen {
    /// A run that has seen nothing yet.
    pub const fn nothing() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    pub(super) fn note(&self, operation: &str, status: u16, code: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(operation.to_owned()).or_default().insert((status, code.to_owned()));
    }

    /// Whether the operation has answered so; `code` is empty for what is no
    /// error.
    pub fn has(&self, operation: &str, status: u16, code: &str) -> bool {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(operation).is_some_and(|answers| answers.contains(&(status, code.to_owned())))
    }
}
