//! What the workspace's tests share: servers that come and go with a test
//! binary, the conformance suite's harness for each store, and what the HTTP
//! suite stands on.

pub mod binary;
pub mod faults;
pub mod http;
pub mod json;
mod kept;
pub mod live;
pub mod mysql;
mod mysql_harness;
pub mod nats;
mod sqlite_harness;
pub mod store_checks;

pub use mysql_harness::MySqlHarness;
pub use sqlite_harness::SqliteHarness;
