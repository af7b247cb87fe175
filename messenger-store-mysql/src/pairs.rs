//! What stands between two people.

use std::collections::HashMap;

use messenger_core::clock::Timestamp;
use messenger_core::friendship::{Bond, PairState, PendingRequest, UserPair, Visibility};
use messenger_core::id::UserId;
use messenger_core::store::{LockedPair, StoreResult};

use crate::conversations::{lock_directs, read_conversation};
use crate::link::Link;
use crate::questions::Questions;
use crate::sql::{Columns, Sql, unreadable};
use crate::users::{lock_users, read_user};

/// What one row of [`find_ties`] says.
pub(crate) enum Tie {
    Request(PendingRequest),
    Friendship { since: Timestamp },
    Block { blocker: UserId, since: Timestamp },
}

/// Reads what [`find_ties`] finds.
pub(crate) fn read_tie(row: &mut Columns<'_>) -> StoreResult<(UserPair, Tie)> {
    let what: i64 = row.take()?;
    let (one, other) = (UserId::from_uuid(row.id()?), UserId::from_uuid(row.id()?));
    let at = row.time()?;
    let hidden: bool = row.take()?;
    let pair = UserPair::try_new(one, other).ok_or_else(unreadable("pair"))?;
    let visibility = if hidden { Visibility::Hidden } else { Visibility::Shown };
    let tie = match what {
        0 => Tie::Request(PendingRequest { requester: one, created_at: at, visibility }),
        1 => Tie::Friendship { since: at },
        _ => Tie::Block { blocker: one, since: at },
    };
    Ok((pair, tie))
}

/// `(low = ? AND high = ?) OR …`, for a table with FORCE INDEX (PRIMARY): both
/// servers would rather read all friends of a user by another index.
pub(crate) fn push_pairs(sql: &mut Sql, pairs: &[UserPair], low: &'static str, high: &'static str) {
    sql.any_of(pairs, |sql, pair| {
        sql.text(low).text(" = ").id(pair.low().as_uuid()).text(" AND ");
        sql.text(high).text(" = ").id(pair.high().as_uuid());
    });
}

/// All that stands between these pairs; there must be at least one.
pub(crate) fn find_ties(pairs: &[UserPair]) -> Sql {
    let mut sql = Sql::new("SELECT 0, requester_id, addressee_id, created_at, hidden FROM friend_requests WHERE ");
    push_pairs(&mut sql, pairs, "low_id", "high_id");
    sql.text(" UNION ALL SELECT 1, user_id, friend_id, since, FALSE FROM friendships FORCE INDEX (PRIMARY) WHERE ");
    push_pairs(&mut sql, pairs, "user_id", "friend_id");
    sql.text(" UNION ALL SELECT 2, blocker_id, blocked_id, since, FALSE FROM blocks FORCE INDEX (PRIMARY) WHERE ");
    push_pairs(&mut sql, pairs, "blocker_id", "blocked_id");
    sql.text(" OR ");
    push_pairs(&mut sql, pairs, "blocked_id", "blocker_id");
    sql
}

/// What the ties come to, in the order of the pairs.
pub(crate) fn states(pairs: &[UserPair], ties: Vec<(UserPair, Tie)>) -> Vec<PairState> {
    let mut states: HashMap<_, _> = pairs.iter().map(|&pair| (pair, PairState::strangers(pair))).collect();
    for (pair, tie) in ties {
        let Some(state) = states.get_mut(&pair) else { continue };
        match tie {
            Tie::Request(request) => state.bond = Bond::Requested(request),
            Tie::Friendship { since } => state.bond = Bond::Friends { since },
            Tie::Block { blocker, since } if blocker == pair.low() => state.low_blocks_high = Some(since),
            Tie::Block { since, .. } => state.high_blocks_low = Some(since),
        }
    }
    pairs.iter().map(|&pair| states.get(&pair).copied().unwrap_or(PairState::strangers(pair))).collect()
}

impl Link {
    /// Locks all that depends on what holds between two, and reads it. Whether
    /// there is a direct conversation to lock cannot change any more when both
    /// users are locked.
    pub(crate) async fn locked_pair(&mut self, pair: UserPair) -> StoreResult<LockedPair> {
        let mut questions = Questions::default();
        questions.about(&pair.both().map(UserId::as_uuid), lock_users);
        questions.about(&[pair], lock_directs);
        questions.about(&[pair], find_ties);
        let mut answers = self.ask(questions).await?;
        let (users, direct) = (answers.next(read_user)?, answers.next(read_conversation)?.pop());
        let state = states(&[pair], answers.next(read_tie)?).pop();
        Ok(LockedPair { users, direct, state: state.unwrap_or(PairState::strangers(pair)) })
    }
}
