//! Direct conversations.

use super::failure::Outcome;
use super::people::{invalid_fields, page, refusal};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::Role;
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::UserId;
use crate::message::Seq;
use crate::service::conversations::{ConversationChanges, Opened};
use crate::service::users::UserChanges;
use crate::user::DmPolicy;

use super::rows::title;

pub(super) const CASES: &[Case] = isolated!("directs":
    friends_open_one_direct_conversation,
    it_is_the_same_from_both_sides,
    opening_is_told_once,
    strangers_cannot_open_one,
    an_open_policy_lets_strangers_in,
    the_policy_is_the_addressees,
    nobody_opens_one_with_themselves_or_nobody,
    after_unfriending_it_opens_and_stays_readable_and_takes_no_message,
    friends_again_go_on_where_they_were,
    a_policy_that_closes_stops_the_next_message,
    it_has_two_members_without_rank,
    it_cannot_be_renamed_left_or_joined,
    each_sees_the_other_as_peer,
);

async fn set_policy(w: &World, user: UserId, policy: DmPolicy) -> Result<()> {
    w.messenger.update_me(user, UserChanges { dm_policy: Some(policy), ..UserChanges::default() }).await.map(drop)
}

async fn friends_open_one_direct_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let first = w.messenger.open_direct_conversation(ada, bob).await?;
    let Opened::Created(view) = first else { panic!("{first:?}") };
    assert_eq!((view.unread_count, view.read_seq, view.last_message), (0, Seq::ZERO, None));
    let second = w.messenger.open_direct_conversation(ada, bob).await?;
    let Opened::Existing(again) = second else { panic!("{second:?}") };
    assert_eq!(again.conversation, view.conversation);
    Ok(())
}

async fn it_is_the_same_from_both_sides(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    assert_eq!(w.direct(ada, bob).await?, w.direct(bob, ada).await?);
    Ok(())
}

async fn opening_is_told_once(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.direct(bob, ada).await?;
    let created = Fact::ConversationCreated { conversation_id: direct };
    assert_eq!(w.told(Audience::Conversation(direct)).await?, [created]);
    Ok(())
}

async fn strangers_cannot_open_one(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    assert_eq!(refusal(w.messenger.open_direct_conversation(ada, bob).await), Refusal::NotFriends(vec![bob]));
    assert_eq!(w.log_length().await?, 0);
    Ok(())
}

async fn an_open_policy_lets_strangers_in(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    set_policy(w, bob, DmPolicy::Everyone).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "hello").await?;
    assert_eq!(w.unread(bob, direct).await?, 1);
    Ok(())
}

async fn the_policy_is_the_addressees(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    set_policy(w, ada, DmPolicy::Everyone).await?;
    assert_eq!(refusal(w.messenger.open_direct_conversation(ada, bob).await), Refusal::NotFriends(vec![bob]));
    let direct = w.direct(bob, ada).await?;
    w.say(bob, direct, "hello").await?;
    assert_eq!(refusal(w.say(ada, direct, "hello").await), Refusal::NotFriends(vec![bob]));
    Ok(())
}

async fn nobody_opens_one_with_themselves_or_nobody(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    assert_eq!(invalid_fields(w.messenger.open_direct_conversation(ada, ada).await), ["user_id"]);
    let nobody = UserId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.open_direct_conversation(ada, nobody).await), Refusal::UserNotFound);
    Ok(())
}

async fn after_unfriending_it_opens_and_stays_readable_and_takes_no_message(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "hello").await?;
    w.messenger.unfriend(ada, bob).await?;
    assert_eq!(w.direct(bob, ada).await?, direct);
    assert_eq!(w.messenger.message(bob, direct, said.id).await?, said);
    assert_eq!(refusal(w.say(bob, direct, "hello?").await), Refusal::NotFriends(vec![ada]));
    let edited = w.messenger.edit_message(ada, direct, said.id, super::rows::body("new words")).await;
    assert_eq!(refusal(edited), Refusal::NotFriends(vec![bob]), "an edit says something new");
    Ok(())
}

async fn friends_again_go_on_where_they_were(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "one").await?;
    w.messenger.unfriend(ada, bob).await?;
    w.befriend(bob, ada).await?;
    assert_eq!(w.say(bob, direct, "two").await?.seq.get(), 2);
    Ok(())
}

async fn a_policy_that_closes_stops_the_next_message(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    set_policy(w, bob, DmPolicy::Everyone).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "one").await?;
    set_policy(w, bob, DmPolicy::Friends).await?;
    assert_eq!(refusal(w.say(ada, direct, "two").await), Refusal::NotFriends(vec![bob]));
    Ok(())
}

async fn it_has_two_members_without_rank(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let members = w.messenger.list_members(bob, direct, page()).await?.items;
    let mut ids: Vec<_> = members.iter().map(|member| (member.user.id, member.role)).collect();
    ids.sort();
    let mut expected = vec![(ada, Role::Member), (bob, Role::Member)];
    expected.sort();
    assert_eq!(ids, expected);
    assert_eq!(w.messenger.conversation(ada, direct).await?.conversation.members_count, 2);
    Ok(())
}

async fn it_cannot_be_renamed_left_or_joined(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let direct = w.direct(ada, bob).await?;
    let changes = ConversationChanges { title: Some(title("Us")) };
    assert_eq!(refusal(w.messenger.update_conversation(ada, direct, changes).await), Refusal::NotAGroup);
    assert_eq!(refusal(w.messenger.leave_conversation(ada, direct).await), Refusal::NotAGroup);
    assert_eq!(refusal(w.messenger.remove_member(ada, direct, bob).await), Refusal::NotAGroup);
    assert_eq!(refusal(w.messenger.change_role(ada, direct, bob, Role::Owner).await), Refusal::NotAGroup);
    assert_eq!(refusal(w.messenger.add_member(ada, direct, cleo).await), Refusal::NotAGroup);
    Ok(())
}

async fn each_sees_the_other_as_peer(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    for (viewer, peer) in [(ada, bob), (bob, ada)] {
        let seen = w.messenger.conversation(viewer, direct).await?.peer;
        assert_eq!(seen.map(|user| user.id), Some(peer));
        let listed = w.messenger.list_conversations(viewer, page()).await?.items;
        assert_eq!(listed[0].peer.as_ref().map(|user| user.id), Some(peer));
    }
    Ok(())
}
