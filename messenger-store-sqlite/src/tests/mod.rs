//! Tests that look inside. What every store must do is tested by the suite.

mod checkpoints;
mod files;
mod fixtures;
mod pragmas;
mod repositories;
mod transactions;
mod unique_keys;

use crate::SqliteStore;
