use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::credential::PasswordHash;
use messenger_core::id::UserId;
use messenger_core::store::{CredentialQueries, CredentialRepository, StoreResult};
use rusqlite::{OptionalExtension as _, params};

use crate::handle::Handle;

#[async_trait]
impl CredentialQueries for Handle {
    async fn find_password_hash(&mut self, user: UserId) -> StoreResult<Option<PasswordHash>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached("SELECT password_hash FROM credentials WHERE user_id = ?1")?;
            let hash = select.query_row([user.as_uuid()], |row| row.get(0)).optional()?;
            Ok(hash.map(PasswordHash::from_stored))
        })
        .await
    }
}

#[async_trait]
impl CredentialRepository for Handle {
    async fn put_password_hash(&mut self, user: UserId, hash: &PasswordHash, at: Timestamp) -> StoreResult<()> {
        let hash = hash.clone();
        self.change(move |connection| {
            let mut put = connection.prepare_cached(
                "INSERT INTO credentials (user_id, password_hash, updated_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user_id) DO UPDATE
                 SET password_hash = excluded.password_hash, updated_at = excluded.updated_at",
            )?;
            put.execute(params![user.as_uuid(), hash.as_str(), at.as_millis()])?;
            Ok(())
        })
        .await
    }
}
