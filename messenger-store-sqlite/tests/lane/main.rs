//! The lane of `messenger-core` over a real store: what callers are answered
//! when their changes share a transaction, and what is stored then.

#[path = "../../src/tests/fixtures.rs"]
#[allow(dead_code, reason = "not every value is used here")]
mod fixtures;

mod ending;
mod faults;
mod faulty_store;
mod limits;
mod many_senders;
mod neighbours;
mod property;
mod world;

use messenger_store_sqlite::{SqliteOptions, SqliteStore};
