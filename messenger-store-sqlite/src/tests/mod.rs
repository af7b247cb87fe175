//! Tests that look inside. What every store must do is tested by the suite.

mod checkpoints;
mod client_keys;
mod files;
#[allow(dead_code, reason = "some of it is for the tests outside")]
mod fixtures;
mod pragmas;
mod repositories;
mod statements;
mod transactions;
mod unique_keys;
mod upgrades;

use crate::{SqliteOptions, SqliteStore};
