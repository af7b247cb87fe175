//! Requests, friendships and blocks.

use super::failure::Outcome;
use super::rows::pair;
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::friendship::{Bond, PairChange, PairState, PendingRequest, Visibility};
use crate::store::{LockedPair, StoreError, StoreResult, UniqueKey};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_friendships":
    strangers_stand_where_nothing_is_stored,
    pairs_are_answered_in_the_order_asked,
    no_pairs_are_no_question,
    a_locked_pair_is_as_it_is_stored,
    who_does_not_exist_is_not_locked,
    every_change_reads_back,
    stores_write_what_the_state_machine_says,
    a_pair_has_one_request_at_most,
    a_pair_has_one_friendship_at_most,
    a_block_is_stored_once,
    a_change_that_does_not_fit_is_refused,
);

pub(super) async fn apply(w: &World, one: &User, other: &User, changes: &[PairChange]) -> StoreResult<()> {
    w.change(async |tx| {
        tx.users().lock_users(&[one.id, other.id]).await?;
        tx.friendships().apply_pair_changes(pair(one, other), changes).await
    })
    .await
}

pub(super) async fn befriend(w: &World, one: &User, other: &User) -> StoreResult<()> {
    apply(w, one, other, &[PairChange::InsertFriendship { since: w.clock.now() }]).await
}

pub(super) fn request(w: &World, requester: &User, visibility: Visibility) -> PairChange {
    PairChange::InsertRequest(PendingRequest { requester: requester.id, created_at: w.clock.now(), visibility })
}

pub(super) fn block(w: &World, blocker: &User) -> PairChange {
    PairChange::InsertBlock { blocker: blocker.id, since: w.clock.now() }
}

async fn state(w: &World, one: &User, other: &User) -> StoreResult<PairState> {
    let states = w.read().await?.friendships().find_pairs(&[pair(one, other)]).await?;
    assert_eq!(states.len(), 1);
    Ok(states[0])
}

fn is_refused(result: &StoreResult<()>) -> bool {
    matches!(result, Err(StoreError::Unique(UniqueKey::Friendship) | StoreError::Defect(_)))
}

async fn strangers_stand_where_nothing_is_stored(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    assert_eq!(state(w, &ada, &bob).await?, PairState::strangers(pair(&ada, &bob)));
    Ok(())
}

async fn pairs_are_answered_in_the_order_asked(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    befriend(w, &cleo, &ada).await?;
    apply(w, &ada, &bob, &[block(w, &bob)]).await?;
    let asked = [pair(&bob, &cleo), pair(&ada, &bob), pair(&ada, &cleo), pair(&ada, &bob)];
    let states = w.read().await?.friendships().find_pairs(&asked).await?;
    assert_eq!(states.iter().map(|state| state.pair).collect::<Vec<_>>(), asked);
    assert_eq!(states[0], PairState::strangers(asked[0]));
    assert!(states[1].blocked_since(bob.id).is_some() && states[1].blocked_since(ada.id).is_none());
    assert!(states[2].friends_since().is_some());
    assert_eq!(states[1], states[3]);
    Ok(())
}

async fn a_locked_pair_is_as_it_is_stored(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.put_users(["ada", "bob", "cleo", "dan"]).await?;
    befriend(w, &ada, &bob).await?;
    apply(w, &cleo, &ada, &[request(w, &cleo, Visibility::Hidden), block(w, &ada)]).await?;
    let direct = w.put_direct(&ada, &cleo).await?;
    for (other, direct) in [(&bob, None), (&cleo, Some(direct)), (&dan, None)] {
        let state = state(w, &ada, other).await?;
        let mut tx = w.begin().await?;
        let mut locked = tx.lock_pair(pair(other, &ada)).await?;
        tx.rollback().await?;
        locked.users.sort_by_key(|user| user.id != ada.id);
        assert_eq!(locked, LockedPair { users: vec![ada.clone(), other.clone()], direct, state });
    }
    Ok(())
}

async fn who_does_not_exist_is_not_locked(w: &World) -> Outcome {
    let (ada, nobody) = (w.put_user("ada").await?, w.new_user("nobody"));
    let mut tx = w.begin().await?;
    let locked = tx.lock_pair(pair(&ada, &nobody)).await?;
    tx.rollback().await?;
    let state = PairState::strangers(pair(&ada, &nobody));
    assert_eq!(locked, LockedPair { users: vec![ada], direct: None, state });
    Ok(())
}

async fn no_pairs_are_no_question(w: &World) -> Outcome {
    assert_eq!(w.read().await?.friendships().find_pairs(&[]).await?, []);
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    apply(w, &ada, &bob, &[]).await?;
    assert_eq!(state(w, &ada, &bob).await?.bond, Bond::None);
    Ok(())
}

async fn every_change_reads_back(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let since = w.clock.now();
    let changes = [
        request(w, &ada, Visibility::Shown),
        PairChange::HideRequest,
        PairChange::DeleteRequest,
        request(w, &bob, Visibility::Hidden),
        PairChange::DeleteRequest,
        PairChange::InsertFriendship { since },
        PairChange::DeleteFriendship,
        block(w, &ada),
        block(w, &bob),
        PairChange::DeleteBlock { blocker: ada.id },
        PairChange::DeleteBlock { blocker: bob.id },
    ];
    let mut expected = PairState::strangers(pair(&ada, &bob));
    for change in changes {
        w.clock.tick();
        apply(w, &ada, &bob, &[change]).await?;
        expected = expected.after(&[change]);
        assert_eq!(state(w, &ada, &bob).await?, expected, "after {change:?}");
    }
    Ok(())
}

/// A random history of two users: what the store holds is what the state
/// machine computes.
async fn stores_write_what_the_state_machine_says(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let mut expected = PairState::strangers(pair(&ada, &bob));
    for step in 0..60 {
        let now = w.clock.tick();
        let dice = w.ids.next_u64();
        let actor = if dice & 1 == 0 { ada.id } else { bob.id };
        let transition = match (dice >> 8) % 8 {
            0 | 1 => expected.request(actor, now).map(|(_, transition)| transition),
            2 => expected.accept(actor, now),
            3 => expected.decline(actor),
            4 => expected.cancel(actor),
            5 => expected.unfriend(),
            6 => Ok(expected.block(actor, now)),
            _ => Ok(expected.unblock(actor)),
        };
        let Ok(transition) = transition else { continue };
        apply(w, &ada, &bob, &transition.changes).await?;
        expected = expected.after(&transition.changes);
        assert_eq!(state(w, &ada, &bob).await?, expected, "after step {step}: {:?}", transition.changes);
    }
    Ok(())
}

async fn a_pair_has_one_request_at_most(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    apply(w, &ada, &bob, &[request(w, &ada, Visibility::Shown)]).await?;
    let before = state(w, &ada, &bob).await?;
    for requester in [&ada, &bob] {
        let second = apply(w, &ada, &bob, &[request(w, requester, Visibility::Shown)]).await;
        assert!(is_refused(&second), "{second:?}");
    }
    assert_eq!(state(w, &ada, &bob).await?, before);
    Ok(())
}

async fn a_pair_has_one_friendship_at_most(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    befriend(w, &ada, &bob).await?;
    let second = befriend(w, &bob, &ada).await;
    assert!(is_refused(&second), "{second:?}");
    Ok(())
}

async fn a_block_is_stored_once(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    apply(w, &ada, &bob, &[block(w, &ada)]).await?;
    let second = apply(w, &ada, &bob, &[block(w, &ada)]).await;
    assert!(is_refused(&second), "{second:?}");
    Ok(())
}

async fn a_change_that_does_not_fit_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let changes = [
        PairChange::HideRequest,
        PairChange::DeleteRequest,
        PairChange::DeleteFriendship,
        PairChange::DeleteBlock { blocker: ada.id },
    ];
    for change in changes {
        let result = apply(w, &ada, &bob, &[change]).await;
        assert!(is_refused(&result), "{change:?}: {result:?}");
    }
    Ok(())
}
