//! Hashing of passwords: slow by design, so off the async threads, a bounded
//! number at a time, and behind everything else that has to be done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};
use tokio::sync::{Semaphore, oneshot};

use crate::credential::{Password, PasswordHash};
use crate::error::{Error, Result};
use crate::id::IdGenerator;

/// Memory per hash in KiB. Source: OWASP Password Storage Cheat Sheet, Argon2id
/// with 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How soon a hash gets a processor that others want too, from 0 to 99. On Linux
/// this is a niceness of 7: in a storm of logins everything else has four fifths
/// of the processors, and without anything else hashing has all of them.
const PRIORITY: u8 = 30;

/// Hashes and verifies passwords with argon2id.
///
/// At most as many hashes as there are processors are computed at once: more
/// would not be faster and each needs 19 MiB. These are kept for the next ones.
#[derive(Clone)]
pub struct PasswordHasher {
    shared: Arc<Shared>,
}

struct Shared {
    turns: Arc<Semaphore>,
    /// For the next turns, as each computes on a thread of its own: blocks of
    /// this size that many threads allocate and free stay with the allocator,
    /// several times over (97 MiB were measured where two are in use at once).
    memories: Mutex<Vec<Memory>>,
    hashes: AtomicU64,
}

/// What a hash is computed in, in blocks of a KiB.
type Memory = Vec<Block>;

/// Whether an offered password is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
}

impl PasswordHasher {
    /// A hasher at OWASP's cost.
    pub fn new() -> Self {
        let turns = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            shared: Arc::new(Shared {
                turns: Arc::new(Semaphore::new(turns)),
                memories: Mutex::default(),
                hashes: AtomicU64::new(0),
            }),
        }
    }

    /// How many hashes were computed so far. A login for an unknown user costs
    /// one like any other, which is asserted by this count.
    pub fn hash_count(&self) -> u64 {
        self.shared.hashes.load(Ordering::Relaxed)
    }

    /// Computes the hash to store.
    pub(crate) async fn hash(&self, ids: &dyn IdGenerator, password: &Password) -> Result<PasswordHash> {
        let mut salt = [0; 16];
        ids.fill_random(&mut salt);
        let password = password.clone();
        self.in_turn(move |memory| {
            let hash = Recipe::owasp().compute(&password, phc::Salt::new(&salt)?, memory)?;
            Ok(PasswordHash::from_stored(hash.to_string()))
        })
        .await
    }

    /// Compares a password with a stored hash. Without a hash the same work is
    /// done against one that nothing matches, so that an unknown user takes as
    /// long as a wrong password.
    pub(crate) async fn verify(&self, password: &Password, stored: Option<PasswordHash>) -> Result<Verdict> {
        let password = password.clone();
        self.in_turn(move |memory| {
            let Some(stored) = stored else {
                Recipe::owasp().compute(&password, phc::Salt::new(&[0; 16])?, memory)?;
                return Ok(Verdict::Wrong);
            };
            let stored = phc::PasswordHash::new(stored.as_str())?;
            let (Some(salt), Some(_)) = (stored.salt, stored.hash) else { return Ok(Verdict::Wrong) };
            let offered = Recipe::of(&stored)?.compute(&password, salt, memory)?;
            // Compared in a time that tells nothing.
            Ok(if offered.hash == stored.hash { Verdict::Right } else { Verdict::Wrong })
        })
        .await
    }

    /// Waits for a turn and computes off the async threads. The turn goes with
    /// the computation, so a caller who gives up does not let another in early.
    async fn in_turn<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&mut Memory) -> Result<T, argon2::password_hash::Error> + Send + 'static,
    ) -> Result<T> {
        let internal = |error: &dyn std::fmt::Display| Error::Internal(format!("password hash: {error}"));
        let turn = self.shared.turns.clone().acquire_owned().await.map_err(|error| internal(&error))?;
        let (shared, (answer, answered)) = (self.shared.clone(), oneshot::channel());
        // A thread of its own, which a hash takes a hundred times as long as to
        // start: a priority that was lowered cannot be raised again.
        let thread = std::thread::Builder::new().name("password-hash".to_owned()).spawn(move || {
            let _turn = turn;
            step_back();
            shared.hashes.fetch_add(1, Ordering::Relaxed);
            let mut memory = shared.memories().pop().unwrap_or_default();
            let computed = compute(&mut memory);
            // A stored hash may have asked for more than one of today does.
            memory.truncate(MEMORY_KIB as usize);
            memory.shrink_to_fit();
            shared.memories().push(memory);
            // The caller may have given up.
            let _ = answer.send(computed);
        });
        thread.map_err(|error| internal(&error))?;
        answered.await.map_err(|error| internal(&error))?.map_err(|error| internal(&error))
    }
}

impl Shared {
    fn memories(&self) -> MutexGuard<'_, Vec<Memory>> {
        // A list is whole whatever panicked beside it.
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a hash is computed.
struct Recipe {
    algorithm: Algorithm,
    version: Version,
    params: Params,
}

impl Recipe {
    /// Of the hashes that are stored from now on.
    fn owasp() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        Self { algorithm: Algorithm::Argon2id, version: Version::V0x13, params }
    }

    /// Of one that is stored, at the cost of its day.
    fn of(hash: &phc::PasswordHash) -> Result<Self, argon2::password_hash::Error> {
        Ok(Self {
            algorithm: Algorithm::try_from(hash.algorithm.as_str())?,
            version: hash.version.map_or(Ok(Version::default()), Version::try_from)?,
            params: Params::try_from(hash)?,
        })
    }

    fn compute(
        self,
        password: &Password,
        salt: phc::Salt,
        memory: &mut Memory,
    ) -> Result<phc::PasswordHash, argon2::password_hash::Error> {
        let Self { algorithm, version, params } = self;
        let blocks = params.block_count();
        if memory.len() < blocks {
            memory.resize(blocks, Block::default());
        }
        let mut output = vec![0; params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let names = phc::ParamsString::try_from(&params)?;
        Argon2::new(algorithm, version, params).hash_password_into_with_memory(
            password.expose().as_bytes(),
            &salt,
            &mut output,
            &mut memory[..blocks],
        )?;
        Ok(phc::PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: names,
            salt: Some(salt),
            hash: Some(phc::Output::new(&output)?),
        })
    }
}

/// Lets other threads go first, where the system knows of that.
fn step_back() {
    let set = ThreadPriorityValue::try_from(PRIORITY).map(|value| {
        set_current_thread_priority(ThreadPriority::Crossplatform(value))
            .map_err(|error| tracing::debug!(?error, "passwords are hashed at the usual priority"))
    });
    debug_assert!(set.is_ok(), "a priority is below 100");
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SystemIds;

    #[tokio::test]
    async fn a_hash_has_owasps_cost_and_verifies_only_its_password() {
        let hasher = PasswordHasher::new();
        let right = Password::attempt("correct horse");
        let hash = hasher.hash(&SystemIds, &right).await.expect("hashes");
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        assert_eq!(hasher.verify(&right, Some(hash.clone())).await.expect("verifies"), Verdict::Right);
        let wrong = Password::attempt("battery staple");
        assert_eq!(hasher.verify(&wrong, Some(hash)).await.expect("verifies"), Verdict::Wrong);
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_verifies_and_leaves_the_next_one_right() {
        // Made by the reference implementation.
        let other = "$argon2i$v=19$m=64,t=3,p=2$c29tZXNhbHRzb21lc2FsdA$LURMUfbxCC4jSI5q8452K5K9xSJ95q2d";
        let hasher = PasswordHasher::new();
        let right = Password::attempt("correct horse");
        let own = hasher.hash(&SystemIds, &right).await.expect("hashes");
        let verdict = |stored: &str| hasher.verify(&right, Some(PasswordHash::from_stored(stored.to_owned())));
        assert_eq!(verdict(other).await.expect("verifies"), Verdict::Right);
        assert_eq!(verdict(own.as_str()).await.expect("verifies"), Verdict::Right);
        assert_eq!(hasher.shared.memories().len(), 1, "one after the other, all in one memory");
    }

    #[tokio::test]
    async fn what_is_no_hash_is_an_error_and_costs_no_memory() {
        let hasher = PasswordHasher::new();
        let stored = PasswordHash::from_stored("plain".to_owned());
        assert!(hasher.verify(&Password::attempt("plain"), Some(stored)).await.is_err());
        assert!(hasher.shared.memories().iter().all(Vec::is_empty));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_hash_lets_other_threads_go_first() {
        let niceness = || {
            let stat = std::fs::read_to_string("/proc/thread-self/stat").expect("Linux tells");
            let after_name = stat.rsplit(") ").next().expect("a name in brackets");
            after_name.split(' ').nth(16).and_then(|field| field.parse::<i32>().ok()).expect("a number")
        };
        let before = niceness();
        let stepped_back = std::thread::spawn(move || {
            step_back();
            niceness()
        });
        // Unless the whole process does already.
        assert_eq!(stepped_back.join().expect("no panic"), before.max(7));
        assert_eq!(niceness(), before);
    }

    #[tokio::test]
    async fn without_a_hash_the_same_work_is_done() {
        let hasher = PasswordHasher::new();
        let password = Password::attempt("correct horse");
        assert_eq!(hasher.verify(&password, None).await.expect("verifies"), Verdict::Wrong);
        assert_eq!(hasher.hash_count(), 1);
    }
}
