//! What the workspace's tests share: servers that come and go with a test
//! binary, and the conformance suite's harness for each store.

pub mod live;
pub mod mysql;
mod mysql_harness;
mod sqlite_harness;

pub use mysql_harness::MySqlHarness;
pub use sqlite_harness::SqliteHarness;
