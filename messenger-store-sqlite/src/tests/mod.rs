//! Tests that look inside. What every store must do is tested by the suite.

mod checkpoints;
mod files;
#[allow(dead_code, reason = "some of it is for the tests outside")]
mod fixtures;
mod latest;
mod pragmas;
mod repositories;
mod statements;
mod transactions;
mod turns;
mod unique_keys;
mod upgrades;

use crate::{SqliteOptions, SqliteStore};
