//! Live delivery as clients meet it: long poll, server-sent events and
//! WebSocket, over real sockets, on every store.

mod backend;
mod cases;
mod described;
pub(crate) mod frame;
mod node;
pub(crate) mod person;
mod run;
mod socket;
mod stage;
mod stream;

pub use backend::Backend;
pub use run::run;

use std::error::Error;

/// Why a case failed, where an expectation did not say so by itself.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;
/// What a case answers.
pub(crate) type Outcome = Result<(), Failure>;
