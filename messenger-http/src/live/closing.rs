//! How the server ends a WebSocket: the codes and reasons of its close frames.

use messenger_core::live::{CloseReason, Ended};

/// What a close frame says, and what it asks of the client.
#[derive(Debug)]
pub(crate) struct Closing {
    /// Of the range that RFC 6455 leaves to applications, or of its registry.
    pub(crate) code: u16,
    /// The same as a word.
    pub(crate) reason: &'static str,
    /// What the client does.
    pub(crate) meaning: &'static str,
}

impl Closing {
    const RESUME: Self = Self {
        code: 4000,
        reason: "resume",
        meaning: "The client did not keep up, or the log cannot be read just now. Connect again with the last cursor.",
    };
    const SESSION_ENDED: Self =
        Self { code: 4001, reason: "session_ended", meaning: "The session was ended. Sign in again." };
    const RESYNC_REQUIRED: Self = Self {
        code: 4010,
        reason: "resync_required",
        meaning: "Nothing can go on from the last cursor. Take a new snapshot and connect with its cursor.",
    };
    /// `1012`, service restart, of RFC 6455's registry.
    const RECONNECT: Self = Self {
        code: 1012,
        reason: "reconnect",
        meaning: "The server stops; `reconnect` came before. Connect again with the last cursor.",
    };

    /// All there are.
    pub(crate) const ALL: [Self; 4] = [Self::RECONNECT, Self::RESUME, Self::SESSION_ENDED, Self::RESYNC_REQUIRED];

    /// How a subscription's end is told.
    pub(super) fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Closed(CloseReason::SessionEnded) => Self::SESSION_ENDED,
            Ended::Closed(CloseReason::ResyncRequired) => Self::RESYNC_REQUIRED,
            Ended::Closed(CloseReason::Lagging) | Ended::Failed(_) => Self::RESUME,
            Ended::Closed(CloseReason::ShuttingDown) => Self::RECONNECT,
        }
    }
}
