//! The ceiling of `login`: the hashing alone, on as many threads as there are
//! processors, which is how many the service hashes on.

use std::thread::available_parallelism;
use std::time::Instant;

use argon2::{Algorithm, Argon2, Params, Version};

use super::measure::{Figures, Tally};
use super::options::Options;
use super::world::PASSWORD;
use crate::Outcome;

/// The cost that the service pays for each login: 19 MiB, two passes, one lane.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Hashes for as long as a round counts.
pub async fn hash(options: &Options) -> Outcome<Figures> {
    let threads = available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    let end = begin + options.duration;
    let hashing: Vec<_> = (0..threads).map(|_| tokio::task::spawn_blocking(move || hash_until(end))).collect();
    let mut tally = Tally::default();
    for hashed in hashing {
        tally.add(&hashed.await??);
    }
    Ok(tally.figures("ceiling", begin.elapsed()))
}

fn hash_until(end: Instant) -> Outcome<Tally> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|error| error.to_string())?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut tally = Tally::default();
    let mut output = [0; 32];
    while Instant::now() < end {
        let begin = Instant::now();
        let hashed = argon2.hash_password_into(PASSWORD.as_bytes(), &[7; 16], &mut output);
        hashed.map_err(|error| error.to_string())?;
        tally.succeed(begin.elapsed());
    }
    Ok(tally)
}
