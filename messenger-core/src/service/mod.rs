//! The use cases, one file per resource. Each is a method of
//! [`Messenger`](crate::Messenger): it takes parsed values, locks what its
//! rule depends on, reads, decides, writes, and records what happened.

pub mod auth;
pub mod conversations;
pub mod events;
pub mod friendships;
pub mod history;
pub(crate) mod hydrate;
pub(crate) mod log_view;
pub mod members;
pub mod messages;
pub mod reading;
mod retention;
pub mod sessions;
pub mod snapshot;
mod subscribing;
mod typing;
pub mod users;
mod views;

pub use views::ConversationView;
