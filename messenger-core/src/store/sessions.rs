//! Sessions and refresh tokens as stores keep them.

use async_trait::async_trait;

use super::StoreResult;
use crate::clock::Timestamp;
use crate::id::{SessionId, UserId};
use crate::page::{Rows, Slice, TimeKey};
use crate::session::{RefreshTokenHash, Session, StoredRefreshToken, StoredTicket, TicketHash};

/// Reads sessions.
#[async_trait]
pub trait SessionQueries: Send {
    /// The session, expired or not. An ended one is gone.
    async fn find_session(&mut self, id: SessionId) -> StoreResult<Option<Session>>;

    /// The user's sessions that expire after `now`; latest `created_at` first,
    /// then id descending.
    async fn list_sessions(
        &mut self,
        user: UserId,
        now: Timestamp,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Session, TimeKey>>;

    /// The refresh token of this hash, spent or not.
    async fn find_refresh_token(&mut self, hash: &RefreshTokenHash) -> StoreResult<Option<StoredRefreshToken>>;

    /// Up to `limit` sessions that expired at or before `now`.
    async fn find_expired_sessions(&mut self, now: Timestamp, limit: u32) -> StoreResult<Vec<Session>>;
}

/// Changes sessions.
#[async_trait]
pub trait SessionRepository: SessionQueries {
    /// Locks the session's row and answers it as it is then.
    async fn lock_session(&mut self, id: SessionId) -> StoreResult<Option<Session>>;

    /// Locks the rows of all sessions of the user, in the order of their ids,
    /// and answers them as they are then. The caller holds the user's lock, so
    /// that no session is added meanwhile.
    async fn lock_sessions_of(&mut self, user: UserId) -> StoreResult<Vec<Session>>;

    /// Stores a session.
    async fn insert_session(&mut self, session: &Session) -> StoreResult<()>;

    /// Writes `refreshed_at`, `expires_at` and `spent_generation` of a stored
    /// session.
    async fn update_session(&mut self, session: &Session) -> StoreResult<()>;

    /// Removes sessions and all their refresh tokens.
    async fn delete_sessions(&mut self, ids: &[SessionId]) -> StoreResult<()>;

    /// Stores a ticket of a stored session. It goes with its session.
    async fn insert_ticket(&mut self, ticket: &StoredTicket) -> StoreResult<()>;

    /// Removes the ticket of this hash and answers it. Of two who take it at
    /// once, one gets it.
    async fn take_ticket(&mut self, hash: &TicketHash) -> StoreResult<Option<StoredTicket>>;

    /// Removes tickets that expired at or before `now`.
    async fn delete_expired_tickets(&mut self, now: Timestamp) -> StoreResult<()>;

    /// Stores a refresh token of a stored session.
    async fn insert_refresh_token(&mut self, token: &StoredRefreshToken) -> StoreResult<()>;

    /// Takes one off the generation of all other tokens that have the
    /// generation and the session of `spent`.
    async fn outdate_siblings(&mut self, spent: &StoredRefreshToken) -> StoreResult<()>;
}
