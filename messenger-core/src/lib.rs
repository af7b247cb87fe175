//! A messaging backend that a Rust project embeds: users, friendships, direct
//! and group conversations, messages, and a log of everything that happens.
//!
//! This crate holds the types and the rules. It knows no HTTP and no SQL: what
//! it keeps, it keeps in a [`store::Store`], of which `messenger-store-sqlite`
//! and `messenger-store-mysql` are two.

mod change;
pub mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod conversation;
pub mod credential;
pub mod cursor;
pub mod delivery;
pub mod error;
pub mod event;
pub mod friendship;
mod generations;
pub mod id;
pub mod lane;
pub mod live;
pub mod message;
mod messenger;
pub mod page;
pub mod password;
pub mod presence;
pub mod service;
pub mod session;
mod session_cache;
pub mod store;
mod text;
pub mod token;
mod token_cache;
pub mod user;
pub mod user_search;

pub use error::{Error, Result};
pub use messenger::{Messenger, MessengerBuilder};
