//! Hashing of passwords: slow by design, so off the async threads and a
//! bounded number at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::Semaphore;

use crate::credential::{Password, PasswordHash};
use crate::error::{Error, Result};
use crate::id::IdGenerator;

/// Memory per hash in KiB. Source: OWASP Password Storage Cheat Sheet, Argon2id
/// with 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

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
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            shared.hashes.fetch_add(1, Ordering::Relaxed);
            compute(&shared.argon2)
        })
        .await
        .map_err(|error| internal(&error))?
        .map_err(|error| internal(&error))
    }
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
    async fn without_a_hash_the_same_work_is_done() {
        let hasher = PasswordHasher::new();
        let password = Password::attempt("correct horse");
        assert_eq!(hasher.verify(&password, None).await.expect("verifies"), Verdict::Wrong);
        assert_eq!(hasher.hash_count(), 1);
    }
}
