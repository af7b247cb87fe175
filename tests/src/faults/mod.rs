//! What `make faults` runs: many clients on real processes, while processes,
//! database and NATS are killed; and a checker over all that was seen.

mod checker;
mod client;
mod cluster;
mod crowd;
mod follower;
mod history;
mod options;
mod play;
mod random;
mod report;
mod scenario;
mod sender;
mod stalled;

pub use play::main;
