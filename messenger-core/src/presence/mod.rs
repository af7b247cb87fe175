//! Signals: what people do at this moment, such as typing.
//!
//! A signal is not an event: it is in no log, moves no cursor and is not
//! durable. It waits for a connection apart from the events, and only where
//! they leave room, so it never delays, displaces or closes anything.

mod notices;
mod outbox;
mod signal;
mod signaller;
mod throttle;

pub(crate) use notices::Notices;
pub(crate) use outbox::Outbox;
pub use signal::{Signal, TYPING_INTERVAL, TYPING_LIFETIME};
pub(crate) use signaller::Signaller;
