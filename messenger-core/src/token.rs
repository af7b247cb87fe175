//! Access tokens: short-lived JWTs (RFC 7519) signed with HS256.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::error::{Error, InvalidValue, Refusal, Result};
use crate::id::{IdGenerator, SessionId, UserId};
use crate::session::ACCESS_TOKEN_LIFETIME;

/// The shortest key: as long as the hash, as RFC 7518 section 3.2 demands.
const MIN_KEY_BYTES: usize = 32;

/// The keys that sign and verify access tokens. The first signs; all verify,
/// so a key is replaced by putting a new one before it, and removed once the
/// old tokens have expired.
#[derive(Clone)]
pub struct SigningKeys {
    keys: Vec<SigningKey>,
    validation: Validation,
}

#[derive(Clone)]
struct SigningKey {
    /// Names the key in a token's header: the start of the key's SHA-256, so
    /// that nodes with the same keys agree on it.
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.keys.iter().map(|key| &key.kid)).finish()
    }
}

impl SigningKeys {
    /// Takes keys of at least 32 bytes each, separated by commas.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let keys: Vec<_> = text.split(',').map(str::trim).collect();
        if keys.iter().any(|key| key.len() < MIN_KEY_BYTES) {
            return Err(InvalidValue::new(format!("every signing key must have at least {MIN_KEY_BYTES} bytes")));
        }
        Ok(Self::new(keys.into_iter().map(|key| SigningKey::new(key.as_bytes())).collect()))
    }

    fn new(keys: Vec<SigningKey>) -> Self {
        // Only HS256 is accepted, whatever a token's header says: `none` and
        // every other algorithm are refused. The time is ours to tell, so the
        // expiry is checked by [`Verified::viewer_at`].
        let mut validation = Validation::new(Algorithm::HS256);
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self { keys, validation }
    }

    /// A key that nobody knows, for a process that need not accept its tokens
    /// after a restart.
    pub(crate) fn random(ids: &dyn IdGenerator) -> Self {
        let mut key = Zeroizing::new([0; MIN_KEY_BYTES]);
        ids.fill_random(key.as_mut());
        Self::new(vec![SigningKey::new(key.as_ref())])
    }

    /// An access token for a session.
    pub(crate) fn sign(&self, viewer: Viewer, now: Timestamp) -> Result<String> {
        let key = self.keys.first().ok_or_else(|| Error::Internal("no signing key".into()))?;
        let header = Header { kid: Some(key.kid.clone()), ..Header::new(Algorithm::HS256) };
        let claims = Claims {
            sub: viewer.user_id.as_uuid(),
            sid: viewer.session_id.as_uuid(),
            iat: now.as_seconds(),
            exp: now.after(ACCESS_TOKEN_LIFETIME).as_seconds(),
        };
        encode(&header, &claims, &key.encoding).map_err(|error| Error::Internal(format!("access token: {error}")))
    }

    /// Whose token it is, by its signature. One answer for everything that can
    /// be wrong with it.
    pub(crate) fn verify(&self, token: &str) -> Result<Verified, Refusal> {
        let signed = self.keys.iter().find_map(|key| {
            let token = decode::<Claims>(token, &key.decoding, &self.validation).ok()?;
            (token.header.kid.as_deref() == Some(&key.kid)).then_some(token.claims)
        });
        let Claims { sub, sid, exp, .. } = signed.ok_or(Refusal::InvalidToken)?;
        Ok(Verified { viewer: Viewer { user_id: UserId::from_uuid(sub), session_id: SessionId::from_uuid(sid) }, exp })
    }
}

/// What a rightly signed token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verified {
    viewer: Viewer,
    /// Seconds since the epoch.
    exp: i64,
}

impl Verified {
    /// Whose it is, unless its time is up.
    pub(crate) fn viewer_at(self, now: Timestamp) -> Result<Viewer, Refusal> {
        if self.exp <= now.as_seconds() { Err(Refusal::InvalidToken) } else { Ok(self.viewer) }
    }
}

impl SigningKey {
    fn new(key: &[u8]) -> Self {
        let digest = Sha256::digest(key);
        Self {
            kid: URL_SAFE_NO_PAD.encode(&digest[..8]),
            encoding: EncodingKey::from_secret(key),
            decoding: DecodingKey::from_secret(key),
        }
    }
}

/// Who asks: a user in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Viewer {
    /// The user.
    pub user_id: UserId,
    /// The session in which they ask.
    pub session_id: SessionId,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: Uuid,
    sid: Uuid,
    iat: i64,
    exp: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn viewer() -> Viewer {
        Viewer { user_id: UserId::from_uuid(Uuid::from_u128(1)), session_id: SessionId::from_uuid(Uuid::from_u128(2)) }
    }

    fn verify(keys: &SigningKeys, token: &str, now: Timestamp) -> Result<Viewer, Refusal> {
        keys.verify(token)?.viewer_at(now)
    }

    fn keys(text: &str) -> SigningKeys {
        SigningKeys::parse(text).expect("long enough")
    }

    #[test]
    fn a_token_names_its_user_and_session_until_it_expires() {
        let keys = keys(&"k".repeat(32));
        let token = keys.sign(viewer(), NOW).expect("signs");
        assert_eq!(verify(&keys, &token, NOW), Ok(viewer()));
        assert_eq!(verify(&keys, &token, NOW.after(ACCESS_TOKEN_LIFETIME)), Err(Refusal::InvalidToken));
    }

    #[test]
    fn an_old_key_still_verifies_behind_a_new_one() {
        let (old, new) = ("o".repeat(32), "n".repeat(32));
        let token = keys(&old).sign(viewer(), NOW).expect("signs");
        assert_eq!(verify(&keys(&format!("{new},{old}")), &token, NOW), Ok(viewer()));
        assert_eq!(verify(&keys(&new), &token, NOW), Err(Refusal::InvalidToken));
    }

    #[test]
    fn an_unsigned_token_is_refused() {
        let keys = keys(&"k".repeat(32));
        let token = keys.sign(viewer(), NOW).expect("signs");
        let parts: Vec<_> = token.split('.').collect();
        let kid = &keys.keys[0].kid;
        let header = URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","typ":"JWT","kid":"{kid}"}}"#));
        for forged in [format!("{header}.{}.", parts[1]), format!("{header}.{}.{}", parts[1], parts[2])] {
            assert_eq!(verify(&keys, &forged, NOW), Err(Refusal::InvalidToken));
        }
    }

    #[test]
    fn a_short_key_is_refused() {
        assert!(SigningKeys::parse(&"k".repeat(31)).is_err());
        assert!(SigningKeys::parse(&format!("{},", "k".repeat(32))).is_err());
    }
}
