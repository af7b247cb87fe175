//! Requests, friendships and blocks.

use async_trait::async_trait;
use messenger_core::friendship::{PairChange, PairState, UserPair, Visibility};
use messenger_core::id::UserId;
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{
    Direction, Friend, FriendRequest, FriendshipQueries, FriendshipRepository, PresenceContact, StoreResult, UniqueKey,
};
use messenger_core::user::{PresencePolicy, UserQuery};

use crate::link::Link;
use crate::pairs::{find_ties, read_tie, states};
use crate::sql::{CHUNK, Columns, Script, Sql, read_number, unreadable};
use crate::users::{read_user, user_columns};

fn read_friend(row: &mut Columns<'_>) -> StoreResult<Friend> {
    Ok(Friend { since: row.time()?, user: read_user(row)? })
}

fn friend_key(friend: &Friend) -> TimeKey {
    TimeKey { at: friend.since, id: friend.user.id.as_uuid() }
}

fn read_contact(row: &mut Columns<'_>) -> StoreResult<PresenceContact> {
    let policy =
        |row: &mut Columns<'_>| PresencePolicy::parse(row.take()?).map_err(|_| unreadable("presence policy")());
    Ok(PresenceContact {
        user_id: UserId::from_uuid(row.id()?),
        user_policy: policy(row)?,
        other_id: UserId::from_uuid(row.id()?),
        other_policy: policy(row)?,
    })
}

#[async_trait]
impl FriendshipQueries for Link {
    async fn find_pairs(&mut self, pairs: &[UserPair]) -> StoreResult<Vec<PairState>> {
        let mut ties = Vec::new();
        for pairs in pairs.chunks(CHUNK) {
            ties.extend(self.all(find_ties(pairs), read_tie).await?);
        }
        Ok(states(pairs, ties))
    }

    async fn list_friends(
        &mut self,
        user: UserId,
        query: Option<&UserQuery>,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Friend, TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT f.since, ",
            user_columns!(),
            " FROM friendships f JOIN users u ON u.id = f.friend_id WHERE f.user_id = "
        ));
        sql.id(user.as_uuid());
        if let Some(query) = query {
            sql.then(" AND (LOCATE(", query.folded())
                .then(", u.username) > 0 OR LOCATE(", query.folded())
                .text(", u.display_name_folded) > 0)");
        }
        sql.before(slice.after, "f.since", "f.friend_id")
            .text(" ORDER BY f.since DESC, f.friend_id DESC")
            .limit_for_page(slice.limit);
        Ok(Rows::cut(self.all(sql, read_friend).await?, slice.limit, friend_key))
    }

    async fn list_friend_requests(
        &mut self,
        user: UserId,
        direction: Direction,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<FriendRequest, TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT r.created_at, ",
            user_columns!(),
            ", v.id, v.username, v.email, v.display_name, v.bio, v.avatar_url, v.dm_policy, v.presence_policy, \
             v.findable_by_email, v.created_at, v.updated_at FROM friend_requests r JOIN users u ON u.id = r.requester_id \
             JOIN users v ON v.id = r.addressee_id WHERE "
        ));
        let other = match direction {
            Direction::Incoming => {
                sql.text("r.hidden = FALSE AND r.addressee_id = ").id(user.as_uuid());
                "r.requester_id"
            }
            Direction::Outgoing => {
                sql.text("r.requester_id = ").id(user.as_uuid());
                "r.addressee_id"
            }
        };
        sql.before(slice.after, "r.created_at", other)
            .text(" ORDER BY r.created_at DESC, ")
            .text(other)
            .text(" DESC")
            .limit_for_page(slice.limit);
        let requests = self
            .all(sql, |row| {
                Ok(FriendRequest { created_at: row.time()?, requester: read_user(row)?, addressee: read_user(row)? })
            })
            .await?;
        Ok(Rows::cut(requests, slice.limit, |request| {
            let other = match direction {
                Direction::Incoming => &request.requester,
                Direction::Outgoing => &request.addressee,
            };
            TimeKey { at: request.created_at, id: other.id.as_uuid() }
        }))
    }

    async fn list_blocks(&mut self, user: UserId, slice: Slice<TimeKey>) -> StoreResult<Rows<Friend, TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT b.since, ",
            user_columns!(),
            " FROM blocks b JOIN users u ON u.id = b.blocked_id WHERE b.blocker_id = "
        ));
        sql.id(user.as_uuid())
            .before(slice.after, "b.since", "b.blocked_id")
            .text(" ORDER BY b.since DESC, b.blocked_id DESC")
            .limit_for_page(slice.limit);
        Ok(Rows::cut(self.all(sql, read_friend).await?, slice.limit, friend_key))
    }

    async fn list_mutual_friends(
        &mut self,
        user: UserId,
        other: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Friend, TimeKey>> {
        let mut sql = Sql::new(concat!(
            "SELECT f.since, ",
            user_columns!(),
            " FROM friendships f JOIN friendships g FORCE INDEX (PRIMARY) ON g.friend_id = f.friend_id \
             JOIN users u ON u.id = f.friend_id WHERE f.user_id = "
        ));
        sql.id(user.as_uuid())
            .text(" AND g.user_id = ")
            .id(other.as_uuid())
            .before(slice.after, "f.since", "f.friend_id")
            .text(" ORDER BY f.since DESC, f.friend_id DESC")
            .limit_for_page(slice.limit);
        Ok(Rows::cut(self.all(sql, read_friend).await?, slice.limit, friend_key))
    }

    async fn find_acquaintances(&mut self, user: UserId) -> StoreResult<Vec<UserId>> {
        let user = user.as_uuid();
        let mut sql = Sql::new("SELECT friend_id FROM friendships WHERE user_id = ");
        sql.id(user)
            .text(
                " UNION SELECT theirs.user_id FROM memberships mine \
                 JOIN memberships theirs ON theirs.conversation_id = mine.conversation_id WHERE mine.user_id = ",
            )
            .id(user)
            .text(" AND theirs.user_id <> ")
            .id(user)
            .text(" UNION SELECT blocker_id FROM blocks WHERE blocked_id = ")
            .id(user)
            .text(" UNION SELECT requester_id FROM friend_requests WHERE addressee_id = ")
            .id(user)
            .text(" UNION SELECT addressee_id FROM friend_requests WHERE NOT hidden AND requester_id = ")
            .id(user);
        self.all(sql, |row| row.id().map(UserId::from_uuid)).await
    }

    async fn find_presence_contacts(
        &mut self,
        users: &[UserId],
        largest_group: i64,
    ) -> StoreResult<Vec<PresenceContact>> {
        let ids: Vec<_> = users.iter().map(|user| user.as_uuid()).collect();
        // Joins without a partner, not NOT EXISTS, for which MariaDB would
        // rather read all blocks there are.
        let mut contacts = Vec::new();
        for ids in ids.chunks(CHUNK) {
            let mut sql = Sql::new(
                "SELECT me.id, me.presence_policy, u.id, u.presence_policy FROM (\
                 SELECT f.user_id, f.friend_id AS other_id FROM friendships f WHERE f.user_id IN (",
            );
            sql.ids(ids)
                .text(
                    ") UNION SELECT mine.user_id, theirs.user_id FROM memberships mine \
                     JOIN conversations c ON c.id = mine.conversation_id \
                     JOIN memberships theirs ON theirs.conversation_id = c.id \
                     WHERE theirs.user_id <> mine.user_id AND c.kind = 'group' AND c.members_count <= ",
                )
                .bind(largest_group)
                .text(" AND mine.user_id IN (")
                .ids(ids)
                .text(
                    ")) pair JOIN users me ON me.id = pair.user_id JOIN users u ON u.id = pair.other_id \
                     LEFT JOIN blocks b ON b.blocker_id = pair.user_id AND b.blocked_id = pair.other_id \
                     LEFT JOIN blocks c ON c.blocker_id = pair.other_id AND c.blocked_id = pair.user_id \
                     WHERE b.blocker_id IS NULL AND c.blocker_id IS NULL",
                );
            contacts.extend(self.all(sql, read_contact).await?);
        }
        Ok(contacts)
    }

    async fn count_mutual_friends(&mut self, user: UserId, other: UserId) -> StoreResult<i64> {
        let mut sql = Sql::new(
            "SELECT COUNT(*) FROM friendships f JOIN friendships g FORCE INDEX (PRIMARY) ON g.friend_id = f.friend_id \
             WHERE f.user_id = ",
        );
        sql.id(user.as_uuid()).text(" AND g.user_id = ").id(other.as_uuid());
        Ok(self.optional(sql, read_number).await?.unwrap_or(0))
    }
}

#[async_trait]
impl FriendshipRepository for Link {
    async fn apply_pair_changes(&mut self, pair: UserPair, changes: &[PairChange]) -> StoreResult<()> {
        for change in changes {
            self.apply(pair, *change).await?;
        }
        Ok(())
    }
}

impl Link {
    async fn apply(&mut self, pair: UserPair, change: PairChange) -> StoreResult<()> {
        let (low, high) = (pair.low().as_uuid(), pair.high().as_uuid());
        match change {
            PairChange::InsertRequest(request) => {
                let mut sql = Sql::new(
                    "INSERT INTO friend_requests (low_id, high_id, requester_id, addressee_id, created_at, hidden) \
                     VALUES (",
                );
                sql.id(low).text(", ").id(high).text(", ").id(request.requester.as_uuid());
                sql.text(", ").id(pair.other(request.requester).as_uuid());
                sql.then(", ", request.created_at.as_millis());
                sql.then(", ", request.visibility == Visibility::Hidden).text(")");
                self.run_later(Script::of(&sql), UniqueKey::Friendship).await
            }
            PairChange::HideRequest => {
                let mut sql = Sql::new("UPDATE friend_requests SET hidden = TRUE WHERE low_id = ");
                sql.id(low).text(" AND high_id = ").id(high);
                self.run_on(sql, 1, "friend requests").await
            }
            PairChange::DeleteRequest => {
                let mut sql = Sql::new("DELETE FROM friend_requests WHERE low_id = ");
                sql.id(low).text(" AND high_id = ").id(high);
                self.run_on(sql, 1, "friend requests").await
            }
            PairChange::InsertFriendship { since } => {
                let mut sql = Sql::new("INSERT INTO friendships (user_id, friend_id, since) VALUES ");
                sql.rows(&[(low, high), (high, low)], |sql, (user, friend)| {
                    sql.id(*user).text(", ").id(*friend).text(", ").time(since);
                });
                self.run_later(Script::of(&sql), UniqueKey::Friendship).await
            }
            PairChange::DeleteFriendship => {
                let mut sql = Sql::new("DELETE f FROM friendships f FORCE INDEX (PRIMARY) WHERE ");
                sql.any_of(&[(low, high), (high, low)], |sql, (user, friend)| {
                    sql.text("f.user_id = ").id(*user).text(" AND f.friend_id = ").id(*friend);
                });
                self.run_on(sql, 2, "sides of a friendship").await
            }
            PairChange::InsertBlock { blocker, since } => {
                let mut sql = Sql::new("INSERT INTO blocks (blocker_id, blocked_id, since) VALUES (");
                sql.id(blocker.as_uuid()).text(", ").id(pair.other(blocker).as_uuid()).text(", ").time(since).text(")");
                self.run_later(Script::of(&sql), UniqueKey::Friendship).await
            }
            PairChange::DeleteBlock { blocker } => {
                let mut sql = Sql::new("DELETE FROM blocks WHERE blocker_id = ");
                sql.id(blocker.as_uuid()).text(" AND blocked_id = ").id(pair.other(blocker).as_uuid());
                self.run_on(sql, 1, "blocks").await
            }
        }
    }
}
