//! Sessions and refresh tokens.

use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::id::{SessionId, UserId};
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::session::{DeviceName, RefreshTokenHash, Session, StoredRefreshToken, StoredTicket, TicketHash};
use messenger_core::store::{SessionQueries, SessionRepository, StoreResult};
use uuid::Uuid;

use crate::link::Link;
use crate::sql::{CHUNK, Columns, Sql, read_id, sorted_ids};

macro_rules! session_columns {
    () => {
        "id, user_id, device_name, created_at, refreshed_at, expires_at, spent_generation"
    };
}

fn read_session(row: &mut Columns<'_>) -> StoreResult<Session> {
    Ok(Session {
        id: SessionId::from_uuid(row.id()?),
        user_id: UserId::from_uuid(row.id()?),
        device_name: row.take::<Option<String>>()?.map(DeviceName::from_stored),
        created_at: row.time()?,
        refreshed_at: row.time()?,
        expires_at: row.time()?,
        spent_generation: row.take()?,
    })
}

#[async_trait]
impl SessionQueries for Link {
    async fn find_session(&mut self, id: SessionId) -> StoreResult<Option<Session>> {
        let mut sql = Sql::new(concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = "));
        sql.id(id.as_uuid());
        self.optional(sql, read_session).await
    }

    async fn list_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Session, TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT ",
            session_columns!(),
            " FROM sessions FORCE INDEX (sessions_by_user) WHERE user_id = "
        ));
        sql.id(user.as_uuid())
            .then(" AND expires_at > ", now.as_millis())
            .before(slice.after, "created_at", "id")
            .text(" ORDER BY created_at DESC, id DESC")
            .limit_for_page(slice.limit);
        let sessions = self.all(sql, read_session).await?;
        Ok(Rows::cut(sessions, slice.limit, |session| TimeKey { at: session.created_at, id: session.id.as_uuid() }))
    }

    async fn find_refresh_token(&mut self, hash: &RefreshTokenHash) -> StoreResult<Option<StoredRefreshToken>> {
        let mut sql = Sql::new("SELECT token_hash, session_id, generation FROM refresh_tokens WHERE token_hash = ");
        sql.bind(hash.as_bytes().as_slice());
        self.optional(sql, |row| {
            Ok(StoredRefreshToken {
                hash: RefreshTokenHash::from_stored(row.hash()?),
                session_id: SessionId::from_uuid(row.id()?),
                generation: row.take()?,
            })
        })
        .await
    }

    async fn find_expired_sessions(&mut self, now: Timestamp, limit: u32) -> StoreResult<Vec<Session>> {
        let mut sql = Sql::new(concat!("SELECT ", session_columns!(), " FROM sessions WHERE expires_at <= "));
        sql.time(now).then(" ORDER BY expires_at LIMIT ", i64::from(limit));
        self.all(sql, read_session).await
    }
}

#[async_trait]
impl SessionRepository for Link {
    async fn lock_session(&mut self, id: SessionId) -> StoreResult<Option<Session>> {
        let mut sql = Sql::new(concat!("SELECT ", session_columns!(), " FROM sessions WHERE id = "));
        sql.id(id.as_uuid()).text(" FOR UPDATE");
        self.optional(sql, read_session).await
    }

    async fn lock_sessions_of(&mut self, user: UserId) -> StoreResult<Vec<Session>> {
        // Two statements: by user alone, they would be locked in the order of
        // the user's index, which is not that of their ids.
        let mut sql = Sql::new("SELECT id FROM sessions WHERE user_id = ");
        sql.id(user.as_uuid());
        let ids = self.all(sql, read_id).await?;
        let mut sessions = Vec::new();
        for ids in sorted_ids(ids.into_iter()).chunks(CHUNK) {
            let mut sql =
                Sql::new(concat!("SELECT ", session_columns!(), " FROM sessions FORCE INDEX (PRIMARY) WHERE id IN ("));
            sql.ids(ids).text(") ORDER BY id FOR UPDATE");
            sessions.extend(self.all(sql, read_session).await?);
        }
        Ok(sessions)
    }

    async fn insert_session(&mut self, session: &Session) -> StoreResult<()> {
        let mut sql = Sql::new(concat!("INSERT INTO sessions (", session_columns!(), ") VALUES ("));
        sql.id(session.id.as_uuid())
            .text(", ")
            .id(session.user_id.as_uuid())
            .then(", ", session.device_name.as_ref().map(DeviceName::as_str))
            .then(", ", session.created_at.as_millis())
            .then(", ", session.refreshed_at.as_millis())
            .then(", ", session.expires_at.as_millis())
            .then(", ", session.spent_generation)
            .text(")");
        self.run(sql).await?;
        Ok(())
    }

    async fn update_session(&mut self, session: &Session) -> StoreResult<()> {
        let mut sql = Sql::new("UPDATE sessions SET refreshed_at = ");
        sql.time(session.refreshed_at)
            .then(", expires_at = ", session.expires_at.as_millis())
            .then(", spent_generation = ", session.spent_generation)
            .text(" WHERE id = ")
            .id(session.id.as_uuid());
        self.run_on(sql, 1, "sessions").await
    }

    async fn delete_sessions(&mut self, ids: &[SessionId]) -> StoreResult<()> {
        let ids: Vec<Uuid> = sorted_ids(ids.iter().map(|id| id.as_uuid()));
        for ids in ids.chunks(CHUNK) {
            // Their refresh tokens go by the foreign key. This form of DELETE
            // is the one that takes an index hint; see `lock_users`.
            let mut sql = Sql::new("DELETE s FROM sessions s FORCE INDEX (PRIMARY) WHERE s.id IN (");
            sql.ids(ids).text(")");
            self.run(sql).await?;
        }
        Ok(())
    }

    async fn insert_refresh_token(&mut self, token: &StoredRefreshToken) -> StoreResult<()> {
        let mut sql = Sql::new("INSERT INTO refresh_tokens (token_hash, session_id, generation) VALUES (");
        sql.bind(token.hash.as_bytes().as_slice())
            .text(", ")
            .id(token.session_id.as_uuid())
            .then(", ", token.generation)
            .text(")");
        self.run(sql).await?;
        Ok(())
    }

    async fn outdate_siblings(&mut self, spent: &StoredRefreshToken) -> StoreResult<()> {
        let mut sql = Sql::new("UPDATE refresh_tokens SET generation = generation - 1 WHERE session_id = ");
        sql.id(spent.session_id.as_uuid())
            .then(" AND generation = ", spent.generation)
            .text(" AND token_hash <> ")
            .bind(spent.hash.as_bytes().as_slice());
        self.run(sql).await?;
        Ok(())
    }

    async fn insert_ticket(&mut self, ticket: &StoredTicket) -> StoreResult<()> {
        let mut sql = Sql::new("INSERT INTO tickets (ticket_hash, session_id, expires_at) VALUES (");
        sql.bind(ticket.hash.as_bytes().as_slice())
            .text(", ")
            .id(ticket.session_id.as_uuid())
            .then(", ", ticket.expires_at.as_millis())
            .text(")");
        self.run(sql).await?;
        Ok(())
    }

    async fn take_ticket(&mut self, hash: &TicketHash) -> StoreResult<Option<StoredTicket>> {
        // Of two at once, the second waits here and then finds nothing.
        let mut sql = Sql::new("SELECT ticket_hash, session_id, expires_at FROM tickets WHERE ticket_hash = ");
        sql.bind(hash.as_bytes().as_slice()).text(" FOR UPDATE");
        let found = self.optional(sql, |row| {
            let hash = TicketHash::from_stored(row.hash()?);
            Ok(StoredTicket { hash, session_id: SessionId::from_uuid(row.id()?), expires_at: row.time()? })
        });
        let Some(ticket) = found.await? else { return Ok(None) };
        let mut sql = Sql::new("DELETE FROM tickets WHERE ticket_hash = ");
        sql.bind(hash.as_bytes().as_slice());
        self.run(sql).await?;
        Ok(Some(ticket))
    }

    async fn delete_expired_tickets(&mut self, now: Timestamp) -> StoreResult<()> {
        let mut sql = Sql::new("DELETE FROM tickets WHERE expires_at <= ");
        sql.time(now);
        self.run(sql).await?;
        Ok(())
    }
}
