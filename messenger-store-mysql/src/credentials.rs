//! Password hashes.

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::credential::PasswordHash;
use messenger_core::id::UserId;
use messenger_core::store::{CredentialQueries, CredentialRepository, StoreResult};

use crate::link::Link;
use crate::sql::Sql;

#[async_trait]
impl CredentialQueries for Link {
    async fn find_password_hash(&mut self, user: UserId) -> StoreResult<Option<PasswordHash>> {
        let mut sql = Sql::new("SELECT password_hash FROM credentials WHERE user_id = ");
        sql.id(user.as_uuid());
        self.optional(sql, |row| Ok(PasswordHash::from_stored(row.take()?))).await
    }
}

#[async_trait]
impl CredentialRepository for Link {
    async fn put_password_hash(&mut self, user: UserId, hash: &PasswordHash, at: Timestamp) -> StoreResult<()> {
        let mut sql = Sql::new("INSERT INTO credentials (user_id, password_hash, updated_at) VALUES (");
        // VALUES() in the update: MySQL would rather have an alias, which
        // MariaDB does not know. Binding twice needs neither.
        sql.id(user.as_uuid())
            .then(", ", hash.as_str())
            .then(", ", at.as_millis())
            .then(") ON DUPLICATE KEY UPDATE password_hash = ", hash.as_str())
            .then(", updated_at = ", at.as_millis());
        self.run(sql).await?;
        Ok(())
    }
}
