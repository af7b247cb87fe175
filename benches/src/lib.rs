//! What is measured, and the tools that measure it.
//!
//! - `load` (the binary, over [`load`]): leans on a service over HTTP.
//! - `benches/stores.rs`: the stores by themselves, with criterion.
//!
//! Figures of one machine say little about another: compare ratios of figures
//! that were taken in one run.

pub mod bare;
pub mod database;
pub mod load;
pub mod stored;

/// What goes wrong here ends the program with one line.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The result of everything that may end the program.
pub type Outcome<T> = Result<T, Failure>;
