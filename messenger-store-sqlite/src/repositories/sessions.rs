use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::id::{SessionId, UserId};
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::session::{DeviceName, RefreshTokenHash, Session, StoredRefreshToken, StoredTicket, TicketHash};
use messenger_core::store::{SessionQueries, SessionRepository, StoreResult};
use rusqlite::{OptionalExtension as _, params};

use crate::by_ids::change_by_ids;
use crate::error::not_stored;
use crate::handle::Handle;
use crate::rows::{descending, one_more, session, session_columns};

#[async_trait]
impl SessionQueries for Handle {
    async fn find_session(&mut self, id: SessionId) -> StoreResult<Option<Session>> {
        self.ask(move |connection| {
            let mut select =
                connection.prepare_cached(concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = ?1"))?;
            Ok(select.query_row([id.as_uuid()], session).optional()?)
        })
        .await
    }

    async fn list_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Session, TimeKey>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                session_columns!(),
                " FROM sessions
                 WHERE user_id = ?1 AND expires_at > ?2 AND (created_at, id) < (?3, ?4)
                 ORDER BY created_at DESC, id DESC LIMIT ?5"
            ))?;
            let (at, id) = descending(slice.after);
            let sessions = select
                .query_map(params![user.as_uuid(), now.as_millis(), at, id, one_more(slice.limit)], session)?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(Rows::cut(sessions, slice.limit, |session| TimeKey { at: session.created_at, id: session.id.as_uuid() }))
        })
        .await
    }

    async fn find_refresh_token(&mut self, hash: &RefreshTokenHash) -> StoreResult<Option<StoredRefreshToken>> {
        let hash = *hash;
        self.call(move |connection| {
            let mut select =
                connection.prepare_cached("SELECT session_id, generation FROM refresh_tokens WHERE token_hash = ?1")?;
            let token = select.query_row([hash.as_bytes()], |row| {
                let session_id = SessionId::from_uuid(row.get(0)?);
                Ok(StoredRefreshToken { hash, session_id, generation: row.get(1)? })
            });
            Ok(token.optional()?)
        })
        .await
    }

    async fn find_expired_sessions(&mut self, now: Timestamp, limit: u32) -> StoreResult<Vec<Session>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                session_columns!(),
                " FROM sessions WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2"
            ))?;
            let sessions = select.query_map(params![now.as_millis(), limit], session)?;
            Ok(sessions.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }
}

#[async_trait]
impl SessionRepository for Handle {
    async fn lock_session(&mut self, id: SessionId) -> StoreResult<Option<Session>> {
        // A plain read: the one writer is the lock; see `lock_users`.
        self.find_session(id).await
    }

    async fn lock_sessions_of(&mut self, user: UserId) -> StoreResult<Vec<Session>> {
        // A plain read: the one writer is the lock; see `lock_users`.
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                session_columns!(),
                " FROM sessions WHERE user_id = ?1 ORDER BY id"
            ))?;
            let sessions = select.query_map([user.as_uuid()], session)?;
            Ok(sessions.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn insert_session(&mut self, session: &Session) -> StoreResult<()> {
        let session = session.clone();
        self.change(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO sessions (id, user_id, device_name, created_at, refreshed_at, expires_at, spent_generation)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            insert.execute(params![
                session.id.as_uuid(),
                session.user_id.as_uuid(),
                session.device_name.as_ref().map(DeviceName::as_str),
                session.created_at.as_millis(),
                session.refreshed_at.as_millis(),
                session.expires_at.as_millis(),
                session.spent_generation,
            ])?;
            Ok(())
        })
        .await
    }

    async fn update_session(&mut self, session: &Session) -> StoreResult<()> {
        let session = session.clone();
        self.change(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE sessions SET refreshed_at = ?2, expires_at = ?3, spent_generation = ?4 WHERE id = ?1",
            )?;
            let updated = update.execute(params![
                session.id.as_uuid(),
                session.refreshed_at.as_millis(),
                session.expires_at.as_millis(),
                session.spent_generation,
            ])?;
            if updated == 0 { Err(not_stored("the session")) } else { Ok(()) }
        })
        .await
    }

    async fn delete_sessions(&mut self, ids: &[SessionId]) -> StoreResult<()> {
        let ids = ids.to_vec();
        self.change(move |connection| {
            // Their refresh tokens go with them, by the foreign key.
            let sql = "DELETE FROM sessions WHERE id IN (SELECT value FROM rarray(?1))";
            change_by_ids(connection, sql, ids.iter().map(|id| id.as_uuid()))?;
            Ok(())
        })
        .await
    }

    async fn insert_refresh_token(&mut self, token: &StoredRefreshToken) -> StoreResult<()> {
        let token = *token;
        self.change(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO refresh_tokens (token_hash, session_id, generation) VALUES (?1, ?2, ?3)",
            )?;
            insert.execute(params![token.hash.as_bytes(), token.session_id.as_uuid(), token.generation])?;
            Ok(())
        })
        .await
    }

    async fn outdate_siblings(&mut self, spent: &StoredRefreshToken) -> StoreResult<()> {
        let spent = *spent;
        self.change(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE refresh_tokens SET generation = generation - 1
                 WHERE session_id = ?1 AND generation = ?2 AND token_hash <> ?3",
            )?;
            update.execute(params![spent.session_id.as_uuid(), spent.generation, spent.hash.as_bytes()])?;
            Ok(())
        })
        .await
    }

    async fn insert_ticket(&mut self, ticket: &StoredTicket) -> StoreResult<()> {
        let ticket = *ticket;
        self.change(move |connection| {
            let mut insert = connection
                .prepare_cached("INSERT INTO tickets (ticket_hash, session_id, expires_at) VALUES (?1, ?2, ?3)")?;
            insert.execute(params![
                ticket.hash.as_bytes(),
                ticket.session_id.as_uuid(),
                ticket.expires_at.as_millis()
            ])?;
            Ok(())
        })
        .await
    }

    async fn take_ticket(&mut self, hash: &TicketHash) -> StoreResult<Option<StoredTicket>> {
        let hash = *hash;
        self.change(move |connection| {
            let mut delete = connection
                .prepare_cached("DELETE FROM tickets WHERE ticket_hash = ?1 RETURNING session_id, expires_at")?;
            let taken = delete.query_row([hash.as_bytes()], |row| {
                let session_id = SessionId::from_uuid(row.get(0)?);
                Ok(StoredTicket { hash, session_id, expires_at: Timestamp::from_millis(row.get(1)?) })
            });
            Ok(taken.optional()?)
        })
        .await
    }

    async fn delete_expired_tickets(&mut self, now: Timestamp) -> StoreResult<()> {
        self.change(move |connection| {
            connection.prepare_cached("DELETE FROM tickets WHERE expires_at <= ?1")?.execute([now.as_millis()])?;
            Ok(())
        })
        .await
    }
}
