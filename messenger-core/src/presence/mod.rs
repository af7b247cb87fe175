//! Signals: who is online, and who is writing something.
//!
//! A signal is not an event: it is in no log, moves no cursor and is not
//! durable. It waits for a connection apart from the events, and only where
//! they leave room, so it never delays, displaces or closes anything.
//!
//! **Presence.** A user is online while a subscription of theirs is open on any
//! node, and for [`PresenceOptions::grace`] after the last was closed. Friends
//! learn of it, and fellow members of groups of up to
//! [`MAX_MEMBERS_FOR_PRESENCE`](crate::conversation::MAX_MEMBERS_FOR_PRESENCE);
//! not where one of the two blocks the other, and not while the user's
//! [`PresencePolicy`](crate::user::PresencePolicy) hides it. A client is told
//! who is online once it has caught up, of at most [`MOST_PRESENT`] users at a
//! time, and then what changes: also that someone comes into view or leaves it.
//! Whoever is not told to be online counts as offline.
//!
//! Presence is absolute and is not dropped: where many changes wait for a
//! connection, those of one user make one, or none.
//!
//! **Many nodes** tell each other over the store's
//! [`SignalBoard`](crate::store::SignalBoard). A node that ends takes its users
//! off it, one that dies is taken for dead after
//! [`PresenceOptions::lifetime`].

mod crossings;
mod notices;
mod online;
mod options;
mod outbox;
mod peers;
mod signal;
mod signaller;
mod throttle;
mod typing;
mod views;

pub(crate) use notices::Notices;
pub use options::PresenceOptions;
pub(crate) use outbox::Outbox;
pub use signal::{PresenceState, Signal, TYPING_INTERVAL, TYPING_LIFETIME};
pub(crate) use signaller::Signaller;
pub use views::MOST_PRESENT;
