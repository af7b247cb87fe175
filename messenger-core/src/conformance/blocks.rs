//! A block is private: to the blocked, the blocker looks like a stranger who
//! accepts nothing.

use super::failure::Outcome;
use super::people::{invalid_fields, page, refusal};
use super::world::World;
use super::{Case, isolated};
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::Relationship;
use crate::id::UserId;
use crate::service::friendships::FriendRequestSent;
use crate::service::users::UserChanges;
use crate::store::Direction;
use crate::user::{DmPolicy, UserQuery};

pub(super) const CASES: &[Case] = isolated!("blocks":
    a_block_ends_the_friendship_like_unfriending,
    blocking_twice_is_blocking_once,
    blocks_are_listed_latest_first_to_the_blocker,
    nobody_blocks_themselves_or_nobody,
    unblocking_restores_nothing,
    unblocking_a_stranger_does_nothing,
    a_request_to_the_blocker_waits_for_ever,
    a_request_of_the_blocked_is_hidden_and_stays_out,
    the_blockers_own_request_is_taken_back,
    the_blocker_who_asks_the_blocked_is_told_so,
    the_blocked_finds_the_blocker_like_any_stranger,
    the_blocked_is_told_nothing_of_the_block,
    a_block_stops_direct_messages_both_ways,
    an_open_policy_does_not_open_a_block,
    what_was_said_stays_readable_to_both,
    in_a_shared_group_they_are_members_like_all_others,
    a_blocked_user_is_no_friend_to_add,
);

async fn incoming(w: &World, user: UserId) -> Result<usize> {
    Ok(w.messenger.list_friend_requests(user, Direction::Incoming, page()).await?.items.len())
}

async fn outgoing(w: &World, user: UserId) -> Result<usize> {
    Ok(w.messenger.list_friend_requests(user, Direction::Outgoing, page()).await?.items.len())
}

async fn a_block_ends_the_friendship_like_unfriending(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let before = w.told(Audience::User(bob)).await?.len();
    w.messenger.block(ada, bob).await?;
    w.messenger.unfriend(cleo, bob).await?;
    let told = w.told(Audience::User(bob)).await?;
    let ends = [Fact::FriendshipEnded { user_id: ada }, Fact::FriendshipEnded { user_id: cleo }];
    assert_eq!(told[before..], ends, "one looks like the other");
    assert_eq!(w.messenger.list_friends(bob, None, page()).await?.items.len(), 0);
    Ok(())
}

async fn blocking_twice_is_blocking_once(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.block(ada, bob).await?;
    let (before, log) = (w.messenger.list_blocks(ada, page()).await?, w.log_length().await?);
    w.clock.tick();
    w.messenger.block(ada, bob).await?;
    assert_eq!(w.messenger.list_blocks(ada, page()).await?, before);
    assert_eq!(w.log_length().await?, log);
    Ok(())
}

async fn blocks_are_listed_latest_first_to_the_blocker(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.users(["ada", "bob", "cleo"]).await?;
    w.messenger.block(ada, bob).await?;
    let at = w.clock.tick();
    w.messenger.block(ada, cleo).await?;
    let blocks = w.messenger.list_blocks(ada, page()).await?.items;
    assert_eq!(blocks[0].since, at);
    assert_eq!(blocks.into_iter().map(|block| block.user.id).collect::<Vec<_>>(), [cleo, bob]);
    assert_eq!(w.messenger.list_blocks(bob, page()).await?.items, []);
    Ok(())
}

async fn nobody_blocks_themselves_or_nobody(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    assert_eq!(invalid_fields(w.messenger.block(ada, ada).await), ["user_id"]);
    let nobody = UserId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.block(ada, nobody).await), Refusal::UserNotFound);
    Ok(())
}

async fn unblocking_restores_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.messenger.block(ada, bob).await?;
    w.messenger.unblock(ada, bob).await?;
    assert_eq!(w.relationship(ada, bob).await?, Relationship::None);
    assert_eq!(w.messenger.list_blocks(ada, page()).await?.items, []);
    w.befriend(bob, ada).await?;
    Ok(())
}

async fn unblocking_a_stranger_does_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.unblock(ada, bob).await?;
    w.messenger.unblock(ada, ada).await?;
    w.messenger.unblock(ada, UserId::from_uuid(w.uuid())).await?;
    assert_eq!(w.log_length().await?, 0);
    Ok(())
}

async fn a_request_to_the_blocker_waits_for_ever(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.block(ada, bob).await?;
    let sent = w.messenger.request_friendship(bob, ada).await?;
    assert!(matches!(sent, FriendRequestSent::Pending(_)), "{sent:?}");
    assert_eq!((outgoing(w, bob).await?, incoming(w, ada).await?), (1, 0));
    assert_eq!(refusal(w.messenger.accept_friend_request(ada, bob).await), Refusal::FriendRequestNotFound);
    w.messenger.unblock(ada, bob).await?;
    assert_eq!((outgoing(w, bob).await?, incoming(w, ada).await?), (1, 0), "not after an unblock either");
    assert_eq!(w.relationship(ada, bob).await?, Relationship::None);
    w.messenger.cancel_friend_request(bob, ada).await?;
    assert_eq!(outgoing(w, bob).await?, 0);
    Ok(())
}

async fn a_request_of_the_blocked_is_hidden_and_stays_out(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(bob, ada).await?;
    let told = w.told(Audience::User(bob)).await?;
    w.messenger.block(ada, bob).await?;
    assert_eq!((outgoing(w, bob).await?, incoming(w, ada).await?), (1, 0));
    assert_eq!(w.told(Audience::User(bob)).await?, told, "the blocked is told nothing");
    let closed = Fact::FriendRequestClosed { requester_id: bob, addressee_id: ada };
    assert!(w.told(Audience::User(ada)).await?.contains(&closed));
    assert_eq!(w.relationship(bob, ada).await?, Relationship::OutgoingRequest);
    Ok(())
}

async fn the_blockers_own_request_is_taken_back(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    w.messenger.block(ada, bob).await?;
    assert_eq!((outgoing(w, ada).await?, incoming(w, bob).await?), (0, 0));
    Ok(())
}

async fn the_blocker_who_asks_the_blocked_is_told_so(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.block(ada, bob).await?;
    assert_eq!(refusal(w.messenger.request_friendship(ada, bob).await), Refusal::BlockedByYou);
    Ok(())
}

async fn the_blocked_finds_the_blocker_like_any_stranger(w: &World) -> Outcome {
    let [blocker, stranger, bob] = w.users(["ada.blocker", "ada.stranger", "bob"]).await?;
    w.messenger.block(blocker, bob).await?;
    let query = UserQuery::parse("ada").expect("a query");
    let found = w.messenger.search_users(bob, &query, page()).await?.items;
    assert_eq!(found.into_iter().map(|user| user.id).collect::<Vec<_>>(), [blocker, stranger]);
    for other in [blocker, stranger] {
        let profile = w.messenger.profile(bob, other).await?;
        assert_eq!((profile.relationship, profile.mutual_friend_count), (Relationship::None, 0));
        assert_eq!(refusal(w.messenger.open_direct_conversation(bob, other).await), Refusal::NotFriends(vec![other]));
        assert_eq!(refusal(w.messenger.unfriend(bob, other).await), Refusal::FriendshipNotFound);
        assert_eq!(refusal(w.messenger.accept_friend_request(bob, other).await), Refusal::FriendRequestNotFound);
        assert!(matches!(w.messenger.request_friendship(bob, other).await?, FriendRequestSent::Pending(_)));
        assert_eq!(refusal(w.messenger.request_friendship(bob, other).await), Refusal::FriendRequestExists);
    }
    Ok(())
}

async fn the_blocked_is_told_nothing_of_the_block(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.block(ada, bob).await?;
    w.messenger.unblock(ada, bob).await?;
    assert_eq!(w.told(Audience::User(bob)).await?, []);
    let to_ada = [Fact::BlockAdded { user_id: bob }, Fact::BlockRemoved { user_id: bob }];
    assert_eq!(w.told(Audience::User(ada)).await?, to_ada);
    assert_eq!(w.log_length().await?, 2);
    Ok(())
}

async fn a_block_stops_direct_messages_both_ways(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.messenger.block(ada, bob).await?;
    assert_eq!(refusal(w.say(bob, direct, "hello?").await), Refusal::NotFriends(vec![ada]));
    assert_eq!(refusal(w.say(ada, direct, "bye").await), Refusal::NotFriends(vec![bob]));
    assert_eq!(w.transcript(direct).await?, []);
    Ok(())
}

async fn an_open_policy_does_not_open_a_block(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    for user in [ada, bob] {
        let everyone = UserChanges { dm_policy: Some(DmPolicy::Everyone), ..UserChanges::default() };
        w.messenger.update_me(user, everyone).await?;
    }
    let direct = w.direct(bob, ada).await?;
    w.say(bob, direct, "hello").await?;
    w.messenger.block(ada, bob).await?;
    assert_eq!(refusal(w.say(bob, direct, "hello?").await), Refusal::NotFriends(vec![ada]));
    w.messenger.unblock(ada, bob).await?;
    w.say(bob, direct, "hello again").await?;
    Ok(())
}

async fn what_was_said_stays_readable_to_both(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(bob, direct, "hello").await?;
    w.messenger.block(ada, bob).await?;
    for viewer in [ada, bob] {
        assert_eq!(w.messenger.message(viewer, direct, said.id).await?, said);
        assert_eq!(w.messenger.list_conversations(viewer, page()).await?.items.len(), 1);
        assert_eq!(w.direct(viewer, if viewer == ada { bob } else { ada }).await?, direct, "it opens, to read");
        w.messenger.mark_read(viewer, direct, said.seq).await?;
    }
    w.messenger.delete_message(bob, direct, said.id).await?;
    Ok(())
}

async fn in_a_shared_group_they_are_members_like_all_others(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(cleo, &[ada, bob]).await?;
    w.messenger.block(ada, bob).await?;
    let from_bob = w.say(bob, group, "hello all").await?;
    let from_ada = w.say(ada, group, "hello").await?;
    assert_eq!(w.messenger.message(ada, group, from_bob.id).await?, from_bob);
    assert_eq!(w.messenger.message(bob, group, from_ada.id).await?, from_ada);
    Ok(())
}

async fn a_blocked_user_is_no_friend_to_add(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[]).await?;
    w.messenger.block(bob, ada).await?;
    let nobody = UserId::from_uuid(w.uuid());
    for user in [bob, nobody] {
        assert_eq!(refusal(w.messenger.add_member(ada, group, user).await), Refusal::NotFriends(vec![user]));
    }
    Ok(())
}
