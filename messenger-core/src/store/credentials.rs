//! Password hashes as stores keep them.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::credential::PasswordHash;
use crate::id::UserId;

/// Reads password hashes.
#[async_trait]
pub trait CredentialQueries: Send {
    /// The user's password hash; `None` for a user without a password.
    async fn find_password_hash(&mut self, user: UserId) -> StoreResult<Option<PasswordHash>>;
}

/// Changes password hashes.
#[async_trait]
pub trait CredentialRepository: CredentialQueries {
    /// Stores the user's password hash, in place of an older one if there is
    /// one. `at` is when.
    async fn put_password_hash(&mut self, user: UserId, hash: &PasswordHash, at: Timestamp) -> StoreResult<()>;
}
