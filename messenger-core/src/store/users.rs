//! Users as stores keep them.

use async_trait::async_trait;

use super::StoreResult;
use crate::id::UserId;
use crate::page::{Rows, SearchKey, Slice};
use crate::user::{Email, User, UserQuery, Username};

/// Reads users.
#[async_trait]
pub trait UserQueries: Send {
    /// Those of `ids` that exist, in any order, each once.
    async fn find_users(&mut self, ids: &[UserId]) -> StoreResult<Vec<User>>;

    /// The user of this username.
    async fn find_user_by_username(&mut self, username: &Username) -> StoreResult<Option<User>>;

    /// The user of this email.
    async fn find_user_by_email(&mut self, email: &Email) -> StoreResult<Option<User>>;

    /// Users whose username or folded display name contains the query, or who
    /// are findable by email and whose email it is; ordered by
    /// [`MatchRank`](crate::user::MatchRank), then username. Every character of
    /// the query stands for itself: there are no wildcards. How long it takes
    /// must not depend on the users who do not match; see
    /// [`user_search`](crate::user_search).
    async fn search_users(&mut self, query: &UserQuery, slice: Slice<SearchKey>) -> StoreResult<Rows<User, SearchKey>>;
}

/// Changes users.
#[async_trait]
pub trait UserRepository: UserQueries {
    /// Locks the rows of those of `ids` that exist, in the order of their ids,
    /// and answers them as they are then, in that order. `ids` may come in any
    /// order and with repeats.
    async fn lock_users(&mut self, ids: &[UserId]) -> StoreResult<Vec<User>>;

    /// Stores a user. A taken id, username or email is
    /// [`StoreError::Unique`](super::StoreError::Unique) with its key.
    async fn insert_user(&mut self, user: &User) -> StoreResult<()>;

    /// Writes everything but `id`, `username` and `created_at` of a stored
    /// user, who is `before` until then: read under the lock, it tells what a
    /// search no longer finds. A taken email is `Unique(Email)`.
    async fn update_user(&mut self, before: &User, user: &User) -> StoreResult<()>;
}
