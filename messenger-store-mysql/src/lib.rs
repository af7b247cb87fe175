//! Keeps what a messenger knows in MySQL (9.7) or MariaDB (10.11): the same
//! statements run on both, so neither is a special case.
//!
//! ```no_run
//! # async fn f() -> Result<(), messenger_store_mysql::ConnectError> {
//! use messenger_store_mysql::MySqlStore;
//!
//! let store = MySqlStore::connect("mysql://user:password@db.example/messenger").await?;
//! # Ok(()) }
//! ```
//!
//! # Transport security
//!
//! TLS is used whenever the server offers it. Add `?ssl-mode=VERIFY_IDENTITY`
//! (and `&ssl-ca=<file>`) to insist on it and on the server's name. An account
//! that authenticates with `caching_sha2_password`, MySQL's default, needs TLS:
//! without it, its password would be encrypted with a key that nobody vouches
//! for, by the `rsa` crate with its open advisory RUSTSEC-2023-0071, so that
//! way is not built in. Both servers' native accounts and accounts without a
//! password work without TLS.
//!
//! # Proxies
//!
//! Sessions are set up with `SET`, commits and the migrator use user variables,
//! and the migrator `GET_LOCK`. A proxy that multiplexes sessions, such as
//! Amazon RDS Proxy, pins such connections to one client: it works, and gains
//! nothing.

mod batch;
mod board;
mod commit;
mod conversations;
mod credentials;
mod directs;
mod error;
mod events;
mod failpoint;
mod friendships;
mod lease;
mod link;
mod memberships;
mod messages;
mod migrate;
mod migrations;
mod options;
mod pairs;
mod pool;
mod questions;
mod recent;
mod sessions;
mod source;
mod sql;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod user_search;
mod user_terms;
mod users;

pub use migrate::MySqlMigrator;
pub use options::{MySqlOptions, OnPending};
pub use store::{ConnectError, MySqlStore};
