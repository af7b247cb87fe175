//! Making and changing groups, and the list of conversations.

use super::failure::Outcome;
use super::people::{invalid_fields, page, refusal, view};
use super::rows::{client_id, title};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::{ConversationKind, Role};
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};
use crate::service::conversations::{ConversationChanges, NewGroup, Opened};

pub(super) const CASES: &[Case] = isolated!("groups":
    a_group_belongs_to_its_maker,
    a_group_is_told_once_to_all_its_members,
    repeats_and_the_maker_are_no_further_members,
    whoever_is_no_friend_is_named_and_nothing_is_made,
    more_than_a_hundred_members_at_once_are_refused,
    nobody_makes_a_group_without_an_account,
    a_repeated_creation_is_the_same_creation,
    a_repeated_creation_finds_the_group_as_it_is_now,
    a_creation_of_the_same_members_in_another_order_is_the_same,
    a_creation_with_another_payload_is_refused,
    a_refused_creation_does_not_use_up_its_client_id,
    who_left_their_group_gets_what_anyone_else_would,
    owner_and_admins_rename_it,
    a_title_that_is_the_same_tells_nothing,
    conversations_are_listed_by_their_latest_activity,
    each_view_has_its_own_last_message,
);

fn new_group(name: &str, member_ids: &[UserId], key: Option<&str>) -> NewGroup {
    NewGroup { title: title(name), member_ids: member_ids.to_vec(), client_id: key.map(client_id) }
}

fn rename(name: &str) -> ConversationChanges {
    ConversationChanges { title: Some(title(name)) }
}

async fn roles(w: &World, viewer: UserId, group: ConversationId) -> Result<Vec<(UserId, Role)>> {
    let members = w.messenger.list_members(viewer, group, page()).await?.items;
    let mut roles: Vec<_> = members.into_iter().map(|member| (member.user.id, member.role)).collect();
    roles.sort();
    Ok(roles)
}

async fn a_group_belongs_to_its_maker(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let made = w.messenger.create_group(ada, new_group("Crew", &[bob, cleo], None)).await?;
    let Opened::Created(view) = made else { panic!("{made:?}") };
    let ConversationKind::Group(group) = &view.conversation.kind else { panic!("{view:?}") };
    assert_eq!((group.title.as_str(), group.created_by, view.role), ("Crew", ada, Role::Owner));
    assert_eq!((view.conversation.members_count, view.peer), (3, None));
    let mut expected = vec![(ada, Role::Owner), (bob, Role::Member), (cleo, Role::Member)];
    expected.sort();
    assert_eq!(roles(w, bob, view.conversation.id).await?, expected);
    Ok(())
}

async fn a_group_is_told_once_to_all_its_members(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let before = w.log_length().await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    let created = Fact::ConversationCreated { conversation_id: group };
    assert_eq!(w.told(Audience::Conversation(group)).await?, [created]);
    assert_eq!(w.log_length().await?, before + 1);
    Ok(())
}

async fn repeats_and_the_maker_are_no_further_members(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob, ada, bob]).await?;
    assert_eq!(w.messenger.conversation(ada, group).await?.conversation.members_count, 2);
    assert_eq!(roles(w, ada, group).await?.len(), 2);
    Ok(())
}

async fn whoever_is_no_friend_is_named_and_nothing_is_made(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let [stranger, blocker] = w.users(["stranger", "blocker"]).await?;
    w.messenger.block(blocker, ada).await?;
    let nobody = UserId::from_uuid(w.uuid());
    let before = w.log_length().await?;
    let made = w.messenger.create_group(ada, new_group("Crew", &[stranger, bob, nobody, blocker], None)).await;
    let Refusal::NotFriends(mut named) = refusal(made) else { panic!("another refusal") };
    named.sort();
    let mut expected = vec![stranger, nobody, blocker];
    expected.sort();
    assert_eq!(named, expected);
    assert_eq!(w.messenger.list_conversations(ada, page()).await?.items, []);
    assert_eq!(w.log_length().await?, before);
    Ok(())
}

async fn more_than_a_hundred_members_at_once_are_refused(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let ids: Vec<_> = (0..101).map(|_| UserId::from_uuid(w.uuid())).collect();
    let made = w.messenger.create_group(ada, new_group("Crowd", &ids, None)).await;
    assert_eq!(invalid_fields(made), ["member_ids"]);
    Ok(())
}

async fn nobody_makes_a_group_without_an_account(w: &World) -> Outcome {
    let nobody = UserId::from_uuid(w.uuid());
    let made = w.messenger.create_group(nobody, new_group("Crew", &[], None)).await;
    assert_eq!(refusal(made), Refusal::UserNotFound);
    Ok(())
}

async fn a_repeated_creation_is_the_same_creation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let first = w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?;
    let log = w.log_length().await?;
    let second = w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?;
    assert!(matches!((&first, &second), (Opened::Created(_), Opened::Existing(_))), "{first:?} {second:?}");
    assert_eq!(view(first), view(second));
    assert_eq!(w.log_length().await?, log);
    let theirs = w.messenger.create_group(bob, new_group("Crew", &[ada], Some("key"))).await?;
    assert!(matches!(theirs, Opened::Created(_)), "bob's key is not ada's");
    Ok(())
}

async fn a_repeated_creation_finds_the_group_as_it_is_now(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = view(w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?).conversation.id;
    w.messenger.update_conversation(ada, group, rename("Fleet")).await?;
    w.messenger.remove_member(ada, group, bob).await?;
    let again = view(w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?);
    assert_eq!(again, w.messenger.conversation(ada, group).await?);
    assert_eq!(again.conversation.members_count, 1);
    Ok(())
}

async fn a_creation_of_the_same_members_in_another_order_is_the_same(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let first = view(w.messenger.create_group(ada, new_group("Crew", &[bob, cleo], Some("key"))).await?);
    let second = view(w.messenger.create_group(ada, new_group("Crew", &[cleo, bob, cleo], Some("key"))).await?);
    assert_eq!(first, second);
    Ok(())
}

async fn a_creation_with_another_payload_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?;
    for other in [new_group("Fleet", &[bob], Some("key")), new_group("Crew", &[], Some("key"))] {
        assert_eq!(refusal(w.messenger.create_group(ada, other).await), Refusal::ClientIdReused);
    }
    Ok(())
}

async fn a_refused_creation_does_not_use_up_its_client_id(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let refused = w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await;
    assert_eq!(refusal(refused), Refusal::NotFriends(vec![bob]));
    w.befriend(ada, bob).await?;
    let made = w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?;
    assert!(matches!(made, Opened::Created(_)), "{made:?}");
    Ok(())
}

async fn who_left_their_group_gets_what_anyone_else_would(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = view(w.messenger.create_group(ada, new_group("Crew", &[bob], Some("key"))).await?).conversation.id;
    w.messenger.leave_conversation(ada, group).await?;
    for again in [new_group("Crew", &[bob], Some("key")), new_group("Other", &[], Some("key"))] {
        assert_eq!(refusal(w.messenger.create_group(ada, again).await), Refusal::ConversationNotFound);
    }
    Ok(())
}

async fn owner_and_admins_rename_it(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    w.messenger.change_role(ada, group, bob, Role::Admin).await?;
    for (viewer, name) in [(ada, "One"), (bob, "Two")] {
        let view = w.messenger.update_conversation(viewer, group, rename(name)).await?;
        let ConversationKind::Group(changed) = &view.conversation.kind else { panic!("{view:?}") };
        assert_eq!(changed.title.as_str(), name);
        assert_eq!(w.messenger.conversation(viewer, group).await?, view);
    }
    assert_eq!(refusal(w.messenger.update_conversation(cleo, group, rename("Three")).await), Refusal::NotAllowed);
    let told = w.told(Audience::Conversation(group)).await?;
    let updated = Fact::ConversationUpdated { conversation_id: group };
    assert_eq!(told.iter().filter(|fact| **fact == updated).count(), 2);
    Ok(())
}

async fn a_title_that_is_the_same_tells_nothing(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let group = w.group(ada, &[]).await?;
    let log = w.log_length().await?;
    w.clock.tick();
    w.messenger.update_conversation(ada, group, rename("Crew")).await?;
    w.messenger.update_conversation(ada, group, ConversationChanges::default()).await?;
    assert_eq!(w.log_length().await?, log);
    Ok(())
}

async fn conversations_are_listed_by_their_latest_activity(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let mut groups = vec![];
    for _ in 0..3 {
        w.clock.tick();
        groups.push(w.group(ada, &[bob]).await?);
    }
    w.clock.tick();
    w.say(bob, groups[0], "hello").await?;
    w.clock.tick();
    w.messenger.update_conversation(ada, groups[1], rename("Fleet")).await?;
    w.clock.tick();
    // Reading is no activity.
    w.messenger.mark_read(ada, groups[0], super::rows::seq(1)).await?;
    let listed = w.messenger.list_conversations(ada, page()).await?.items;
    let ids: Vec<_> = listed.into_iter().map(|view| view.conversation.id).collect();
    assert_eq!(ids, [groups[1], groups[0], groups[2]]);
    Ok(())
}

async fn each_view_has_its_own_last_message(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (one, two, silent) = (w.group(ada, &[bob]).await?, w.direct(ada, bob).await?, w.group(ada, &[]).await?);
    w.say(ada, one, "old").await?;
    let in_one = w.say(bob, one, "new").await?;
    let in_two = w.say(ada, two, "only").await?;
    let listed = w.messenger.list_conversations(ada, page()).await?.items;
    for (place, last) in [(one, Some(in_one)), (two, Some(in_two)), (silent, None)] {
        let view = listed.iter().find(|view| view.conversation.id == place).expect("it is listed");
        assert_eq!(view.last_message, last);
        assert_eq!(*view, w.messenger.conversation(ada, place).await?);
    }
    Ok(())
}
