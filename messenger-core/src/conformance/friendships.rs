//! Friend requests and friendships.

use super::failure::Outcome;
use super::people::{invalid_fields, page, refusal, username};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::Relationship;
use crate::id::UserId;
use crate::service::friendships::FriendRequestSent;
use crate::store::Direction;
use crate::user::UserQuery;

pub(super) const CASES: &[Case] = isolated!("friendships":
    a_request_waits_for_its_answer,
    a_request_by_username_is_the_same_request,
    a_request_to_nobody_is_refused,
    a_request_to_oneself_is_refused,
    a_second_request_is_refused,
    crossing_requests_make_a_friendship,
    an_accepted_request_makes_a_friendship,
    a_declined_request_is_gone_and_may_be_made_again,
    a_cancelled_request_is_gone,
    only_the_addressee_accepts_and_declines,
    only_the_requester_cancels,
    friends_need_no_request,
    unfriending_ends_it_for_both,
    strangers_cannot_unfriend,
    a_friendship_and_its_end_are_told_to_both,
    a_request_and_its_end_are_told_to_both,
    friends_are_listed_and_searched,
);

async fn requests(w: &World, user: UserId, direction: Direction) -> Result<Vec<(UserId, UserId)>> {
    let page = w.messenger.list_friend_requests(user, direction, page()).await?;
    Ok(page.items.into_iter().map(|request| (request.requester.id, request.addressee.id)).collect())
}

async fn friends_of(w: &World, user: UserId) -> Result<Vec<UserId>> {
    let page = w.messenger.list_friends(user, None, page()).await?;
    Ok(page.items.into_iter().map(|friend| friend.user.id).collect())
}

async fn a_request_waits_for_its_answer(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let sent = w.messenger.request_friendship(ada, bob).await?;
    let FriendRequestSent::Pending(request) = sent else { panic!("{sent:?}") };
    assert_eq!((request.requester.id, request.addressee.id, request.created_at), (ada, bob, w.clock.now()));
    assert_eq!(requests(w, ada, Direction::Outgoing).await?, [(ada, bob)]);
    assert_eq!(requests(w, bob, Direction::Incoming).await?, [(ada, bob)]);
    assert_eq!(requests(w, bob, Direction::Outgoing).await?, []);
    assert_eq!(friends_of(w, ada).await?, []);
    Ok(())
}

async fn a_request_by_username_is_the_same_request(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship_by_username(ada, &username("BOB")).await?;
    assert_eq!(requests(w, bob, Direction::Incoming).await?, [(ada, bob)]);
    let again = w.messenger.request_friendship_by_username(ada, &username("bob")).await;
    assert_eq!(refusal(again), Refusal::FriendRequestExists);
    Ok(())
}

async fn a_request_to_nobody_is_refused(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let nobody = UserId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.request_friendship(ada, nobody).await), Refusal::UserNotFound);
    let by_name = w.messenger.request_friendship_by_username(ada, &username("nobody")).await;
    assert_eq!(refusal(by_name), Refusal::UserNotFound);
    assert_eq!(w.log_length().await?, 0);
    Ok(())
}

async fn a_request_to_oneself_is_refused(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    assert_eq!(invalid_fields(w.messenger.request_friendship(ada, ada).await), ["user_id"]);
    let by_name = w.messenger.request_friendship_by_username(ada, &username("ada")).await;
    assert_eq!(invalid_fields(by_name), ["username"]);
    Ok(())
}

async fn a_second_request_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    let before = w.log_length().await?;
    assert_eq!(refusal(w.messenger.request_friendship(ada, bob).await), Refusal::FriendRequestExists);
    assert_eq!(w.log_length().await?, before);
    Ok(())
}

async fn crossing_requests_make_a_friendship(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    let since = w.clock.tick();
    let sent = w.messenger.request_friendship(bob, ada).await?;
    let FriendRequestSent::Friends(friend) = sent else { panic!("{sent:?}") };
    assert_eq!((friend.user.id, friend.since), (ada, since));
    assert_eq!(friends_of(w, ada).await?, [bob]);
    assert_eq!(requests(w, ada, Direction::Outgoing).await?, []);
    Ok(())
}

async fn an_accepted_request_makes_a_friendship(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    let since = w.clock.tick();
    let friend = w.messenger.accept_friend_request(bob, ada).await?;
    assert_eq!((friend.user.id, friend.since), (ada, since));
    assert_eq!((friends_of(w, ada).await?, friends_of(w, bob).await?), (vec![bob], vec![ada]));
    assert_eq!(requests(w, bob, Direction::Incoming).await?, []);
    let again = w.messenger.accept_friend_request(bob, ada).await;
    assert_eq!(refusal(again), Refusal::FriendRequestNotFound);
    Ok(())
}

async fn a_declined_request_is_gone_and_may_be_made_again(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    w.messenger.decline_friend_request(bob, ada).await?;
    assert_eq!(w.relationship(ada, bob).await?, Relationship::None);
    w.messenger.request_friendship(ada, bob).await?;
    assert_eq!(requests(w, bob, Direction::Incoming).await?, [(ada, bob)]);
    Ok(())
}

async fn a_cancelled_request_is_gone(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    w.messenger.cancel_friend_request(ada, bob).await?;
    assert_eq!(requests(w, bob, Direction::Incoming).await?, []);
    assert_eq!(refusal(w.messenger.accept_friend_request(bob, ada).await), Refusal::FriendRequestNotFound);
    assert_eq!(refusal(w.messenger.cancel_friend_request(ada, bob).await), Refusal::FriendRequestNotFound);
    Ok(())
}

async fn only_the_addressee_accepts_and_declines(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.users(["ada", "bob", "cleo"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    for (viewer, requester) in [(ada, bob), (cleo, ada), (cleo, bob), (ada, ada)] {
        let accepted = w.messenger.accept_friend_request(viewer, requester).await;
        assert_eq!(refusal(accepted), Refusal::FriendRequestNotFound);
        let declined = w.messenger.decline_friend_request(viewer, requester).await;
        assert_eq!(refusal(declined), Refusal::FriendRequestNotFound);
    }
    Ok(())
}

async fn only_the_requester_cancels(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    assert_eq!(refusal(w.messenger.cancel_friend_request(bob, ada).await), Refusal::FriendRequestNotFound);
    assert_eq!(refusal(w.messenger.cancel_friend_request(ada, ada).await), Refusal::FriendRequestNotFound);
    Ok(())
}

async fn friends_need_no_request(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    assert_eq!(refusal(w.messenger.request_friendship(ada, bob).await), Refusal::AlreadyFriends);
    Ok(())
}

async fn unfriending_ends_it_for_both(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.messenger.unfriend(bob, ada).await?;
    assert_eq!((friends_of(w, ada).await?, friends_of(w, bob).await?), (vec![], vec![]));
    w.befriend(ada, bob).await?;
    assert_eq!(friends_of(w, ada).await?, [bob]);
    Ok(())
}

async fn strangers_cannot_unfriend(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    assert_eq!(refusal(w.messenger.unfriend(ada, bob).await), Refusal::FriendshipNotFound);
    assert_eq!(refusal(w.messenger.unfriend(ada, ada).await), Refusal::FriendshipNotFound);
    Ok(())
}

async fn a_friendship_and_its_end_are_told_to_both(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.messenger.unfriend(ada, bob).await?;
    for (user, other) in [(ada, bob), (bob, ada)] {
        let told = w.told(Audience::User(user)).await?;
        let expected = [Fact::FriendshipStarted { user_id: other }, Fact::FriendshipEnded { user_id: other }];
        assert_eq!(told[told.len() - 2..], expected);
    }
    Ok(())
}

async fn a_request_and_its_end_are_told_to_both(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    w.messenger.decline_friend_request(bob, ada).await?;
    let (requester_id, addressee_id) = (ada, bob);
    let closed = Fact::FriendRequestClosed { requester_id, addressee_id };
    let sent = Fact::FriendRequestSent { requester_id, addressee_id };
    let received = Fact::FriendRequestReceived { requester_id, addressee_id };
    assert_eq!(w.told(Audience::User(ada)).await?, [sent, closed]);
    assert_eq!(w.told(Audience::User(bob)).await?, [received, closed]);
    Ok(())
}

async fn friends_are_listed_and_searched(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.users(["ada", "bob", "cleo"]).await?;
    for friend in [bob, cleo] {
        w.clock.tick();
        w.befriend(ada, friend).await?;
    }
    assert_eq!(friends_of(w, ada).await?, [cleo, bob]);
    let query = UserQuery::parse("LE").expect("a query");
    let found = w.messenger.list_friends(ada, Some(&query), page()).await?;
    assert_eq!(found.items.into_iter().map(|friend| friend.user.id).collect::<Vec<_>>(), [cleo]);
    Ok(())
}
