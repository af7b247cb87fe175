//! Hashing of passwords: slow by design, so off the async threads, a bounded
//! number at a time, and behind everything else that has to be done.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
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
/// would not be faster and each needs 19 MiB.
#[derive(Clone)]
pub struct PasswordHasher {
    shared: Arc<Shared>,
}

struct Shared {
    argon2: Argon2<'static>,
    turns: Arc<Semaphore>,
    hashes: AtomicU64,
}

/// Whether an offered password is the right one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
}

impl PasswordHasher {
    /// A hasher at OWASP's cost.
    pub fn new() -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
        let turns = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            shared: Arc::new(Shared {
                argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
                turns: Arc::new(Semaphore::new(turns)),
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
        self.in_turn(move |argon2| {
            let hash: phc::PasswordHash = argon2.hash_password_with_salt(password.expose().as_bytes(), &salt)?;
            Ok(PasswordHash::from_stored(hash.to_string()))
        })
        .await
    }

    /// Compares a password with a stored hash. Without a hash the same work is
    /// done against one that nothing matches, so that an unknown user takes as
    /// long as a wrong password.
    pub(crate) async fn verify(&self, password: &Password, stored: Option<PasswordHash>) -> Result<Verdict> {
        let password = password.clone();
        self.in_turn(move |argon2| {
            let Some(stored) = stored else {
                let _: phc::PasswordHash = argon2.hash_password_with_salt(password.expose().as_bytes(), &[0; 16])?;
                return Ok(Verdict::Wrong);
            };
            let hash = phc::PasswordHash::new(stored.as_str())?;
            match argon2.verify_password(password.expose().as_bytes(), &hash) {
                Ok(()) => Ok(Verdict::Right),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// Waits for a turn and computes off the async threads. The turn goes with
    /// the computation, so a caller who gives up does not let another in early.
    async fn in_turn<T: Send + 'static>(
        &self,
        compute: impl FnOnce(&Argon2<'static>) -> Result<T, argon2::password_hash::Error> + Send + 'static,
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
            // The caller may have given up.
            let _ = answer.send(compute(&shared.argon2));
        });
        thread.map_err(|error| internal(&error))?;
        answered.await.map_err(|error| internal(&error))?.map_err(|error| internal(&error))
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
