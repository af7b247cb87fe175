//! Requests, friendships and blocks.

use super::failure::Outcome;
use super::rows::{first, pair, walk};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::friendship::{Bond, PairChange, PairState, PendingRequest, Visibility};
use crate::store::{Direction, StoreError, StoreResult, UniqueKey};
use crate::user::{DisplayName, User, UserQuery};

pub(super) const CASES: &[Case] = isolated!("store_friendships":
    strangers_stand_where_nothing_is_stored,
    pairs_are_answered_in_the_order_asked,
    no_pairs_are_no_question,
    every_change_reads_back,
    stores_write_what_the_state_machine_says,
    a_pair_has_one_request_at_most,
    a_pair_has_one_friendship_at_most,
    a_block_is_stored_once,
    a_change_that_does_not_fit_is_refused,
    friends_are_listed_by_both_latest_first,
    friends_of_one_millisecond_page_by_id,
    friends_are_found_by_name,
    wildcards_find_no_friends,
    requests_are_listed_by_their_direction,
    a_hidden_request_shows_to_its_requester_only,
    requests_of_one_millisecond_page_by_id,
    blocks_are_listed_by_the_blocker_only,
    blocks_of_one_millisecond_page_by_id,
    mutual_friends_are_friends_of_both,
    mutual_friends_page_by_the_viewers_friendship,
);

async fn apply(w: &World, one: &User, other: &User, changes: &[PairChange]) -> StoreResult<()> {
    w.change(async |tx| {
        tx.users().lock_users(&[one.id, other.id]).await?;
        tx.friendships().apply_pair_changes(pair(one, other), changes).await
    })
    .await
}

async fn befriend(w: &World, one: &User, other: &User) -> StoreResult<()> {
    apply(w, one, other, &[PairChange::InsertFriendship { since: w.clock.now() }]).await
}

fn request(w: &World, requester: &User, visibility: Visibility) -> PairChange {
    PairChange::InsertRequest(PendingRequest { requester: requester.id, created_at: w.clock.now(), visibility })
}

fn block(w: &World, blocker: &User) -> PairChange {
    PairChange::InsertBlock { blocker: blocker.id, since: w.clock.now() }
}

async fn state(w: &World, one: &User, other: &User) -> StoreResult<PairState> {
    let states = w.read().await?.friendships().find_pairs(&[pair(one, other)]).await?;
    assert_eq!(states.len(), 1);
    Ok(states[0])
}

/// The order of all lists here: latest first, then by id, descending.
fn by_id_descending(users: &[User]) -> Vec<User> {
    let mut users = users.to_vec();
    users.sort_by_key(|user| std::cmp::Reverse(user.id));
    users
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

async fn friends_are_listed_by_both_latest_first(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.put_users(["ada", "bob", "cleo", "dan"]).await?;
    for friend in [&bob, &dan, &cleo] {
        w.clock.tick();
        befriend(w, &ada, friend).await?;
    }
    let mut snapshot = w.read().await?;
    let rows = snapshot.friendships().list_friends(ada.id, None, first(10)).await?;
    assert_eq!(rows.items[0].since, w.clock.now());
    assert_eq!(rows.items.into_iter().map(|friend| friend.user).collect::<Vec<_>>(), [cleo, dan.clone(), bob]);
    let theirs = snapshot.friendships().list_friends(dan.id, None, first(10)).await?;
    assert_eq!(theirs.items.into_iter().map(|friend| friend.user).collect::<Vec<_>>(), [ada]);
    Ok(())
}

async fn friends_of_one_millisecond_page_by_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let others = w.put_users(["bob", "cleo", "dan", "eve", "fay"]).await?;
    for other in &others {
        befriend(w, &ada, other).await?;
    }
    for limit in 1..=6 {
        let read = async |slice| w.read().await?.friendships().list_friends(ada.id, None, slice).await;
        let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|friend| friend.user).collect();
        assert_eq!(walked, by_id_descending(&others), "in pages of {limit}");
    }
    Ok(())
}

async fn friends_are_found_by_name(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    let dan = User { display_name: DisplayName::parse("Bobby Tables").expect("a name"), ..w.new_user("dan") };
    w.put(&[dan.clone(), w.new_user("bobo")]).await?;
    for friend in [&bob, &cleo, &dan] {
        w.clock.tick();
        befriend(w, &ada, friend).await?;
    }
    let query = UserQuery::parse("OB").expect("a query");
    let rows = w.read().await?.friendships().list_friends(ada.id, Some(&query), first(10)).await?;
    assert_eq!(rows.items.into_iter().map(|friend| friend.user).collect::<Vec<_>>(), [dan, bob]);
    Ok(())
}

async fn wildcards_find_no_friends(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    befriend(w, &ada, &bob).await?;
    for text in ["%", "_", "b_b", r"\", "' OR ''='"] {
        let query = UserQuery::parse(text).expect("a query");
        let rows = w.read().await?.friendships().list_friends(ada.id, Some(&query), first(10)).await?;
        assert_eq!(rows.items, [], "{text}");
    }
    Ok(())
}

async fn requests_are_listed_by_their_direction(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    apply(w, &ada, &bob, &[request(w, &ada, Visibility::Shown)]).await?;
    let at = w.clock.tick();
    apply(w, &ada, &cleo, &[request(w, &cleo, Visibility::Shown)]).await?;
    let mut snapshot = w.read().await?;
    let outgoing = snapshot.friendships().list_friend_requests(ada.id, Direction::Outgoing, first(9)).await?.items;
    let incoming = snapshot.friendships().list_friend_requests(ada.id, Direction::Incoming, first(9)).await?.items;
    assert_eq!(outgoing.iter().map(|r| (&r.requester, &r.addressee)).collect::<Vec<_>>(), [(&ada, &bob)]);
    let seen: Vec<_> = incoming.iter().map(|r| (&r.requester, &r.addressee, r.created_at)).collect();
    assert_eq!(seen, [(&cleo, &ada, at)]);
    Ok(())
}

async fn a_hidden_request_shows_to_its_requester_only(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    apply(w, &ada, &bob, &[request(w, &ada, Visibility::Hidden)]).await?;
    let mut snapshot = w.read().await?;
    let incoming = snapshot.friendships().list_friend_requests(bob.id, Direction::Incoming, first(9)).await?;
    let outgoing = snapshot.friendships().list_friend_requests(ada.id, Direction::Outgoing, first(9)).await?;
    assert_eq!(incoming.items, []);
    assert_eq!(outgoing.items.len(), 1);
    Ok(())
}

async fn requests_of_one_millisecond_page_by_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let askers = w.put_users(["bob", "cleo", "dan", "eve"]).await?;
    let asked = w.put_users(["fay", "gus", "hal", "ivy"]).await?;
    let hidden = w.put_user("hid").await?;
    for (asker, asked) in askers.iter().zip(&asked) {
        apply(w, &ada, asker, &[request(w, asker, Visibility::Shown)]).await?;
        apply(w, &ada, asked, &[request(w, &ada, Visibility::Shown)]).await?;
    }
    apply(w, &ada, &hidden, &[request(w, &hidden, Visibility::Hidden)]).await?;
    for (direction, others) in [(Direction::Incoming, &askers), (Direction::Outgoing, &asked)] {
        for limit in 1..=5 {
            let read = async |slice| w.read().await?.friendships().list_friend_requests(ada.id, direction, slice).await;
            let walked: Vec<_> = walk(limit, read)
                .await?
                .into_iter()
                .map(|r| if r.requester.id == ada.id { r.addressee } else { r.requester })
                .collect();
            assert_eq!(walked, by_id_descending(others), "{direction:?} in pages of {limit}");
        }
    }
    Ok(())
}

async fn blocks_are_listed_by_the_blocker_only(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    apply(w, &ada, &bob, &[block(w, &ada)]).await?;
    let at = w.clock.tick();
    apply(w, &ada, &cleo, &[block(w, &ada)]).await?;
    let mut snapshot = w.read().await?;
    let blocks = snapshot.friendships().list_blocks(ada.id, first(9)).await?.items;
    assert_eq!(blocks[0].since, at);
    assert_eq!(blocks.into_iter().map(|block| block.user).collect::<Vec<_>>(), [cleo, bob.clone()]);
    assert_eq!(snapshot.friendships().list_blocks(bob.id, first(9)).await?.items, []);
    Ok(())
}

async fn blocks_of_one_millisecond_page_by_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let others = w.put_users(["bob", "cleo", "dan"]).await?;
    for other in &others {
        apply(w, &ada, other, &[block(w, &ada)]).await?;
    }
    for limit in 1..=4 {
        let read = async |slice| w.read().await?.friendships().list_blocks(ada.id, slice).await;
        let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|friend| friend.user).collect();
        assert_eq!(walked, by_id_descending(&others), "in pages of {limit}");
    }
    Ok(())
}

async fn mutual_friends_are_friends_of_both(w: &World) -> Outcome {
    let [ada, bob, both, only_ada, only_bob] = w.put_users(["ada", "bob", "both", "adas", "bobs"]).await?;
    for (one, other) in [(&ada, &both), (&bob, &both), (&ada, &only_ada), (&bob, &only_bob), (&ada, &bob)] {
        befriend(w, one, other).await?;
    }
    let mut snapshot = w.read().await?;
    let rows = snapshot.friendships().list_mutual_friends(ada.id, bob.id, first(9)).await?;
    assert_eq!(rows.items.into_iter().map(|friend| friend.user).collect::<Vec<_>>(), [both]);
    assert_eq!(snapshot.friendships().count_mutual_friends(ada.id, bob.id).await?, 1);
    assert_eq!(snapshot.friendships().count_mutual_friends(only_ada.id, only_bob.id).await?, 0);
    Ok(())
}

async fn mutual_friends_page_by_the_viewers_friendship(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let mut shared = w.put_users(["cleo", "dan", "eve", "fay"]).await?;
    for friend in &shared {
        w.clock.tick();
        befriend(w, &bob, friend).await?;
    }
    for friend in shared.iter().rev() {
        w.clock.tick();
        befriend(w, &ada, friend).await?;
    }
    for limit in 1..=5 {
        let read = async |slice| w.read().await?.friendships().list_mutual_friends(ada.id, bob.id, slice).await;
        let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|friend| friend.user).collect();
        assert_eq!(walked, shared, "as ada sees them, in pages of {limit}");
    }
    shared.reverse();
    let theirs = w.read().await?.friendships().list_mutual_friends(bob.id, ada.id, first(9)).await?;
    assert_eq!(theirs.items.into_iter().map(|friend| friend.user).collect::<Vec<_>>(), shared);
    Ok(())
}
