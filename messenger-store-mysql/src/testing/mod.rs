//! What tests need: databases to throw away, a store whose every change is
//! rolled back, and checksums that show it was.

#[cfg(feature = "failpoints")]
mod checks;
mod checksums;
mod databases;
pub(crate) mod recording;
mod rolled_back;

#[cfg(feature = "failpoints")]
pub use checks::{CHECKS, Check};
pub use checksums::checksums;
pub use databases::{create_database, drop_database};
pub use rolled_back::RolledBackStore;

pub use crate::migrations::Migration;
