//! The access tokens whose signature was found right, so that a client's next
//! request need not prove it again.
//!
//! That a token is rightly signed does not change. Whether its time is up, and
//! whether its session lives, is asked each time.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::clock::Timestamp;
use crate::error::Refusal;
use crate::generations::Generations;
use crate::token::{SigningKeys, Verified, Viewer};

/// How many tokens one generation holds. There are two, of about 90 bytes an
/// entry: 3 MiB at the most.
const CAPACITY: usize = 16_384;

/// What is known of tokens, for all requests of a messenger. By their hash: a
/// dump of the process has no token in it from here.
pub(crate) struct TokenCache {
    // A std mutex: nothing is awaited while it is held, and it is held for a
    // look-up.
    known: Mutex<Generations<[u8; 32], Verified>>,
}

impl Default for TokenCache {
    fn default() -> Self {
        Self { known: Mutex::new(Generations::new(CAPACITY)) }
    }
}

impl TokenCache {
    /// [`SigningKeys::verify`], once for each token. The keys are the same each
    /// time.
    pub(crate) fn verify(&self, keys: &SigningKeys, token: &str, now: Timestamp) -> Result<Viewer, Refusal> {
        let hash = Sha256::digest(token).into();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).find(&hash);
        if let Some(verified) = known {
            return verified.viewer_at(now);
        }
        let verified = keys.verify(token)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).put(hash, verified);
        verified.viewer_at(now)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::id::{SessionId, UserId};
    use crate::session::ACCESS_TOKEN_LIFETIME;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn keys(text: &str) -> SigningKeys {
        SigningKeys::parse(&text.repeat(32)).expect("long enough")
    }

    fn viewer(number: u128) -> Viewer {
        let id = Uuid::from_u128(number);
        Viewer { user_id: UserId::from_uuid(id), session_id: SessionId::from_uuid(id) }
    }

    #[test]
    fn a_known_token_is_its_viewers_until_it_expires() {
        let (cache, keys) = (TokenCache::default(), keys("k"));
        let tokens = [1, 2].map(|number| keys.sign(viewer(number), NOW).expect("signs"));
        for _ in 0..2 {
            for (number, token) in (1..).zip(&tokens) {
                assert_eq!(cache.verify(&keys, token, NOW), Ok(viewer(number)));
            }
        }
        let later = NOW.after(ACCESS_TOKEN_LIFETIME);
        assert_eq!(cache.verify(&keys, &tokens[0], later), Err(Refusal::InvalidToken));
        assert_eq!(cache.verify(&keys, &tokens[0], NOW), Ok(viewer(1)), "a clock may step back");
    }

    #[test]
    fn what_is_not_rightly_signed_is_never_known() {
        let (cache, keys, others) = (TokenCache::default(), keys("k"), keys("o"));
        let good = keys.sign(viewer(1), NOW).expect("signs");
        let forged = others.sign(viewer(1), NOW).expect("signs");
        assert!(cache.verify(&keys, &good, NOW).is_ok());
        let altered = format!("{good}A");
        for token in [&forged, &altered, &String::new()] {
            for _ in 0..2 {
                assert_eq!(cache.verify(&keys, token, NOW), Err(Refusal::InvalidToken));
            }
        }
    }
}
