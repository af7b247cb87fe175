//! What decides whether a direct conversation goes on.

use messenger_core::clock::Timestamp;
use messenger_core::friendship::{Bond, PairState, PendingRequest, UserPair, Visibility};
use messenger_core::id::UserId;
use messenger_core::store::StoreResult;
use messenger_core::user::User;
use uuid::Uuid;

use crate::sql::{Columns, Sql, unreadable};
use crate::users::{read_user, user_columns};

/// The direct ones of these conversations: what stands between the two, and
/// both. There must be at least one id.
pub(crate) fn find_directs(conversations: &[Uuid]) -> Sql {
    // Each by its primary key: of a small table both servers would rather read
    // all, or all friends of a user.
    let mut sql = Sql::new(concat!(
        "SELECT r.requester_id, r.created_at, r.hidden, f.since, l.since, h.since, ",
        user_columns!("low"),
        ", ",
        user_columns!("high"),
        " FROM conversations c FORCE INDEX (PRIMARY) \
         STRAIGHT_JOIN users low FORCE INDEX (PRIMARY) ON low.id = c.direct_low \
         STRAIGHT_JOIN users high FORCE INDEX (PRIMARY) ON high.id = c.direct_high \
         LEFT JOIN friend_requests r FORCE INDEX (PRIMARY) ON r.low_id = c.direct_low AND r.high_id = c.direct_high \
         LEFT JOIN friendships f FORCE INDEX (PRIMARY) ON f.user_id = c.direct_low AND f.friend_id = c.direct_high \
         LEFT JOIN blocks l FORCE INDEX (PRIMARY) ON l.blocker_id = c.direct_low AND l.blocked_id = c.direct_high \
         LEFT JOIN blocks h FORCE INDEX (PRIMARY) ON h.blocker_id = c.direct_high AND h.blocked_id = c.direct_low \
         WHERE c.id IN ("
    ));
    sql.ids(conversations).text(")");
    sql
}

/// Reads what [`find_directs`] finds.
pub(crate) fn read_direct(row: &mut Columns<'_>) -> StoreResult<(PairState, [User; 2])> {
    let requester = row.optional_id()?.map(UserId::from_uuid);
    let created_at = row.optional_time()?;
    let hidden: Option<bool> = row.take()?;
    let friends_since = row.optional_time()?;
    let blocks: [Option<Timestamp>; 2] = [row.optional_time()?, row.optional_time()?];
    let both = [read_user(row)?, read_user(row)?];
    let pair = UserPair::try_new(both[0].id, both[1].id).ok_or_else(unreadable("pair"))?;
    let bond = match (requester, created_at, friends_since) {
        (Some(requester), Some(created_at), _) => {
            let visibility = if hidden == Some(true) { Visibility::Hidden } else { Visibility::Shown };
            Bond::Requested(PendingRequest { requester, created_at, visibility })
        }
        (_, _, Some(since)) => Bond::Friends { since },
        _ => Bond::None,
    };
    let [low_blocks_high, high_blocks_low] = blocks;
    Ok((PairState { pair, bond, low_blocks_high, high_blocks_low }, both))
}
