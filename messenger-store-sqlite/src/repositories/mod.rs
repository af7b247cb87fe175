//! The repositories. Each method's statements stand in the method.
//!
//! A method with many keys runs one prepared statement: over an array where the
//! keys are single ids, in a loop where they are pairs. There is no server
//! between here and the file, so a loop costs no round trips.

pub(crate) mod conversation_rows;
pub(crate) mod conversations;
mod credentials;
pub(crate) mod events;
mod events_by_message;
pub(crate) mod friendships;
pub(crate) mod messages;
mod recent;
mod sessions;
mod user_search;
mod user_terms;
pub(crate) mod users;
