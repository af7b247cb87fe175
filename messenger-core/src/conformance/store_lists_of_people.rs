//! Lists of friends, requests, blocks and mutual friends.

use super::failure::Outcome;
use super::rows::{first, walk};
use super::store_friendships::{apply, befriend, block, request};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::friendship::Visibility;
use crate::store::Direction;
use crate::user::{DisplayName, User, UserQuery};

pub(super) const CASES: &[Case] = isolated!("store_lists_of_people":
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

/// The order of all lists here: latest first, then by id, descending.
fn by_id_descending(users: &[User]) -> Vec<User> {
    let mut users = users.to_vec();
    users.sort_by_key(|user| std::cmp::Reverse(user.id));
    users
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
