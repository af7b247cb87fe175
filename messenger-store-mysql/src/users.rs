//! Users.

use async_trait::async_trait;
use messenger_core::id::UserId;
use messenger_core::page::{Rows, SearchKey, Slice};
use messenger_core::store::{StoreResult, UniqueKey, UserQueries, UserRepository};
use messenger_core::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, PresencePolicy, User, UserQuery, Username};
use messenger_core::user_search::{UserSearch, user_terms};
use uuid::Uuid;

use crate::link::Link;
use crate::sql::{CHUNK, Columns, Script, Sql, sorted_ids, unreadable};
use crate::user_search::search_users;
use crate::user_terms::{delete_terms, insert_terms};

/// The columns that [`read_user`] reads, of a table called `u` or as it says.
macro_rules! user_columns {
    () => {
        $crate::users::user_columns!("u")
    };
    ($u:literal) => {
        concat!(
            $u,
            ".id, ",
            $u,
            ".username, ",
            $u,
            ".email, ",
            $u,
            ".display_name, ",
            $u,
            ".bio, ",
            $u,
            ".avatar_url, ",
            $u,
            ".dm_policy, ",
            $u,
            ".presence_policy, ",
            $u,
            ".findable_by_email, ",
            $u,
            ".created_at, ",
            $u,
            ".updated_at"
        )
    };
}
pub(crate) use user_columns;

/// Reads [`user_columns`].
pub(crate) fn read_user(row: &mut Columns<'_>) -> StoreResult<User> {
    Ok(User {
        id: UserId::from_uuid(row.id()?),
        username: Username::from_stored(row.take()?),
        email: row.take::<Option<String>>()?.map(Email::from_stored),
        display_name: DisplayName::from_stored(row.take()?),
        bio: row.take::<Option<String>>()?.map(Bio::from_stored),
        avatar_url: row.take::<Option<String>>()?.map(AvatarUrl::from_stored),
        dm_policy: DmPolicy::parse(row.take()?).map_err(|_| unreadable("DM policy")())?,
        presence_policy: PresencePolicy::parse(row.take()?).map_err(|_| unreadable("presence policy")())?,
        findable_by_email: row.take()?,
        created_at: row.time()?,
        updated_at: row.time()?,
    })
}

/// Locks users, in the order of their ids; there must be at least one.
pub(crate) fn lock_users(ids: &[Uuid]) -> Sql {
    // By the primary key, whatever the optimiser thinks of a small table: a
    // scan would wait for rows that nobody asked for.
    let mut sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM users u FORCE INDEX (PRIMARY) WHERE u.id IN ("));
    sql.ids(ids).text(") ORDER BY u.id FOR UPDATE");
    sql
}

#[async_trait]
impl UserQueries for Link {
    async fn find_users(&mut self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        let mut users = Vec::new();
        for ids in sorted_ids(ids.iter().map(|id| id.as_uuid())).chunks(CHUNK) {
            let mut sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id IN ("));
            sql.ids(ids).text(")");
            users.extend(self.all(sql, read_user).await?);
        }
        Ok(users)
    }

    async fn find_user_by_username(&mut self, username: &Username) -> StoreResult<Option<User>> {
        let mut sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.username = "));
        sql.bind(username.as_str());
        self.optional(sql, read_user).await
    }

    async fn find_user_by_email(&mut self, email: &Email) -> StoreResult<Option<User>> {
        let mut sql = Sql::new(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.email = "));
        sql.bind(email.as_str());
        self.optional(sql, read_user).await
    }

    async fn search_users(&mut self, query: &UserQuery, slice: Slice<SearchKey>) -> StoreResult<Rows<User, SearchKey>> {
        let search = UserSearch::new(query, slice.after.as_ref());
        let sql = search_users(&search, slice.limit);
        let ranked = self
            .all(sql, |row| {
                let rank: i64 = row.take()?;
                Ok((u8::try_from(rank).map_err(|_| unreadable("match rank")())?, read_user(row)?))
            })
            .await?;
        let rows = Rows::cut(ranked, slice.limit, |(rank, user)| SearchKey {
            rank: *rank,
            username: user.username.as_str().to_owned(),
        });
        Ok(Rows { items: rows.items.into_iter().map(|(_, user)| user).collect(), next: rows.next })
    }
}

#[async_trait]
impl UserRepository for Link {
    async fn lock_users(&mut self, ids: &[UserId]) -> StoreResult<Vec<User>> {
        let mut users = Vec::new();
        for ids in sorted_ids(ids.iter().map(|id| id.as_uuid())).chunks(CHUNK) {
            users.extend(self.all(lock_users(ids), read_user).await?);
        }
        Ok(users)
    }

    async fn insert_user(&mut self, user: &User) -> StoreResult<()> {
        let mut sql = Sql::new(
            "INSERT INTO users (id, username, email, display_name, display_name_folded, bio, avatar_url, dm_policy, \
             presence_policy, findable_by_email, created_at, updated_at) VALUES (",
        );
        sql.id(user.id.as_uuid())
            .then(", ", user.username.as_str())
            .then(", ", user.email.as_ref().map(Email::as_str))
            .then(", ", user.display_name.as_str())
            .then(", ", user.display_name.folded())
            .then(", ", user.bio.as_ref().map(Bio::as_str))
            .then(", ", user.avatar_url.as_ref().map(AvatarUrl::as_str))
            .then(", ", user.dm_policy.as_str())
            .then(", ", user.presence_policy.as_str())
            .then(", ", user.findable_by_email)
            .then(", ", user.created_at.as_millis())
            .then(", ", user.updated_at.as_millis())
            .text(")");
        let mut script = Script::new();
        script.push(&sql);
        insert_terms(&mut script, &user.username, &user_terms(&user.username, &user.display_name));
        self.run_all_keyed(script, UniqueKey::UserId).await
    }

    async fn update_user(&mut self, before: &User, user: &User) -> StoreResult<()> {
        let mut sql = Sql::new("UPDATE users SET email = ");
        sql.bind(user.email.as_ref().map(Email::as_str))
            .then(", display_name = ", user.display_name.as_str())
            .then(", display_name_folded = ", user.display_name.folded())
            .then(", bio = ", user.bio.as_ref().map(Bio::as_str))
            .then(", avatar_url = ", user.avatar_url.as_ref().map(AvatarUrl::as_str))
            .then(", dm_policy = ", user.dm_policy.as_str())
            .then(", presence_policy = ", user.presence_policy.as_str())
            .then(", findable_by_email = ", user.findable_by_email)
            .then(", updated_at = ", user.updated_at.as_millis())
            .text(" WHERE id = ")
            .id(user.id.as_uuid());
        if user.display_name == before.display_name {
            return self.run_on(sql, 1, "users").await;
        }
        let terms = |display_name| user_terms(&before.username, display_name);
        let (old, new) = (terms(&before.display_name), terms(&user.display_name));
        let mut script = Script::new();
        script.push_on(&sql, 1, "users");
        delete_terms(&mut script, &before.username, &(&old - &new));
        insert_terms(&mut script, &before.username, &(&new - &old));
        self.run_later(script, UniqueKey::Other).await
    }
}
