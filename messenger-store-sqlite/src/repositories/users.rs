use async_trait::async_trait;
use messenger_core::id::UserId;
use messenger_core::page::{Rows, SearchKey, Slice};
use messenger_core::store::{StoreResult, UserQueries, UserRepository};
use messenger_core::user::{AvatarUrl, Bio, Email, User, UserQuery, Username};
use messenger_core::user_search::{UserSearch, user_terms};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::user_search::search_users;
use super::user_terms::{delete_terms, insert_terms};
use crate::by_ids::select_by_ids;
use crate::error::{SqlResult, not_stored};
use crate::handle::Handle;
use crate::rows::{user, user_columns};

#[async_trait]
impl UserQueries for Handle {
    async fn find_users(&mut self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        let ids = ids.to_vec();
        self.ask(move |connection| users_by_id(connection, &ids)).await
    }

    async fn find_user_by_username(&mut self, username: &Username) -> StoreResult<Option<User>> {
        let username = username.clone();
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                user_columns!("u"),
                " FROM users u WHERE u.username = ?1"
            ))?;
            Ok(select.query_row([username.as_str()], |row| user(row, 0)).optional()?)
        })
        .await
    }

    async fn find_user_by_email(&mut self, email: &Email) -> StoreResult<Option<User>> {
        let email = email.clone();
        self.call(move |connection| {
            let mut select = connection.prepare_cached(concat!(
                "SELECT ",
                user_columns!("u"),
                " FROM users u WHERE u.email = ?1"
            ))?;
            Ok(select.query_row([email.as_str()], |row| user(row, 0)).optional()?)
        })
        .await
    }

    async fn search_users(&mut self, query: &UserQuery, slice: Slice<SearchKey>) -> StoreResult<Rows<User, SearchKey>> {
        let search = UserSearch::new(query, slice.after.as_ref());
        let limit = slice.limit;
        // Who has the terms of a long query and does not match is looked at too,
        // and the limit does not bound how many do.
        self.call_long(move |connection| {
            let found = search_users(connection, &search, limit)?;
            let page =
                Rows::cut(found, limit, |(user, rank)| SearchKey { rank: *rank, username: user.username.to_string() });
            Ok(Rows { items: page.items.into_iter().map(|(user, _)| user).collect(), next: page.next })
        })
        .await
    }
}

#[async_trait]
impl UserRepository for Handle {
    async fn lock_users(&mut self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        // A plain read: the transaction was begun IMMEDIATE, and there is one
        // writer, so no row changes until it ends. The writer is the lock.
        let ids = ids.to_vec();
        self.call(move |connection| users_by_id(connection, &ids)).await
    }

    async fn insert_user(&mut self, user: &User) -> StoreResult<()> {
        let user = user.clone();
        self.change(move |connection| {
            let mut insert = connection.prepare_cached(
                "INSERT INTO users (id, username, email, display_name, display_name_folded, bio, avatar_url, dm_policy,
                                    presence_policy, findable_by_email, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            insert.execute(params![
                user.id.as_uuid(),
                user.username.as_str(),
                user.email.as_ref().map(Email::as_str),
                user.display_name.as_str(),
                user.display_name.folded(),
                user.bio.as_ref().map(Bio::as_str),
                user.avatar_url.as_ref().map(AvatarUrl::as_str),
                user.dm_policy.as_str(),
                user.presence_policy.as_str(),
                user.findable_by_email,
                user.created_at.as_millis(),
                user.updated_at.as_millis(),
            ])?;
            insert_terms(connection, &user.username, user_terms(&user.username, &user.display_name))
        })
        .await
    }

    async fn update_user(&mut self, before: &User, user: &User) -> StoreResult<()> {
        let (before, user) = (before.clone(), user.clone());
        self.change(move |connection| {
            let mut update = connection.prepare_cached(
                "UPDATE users
                 SET email = ?2, display_name = ?3, display_name_folded = ?4, bio = ?5, avatar_url = ?6,
                     dm_policy = ?7, presence_policy = ?8, findable_by_email = ?9, updated_at = ?10
                 WHERE id = ?1",
            )?;
            let updated = update.execute(params![
                user.id.as_uuid(),
                user.email.as_ref().map(Email::as_str),
                user.display_name.as_str(),
                user.display_name.folded(),
                user.bio.as_ref().map(Bio::as_str),
                user.avatar_url.as_ref().map(AvatarUrl::as_str),
                user.dm_policy.as_str(),
                user.presence_policy.as_str(),
                user.findable_by_email,
                user.updated_at.as_millis(),
            ])?;
            if updated == 0 {
                return Err(not_stored("the user"));
            }
            if user.display_name == before.display_name {
                return Ok(());
            }
            let terms = |display_name| user_terms(&before.username, display_name);
            let (old, new) = (terms(&before.display_name), terms(&user.display_name));
            delete_terms(connection, &before.username, old.difference(&new).cloned())?;
            insert_terms(connection, &before.username, new.difference(&old).cloned())
        })
        .await
    }
}

pub(crate) fn users_by_id(connection: &Connection, ids: &[UserId]) -> SqlResult<Vec<User>> {
    // By itself one is found in half the time that a list of one takes, and to
    // find oneself is the most frequent of all reads.
    if let [id] = ids {
        let mut select =
            connection.prepare_cached(concat!("SELECT ", user_columns!("u"), " FROM users u WHERE u.id = ?1"))?;
        let user = select.query_row([id.as_uuid()], |row| user(row, 0)).optional()?;
        return Ok(user.into_iter().collect());
    }
    let sql = concat!(
        "SELECT ",
        user_columns!("u"),
        " FROM users u WHERE u.id IN (SELECT value FROM rarray(?1)) ORDER BY u.id"
    );
    select_by_ids(connection, sql, ids.iter().map(|id| id.as_uuid()), |row| user(row, 0))
}
