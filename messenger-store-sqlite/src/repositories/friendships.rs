use async_trait::async_trait;
use messenger_core::clock::Timestamp;
use messenger_core::friendship::{Bond, PairChange, PairState, PendingRequest, UserPair, Visibility};
use messenger_core::id::UserId;
use messenger_core::page::{Rows, Slice, TimeKey};
use messenger_core::store::{
    Direction, Friend, FriendRequest, FriendshipQueries, FriendshipRepository, PresenceContact, StoreError,
    StoreResult, UniqueKey,
};
use messenger_core::user::UserQuery;
use rusqlite::{Connection, Params, params};

use crate::error::{SqlResult, not_stored};
use crate::handle::Handle;
use crate::rows::{USER_COLUMNS, descending, one_more, optional_time, presence_policy, time, user, user_columns};

#[async_trait]
impl FriendshipQueries for Handle {
    async fn find_pairs(&mut self, pairs: &[UserPair]) -> StoreResult<Vec<PairState>> {
        let pairs = pairs.to_vec();
        self.call(move |connection| pairs_by_key(connection, &pairs)).await
    }

    async fn list_friends(
        &mut self,
        user: UserId,
        query: Option<&UserQuery>,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Friend, TimeKey>> {
        let query = query.cloned();
        self.call(move |connection| {
            let sql = concat!(
                "SELECT ",
                user_columns!("u"),
                ", f.since
                 FROM friendships f JOIN users u ON u.id = f.friend_id
                 WHERE f.user_id = ?1 AND (f.since, f.friend_id) < (?2, ?3)
                   AND (?4 IS NULL OR instr(u.username, ?4) > 0 OR instr(u.display_name_folded, ?4) > 0)
                 ORDER BY f.since DESC, f.friend_id DESC LIMIT ?5"
            );
            let (at, id) = descending(slice.after);
            let query = query.as_ref().map(UserQuery::folded);
            friends(connection, sql, params![user.as_uuid(), at, id, query, one_more(slice.limit)], slice.limit)
        })
        .await
    }

    async fn list_friend_requests(
        &mut self,
        user: UserId,
        direction: Direction,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<FriendRequest, TimeKey>> {
        self.call(move |connection| match direction {
            Direction::Incoming => {
                let sql = concat!(
                    "SELECT ",
                    user_columns!("q"),
                    ", ",
                    user_columns!("a"),
                    ", r.created_at
                     FROM friend_requests r JOIN users q ON q.id = r.requester_id JOIN users a ON a.id = r.addressee_id
                     WHERE r.addressee_id = ?1 AND r.hidden = 0 AND (r.created_at, r.requester_id) < (?2, ?3)
                     ORDER BY r.created_at DESC, r.requester_id DESC LIMIT ?4"
                );
                requests(connection, sql, user, slice, |request| request.requester.id)
            }
            Direction::Outgoing => {
                let sql = concat!(
                    "SELECT ",
                    user_columns!("q"),
                    ", ",
                    user_columns!("a"),
                    ", r.created_at
                     FROM friend_requests r JOIN users q ON q.id = r.requester_id JOIN users a ON a.id = r.addressee_id
                     WHERE r.requester_id = ?1 AND (r.created_at, r.addressee_id) < (?2, ?3)
                     ORDER BY r.created_at DESC, r.addressee_id DESC LIMIT ?4"
                );
                requests(connection, sql, user, slice, |request| request.addressee.id)
            }
        })
        .await
    }

    async fn list_blocks(&mut self, user: UserId, slice: Slice<TimeKey>) -> StoreResult<Rows<Friend, TimeKey>> {
        self.call(move |connection| {
            let sql = concat!(
                "SELECT ",
                user_columns!("u"),
                ", b.since
                 FROM blocks b JOIN users u ON u.id = b.blocked_id
                 WHERE b.blocker_id = ?1 AND (b.since, b.blocked_id) < (?2, ?3)
                 ORDER BY b.since DESC, b.blocked_id DESC LIMIT ?4"
            );
            let (at, id) = descending(slice.after);
            friends(connection, sql, params![user.as_uuid(), at, id, one_more(slice.limit)], slice.limit)
        })
        .await
    }

    async fn list_mutual_friends(
        &mut self,
        user: UserId,
        other: UserId,
        slice: Slice<TimeKey>,
    ) -> StoreResult<Rows<Friend, TimeKey>> {
        self.call(move |connection| {
            let sql = concat!(
                "SELECT ",
                user_columns!("u"),
                ", f.since
                 FROM friendships f
                 JOIN friendships o ON o.user_id = ?2 AND o.friend_id = f.friend_id
                 JOIN users u ON u.id = f.friend_id
                 WHERE f.user_id = ?1 AND (f.since, f.friend_id) < (?3, ?4)
                 ORDER BY f.since DESC, f.friend_id DESC LIMIT ?5"
            );
            let (at, id) = descending(slice.after);
            let parameters = params![user.as_uuid(), other.as_uuid(), at, id, one_more(slice.limit)];
            friends(connection, sql, parameters, slice.limit)
        })
        .await
    }

    async fn find_acquaintances(&mut self, user: UserId) -> StoreResult<Vec<UserId>> {
        self.call(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT friend_id FROM friendships WHERE user_id = ?1
                 UNION
                 SELECT theirs.user_id FROM memberships mine
                 JOIN memberships theirs ON theirs.conversation_id = mine.conversation_id
                 WHERE mine.user_id = ?1 AND theirs.user_id <> ?1
                 UNION SELECT blocker_id FROM blocks WHERE blocked_id = ?1
                 UNION SELECT requester_id FROM friend_requests WHERE addressee_id = ?1
                 UNION SELECT addressee_id FROM friend_requests WHERE requester_id = ?1 AND hidden = 0",
            )?;
            let users = select.query_map([user.as_uuid()], |row| row.get(0).map(UserId::from_uuid))?;
            Ok(users.collect::<rusqlite::Result<_>>()?)
        })
        .await
    }

    async fn find_presence_contacts(
        &mut self,
        users: &[UserId],
        largest_group: i64,
    ) -> StoreResult<Vec<PresenceContact>> {
        let users = users.to_vec();
        self.call(move |connection| {
            let mut select = connection.prepare_cached(
                "SELECT me.presence_policy, u.id, u.presence_policy
                 FROM (
                     SELECT friend_id AS id FROM friendships WHERE user_id = ?1
                     UNION
                     SELECT theirs.user_id FROM memberships mine
                     JOIN conversations c ON c.id = mine.conversation_id
                     JOIN memberships theirs ON theirs.conversation_id = c.id
                     WHERE mine.user_id = ?1 AND theirs.user_id <> ?1 AND c.kind = 'group' AND c.members_count <= ?2
                 ) other
                 JOIN users u ON u.id = other.id
                 JOIN users me ON me.id = ?1
                 WHERE NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = ?1 AND b.blocked_id = other.id)
                   AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = other.id AND b.blocked_id = ?1)",
            )?;
            let mut contacts = Vec::new();
            for user_id in users {
                let found = select.query_map(params![user_id.as_uuid(), largest_group], |row| {
                    let (user_policy, other_id) = (presence_policy(row, 0)?, UserId::from_uuid(row.get(1)?));
                    Ok(PresenceContact { user_id, user_policy, other_id, other_policy: presence_policy(row, 2)? })
                })?;
                for contact in found {
                    contacts.push(contact?);
                }
            }
            Ok(contacts)
        })
        .await
    }

    async fn count_mutual_friends(&mut self, user: UserId, other: UserId) -> StoreResult<i64> {
        self.call(move |connection| {
            let mut count = connection.prepare_cached(
                "SELECT count(*) FROM friendships f
                 JOIN friendships o ON o.user_id = ?2 AND o.friend_id = f.friend_id
                 WHERE f.user_id = ?1",
            )?;
            Ok(count.query_row(params![user.as_uuid(), other.as_uuid()], |row| row.get(0))?)
        })
        .await
    }
}

#[async_trait]
impl FriendshipRepository for Handle {
    async fn apply_pair_changes(&mut self, pair: UserPair, changes: &[PairChange]) -> StoreResult<()> {
        let changes = changes.to_vec();
        self.change(move |connection| {
            for change in changes {
                apply(connection, pair, change)?;
            }
            Ok(())
        })
        .await
    }
}

/// What stands between the two of each pair.
pub(crate) fn pairs_by_key(connection: &Connection, pairs: &[UserPair]) -> SqlResult<Vec<PairState>> {
    let mut select = connection.prepare_cached(
        "SELECT r.requester_id, r.created_at, r.hidden, f.since, l.since, h.since
         FROM (SELECT ?1 AS low, ?2 AS high) p
         LEFT JOIN friend_requests r ON r.low_id = p.low AND r.high_id = p.high
         LEFT JOIN friendships f ON f.user_id = p.low AND f.friend_id = p.high
         LEFT JOIN blocks l ON l.blocker_id = p.low AND l.blocked_id = p.high
         LEFT JOIN blocks h ON h.blocker_id = p.high AND h.blocked_id = p.low",
    )?;
    let mut states = Vec::with_capacity(pairs.len());
    for &pair in pairs {
        let state = select.query_row(params![pair.low().as_uuid(), pair.high().as_uuid()], |row| {
            let requester: Option<_> = row.get(0)?;
            let bond = match (requester, optional_time(row, 3)?) {
                (Some(requester), _) => Bond::Requested(PendingRequest {
                    requester: UserId::from_uuid(requester),
                    created_at: time(row, 1)?,
                    visibility: if row.get(2)? { Visibility::Hidden } else { Visibility::Shown },
                }),
                (None, Some(since)) => Bond::Friends { since },
                (None, None) => Bond::None,
            };
            let (low_blocks_high, high_blocks_low) = (optional_time(row, 4)?, optional_time(row, 5)?);
            Ok(PairState { pair, bond, low_blocks_high, high_blocks_low })
        })?;
        states.push(state);
    }
    Ok(states)
}

fn apply(connection: &Connection, pair: UserPair, change: PairChange) -> SqlResult<()> {
    let (low, high) = (pair.low().as_uuid(), pair.high().as_uuid());
    let run = |sql: &str, parameters: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<usize> {
        connection.prepare_cached(sql)?.execute(parameters)
    };
    match change {
        PairChange::InsertRequest(PendingRequest { requester, created_at, visibility }) => {
            let inserted = run(
                "INSERT INTO friend_requests (low_id, high_id, requester_id, addressee_id, created_at, hidden)
                 SELECT ?1, ?2, ?3, ?4, ?5, ?6
                 WHERE NOT EXISTS (SELECT 1 FROM friendships WHERE user_id = ?1 AND friend_id = ?2)",
                params![
                    low,
                    high,
                    requester.as_uuid(),
                    pair.other(requester).as_uuid(),
                    created_at.as_millis(),
                    visibility == Visibility::Hidden,
                ],
            )?;
            unless_bound(inserted)
        }
        PairChange::HideRequest => {
            let sql = "UPDATE friend_requests SET hidden = 1 WHERE low_id = ?1 AND high_id = ?2";
            if_stored(run(sql, params![low, high])?, 1, "the friend request")
        }
        PairChange::DeleteRequest => {
            let sql = "DELETE FROM friend_requests WHERE low_id = ?1 AND high_id = ?2";
            if_stored(run(sql, params![low, high])?, 1, "the friend request")
        }
        PairChange::InsertFriendship { since } => {
            let inserted = run(
                "INSERT INTO friendships (user_id, friend_id, since)
                 SELECT p.user_id, p.friend_id, ?3
                 FROM (SELECT ?1 AS user_id, ?2 AS friend_id UNION ALL SELECT ?2, ?1) p
                 WHERE NOT EXISTS (SELECT 1 FROM friend_requests WHERE low_id = ?1 AND high_id = ?2)",
                params![low, high, since.as_millis()],
            )?;
            unless_bound(inserted)
        }
        PairChange::DeleteFriendship => {
            let sql = "DELETE FROM friendships
                       WHERE (user_id = ?1 AND friend_id = ?2) OR (user_id = ?2 AND friend_id = ?1)";
            if_stored(run(sql, params![low, high])?, 2, "the friendship")
        }
        PairChange::InsertBlock { blocker, since } => {
            run(
                "INSERT INTO blocks (blocker_id, blocked_id, since) VALUES (?1, ?2, ?3)",
                params![blocker.as_uuid(), pair.other(blocker).as_uuid(), since.as_millis()],
            )?;
            Ok(())
        }
        PairChange::DeleteBlock { blocker } => {
            let sql = "DELETE FROM blocks WHERE blocker_id = ?1 AND blocked_id = ?2";
            if_stored(run(sql, params![blocker.as_uuid(), pair.other(blocker).as_uuid()])?, 1, "the block")
        }
    }
}

/// A request and a friendship exclude each other, which no index can say of two
/// tables: their inserts look.
fn unless_bound(inserted: usize) -> SqlResult<()> {
    if inserted == 0 { Err(StoreError::Unique(UniqueKey::Friendship).into()) } else { Ok(()) }
}

fn if_stored(changed: usize, expected: usize, what: &str) -> SqlResult<()> {
    if changed == expected { Ok(()) } else { Err(not_stored(what)) }
}

fn friends(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    limit: u32,
) -> SqlResult<Rows<Friend, TimeKey>> {
    let friends = connection
        .prepare_cached(sql)?
        .query_map(parameters, |row| Ok(Friend { user: user(row, 0)?, since: time(row, USER_COLUMNS)? }))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Rows::cut(friends, limit, |friend| key(friend.since, friend.user.id)))
}

fn requests(
    connection: &Connection,
    sql: &str,
    user_id: UserId,
    slice: Slice<TimeKey>,
    other: impl Fn(&FriendRequest) -> UserId,
) -> SqlResult<Rows<FriendRequest, TimeKey>> {
    let (at, id) = descending(slice.after);
    let requests = connection
        .prepare_cached(sql)?
        .query_map(params![user_id.as_uuid(), at, id, one_more(slice.limit)], |row| {
            Ok(FriendRequest {
                requester: user(row, 0)?,
                addressee: user(row, USER_COLUMNS)?,
                created_at: time(row, 2 * USER_COLUMNS)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(Rows::cut(requests, slice.limit, |request| key(request.created_at, other(request))))
}

fn key(at: Timestamp, user: UserId) -> TimeKey {
    TimeKey { at, id: user.as_uuid() }
}
