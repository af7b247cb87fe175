//! Members of groups and their roles.

use super::failure::Outcome;
use super::people::{invalid_fields, page, refusal};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::conversation::Role;
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};

pub(super) const CASES: &[Case] = isolated!("members":
    owner_and_admins_add_their_own_friends,
    plain_members_add_nobody,
    who_is_no_friend_of_the_adder_is_not_added,
    a_member_is_not_added_twice,
    who_joins_has_read_everything_and_sees_everything,
    the_owner_removes_anyone,
    an_admin_removes_members_and_not_admins_or_the_owner,
    a_plain_member_removes_nobody_but_themselves,
    the_removed_get_nothing_any_more,
    the_removed_may_come_back,
    only_the_owner_appoints,
    the_owner_hands_over_in_one_commit,
    the_owner_does_not_demote_themselves,
    a_role_that_is_the_same_tells_nothing,
    a_stranger_has_no_role,
    a_member_leaves,
    the_owner_who_leaves_hands_over_to_the_longest_standing_admin,
    the_owner_who_leaves_hands_over_to_the_longest_standing_member,
    an_empty_group_is_gone,
    joining_and_leaving_are_told,
);

async fn role_of(w: &World, viewer: UserId, group: ConversationId) -> Result<Role> {
    Ok(w.messenger.conversation(viewer, group).await?.role)
}

async fn owner_and_admins_add_their_own_friends(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.friends(["ada", "bob", "cleo", "dan"]).await?;
    let group = w.group(ada, &[bob]).await?;
    w.messenger.change_role(ada, group, bob, Role::Admin).await?;
    let at = w.clock.tick();
    for (adder, added) in [(ada, cleo), (bob, dan)] {
        let member = w.messenger.add_member(adder, group, added).await?;
        assert_eq!((member.user.id, member.role, member.joined_at), (added, Role::Member, at));
    }
    let members = w.messenger.list_members(dan, group, page()).await?.items;
    assert_eq!(members.len(), 4);
    assert_eq!(w.messenger.conversation(dan, group).await?.conversation.members_count, 4);
    Ok(())
}

async fn plain_members_add_nobody(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob]).await?;
    assert_eq!(refusal(w.messenger.add_member(bob, group, cleo).await), Refusal::NotAllowed);
    Ok(())
}

async fn who_is_no_friend_of_the_adder_is_not_added(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let cleo = w.user("cleo").await?;
    w.befriend(bob, cleo).await?;
    let group = w.group(ada, &[bob]).await?;
    for user in [cleo, UserId::from_uuid(w.uuid())] {
        assert_eq!(refusal(w.messenger.add_member(ada, group, user).await), Refusal::NotFriends(vec![user]));
    }
    assert_eq!(w.messenger.conversation(ada, group).await?.conversation.members_count, 2);
    Ok(())
}

async fn a_member_is_not_added_twice(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    for user in [bob, ada] {
        assert_eq!(refusal(w.messenger.add_member(ada, group, user).await), Refusal::AlreadyMember);
    }
    Ok(())
}

async fn who_joins_has_read_everything_and_sees_everything(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[]).await?;
    let first = w.say(ada, group, "before").await?;
    w.say(ada, group, "just before").await?;
    w.messenger.add_member(ada, group, bob).await?;
    assert_eq!(w.unread(bob, group).await?, 0);
    assert_eq!(w.messenger.message(bob, group, first.id).await?, first);
    w.say(ada, group, "after").await?;
    assert_eq!(w.unread(bob, group).await?, 1);
    Ok(())
}

async fn the_owner_removes_anyone(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    w.messenger.change_role(ada, group, bob, Role::Admin).await?;
    w.messenger.remove_member(ada, group, bob).await?;
    w.messenger.remove_member(ada, group, cleo).await?;
    assert_eq!(w.messenger.list_members(ada, group, page()).await?.items.len(), 1);
    assert_eq!(refusal(w.messenger.remove_member(ada, group, bob).await), Refusal::MemberNotFound);
    Ok(())
}

async fn an_admin_removes_members_and_not_admins_or_the_owner(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.friends(["ada", "bob", "cleo", "dan"]).await?;
    let group = w.group(ada, &[bob, cleo, dan]).await?;
    for admin in [bob, cleo] {
        w.messenger.change_role(ada, group, admin, Role::Admin).await?;
    }
    assert_eq!(refusal(w.messenger.remove_member(bob, group, cleo).await), Refusal::NotAllowed);
    assert_eq!(refusal(w.messenger.remove_member(bob, group, ada).await), Refusal::NotAllowed);
    w.messenger.remove_member(bob, group, dan).await?;
    Ok(())
}

async fn a_plain_member_removes_nobody_but_themselves(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    assert_eq!(refusal(w.messenger.remove_member(bob, group, cleo).await), Refusal::NotAllowed);
    w.messenger.remove_member(bob, group, bob).await?;
    assert_eq!(refusal(w.messenger.conversation(bob, group).await), Refusal::ConversationNotFound);
    Ok(())
}

async fn the_removed_get_nothing_any_more(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let said = w.say(bob, group, "mine").await?;
    w.messenger.remove_member(ada, group, bob).await?;
    assert_eq!(refusal(w.say(bob, group, "hello?").await), Refusal::ConversationNotFound);
    assert_eq!(refusal(w.messenger.message(bob, group, said.id).await), Refusal::ConversationNotFound);
    assert_eq!(w.messenger.list_conversations(bob, page()).await?.items, []);
    assert_eq!(w.messenger.list_recent_messages(bob, page()).await?.items, []);
    Ok(())
}

async fn the_removed_may_come_back(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    w.say(ada, group, "unread").await?;
    w.messenger.remove_member(ada, group, bob).await?;
    w.say(ada, group, "not for bob").await?;
    w.messenger.add_member(ada, group, bob).await?;
    assert_eq!(w.unread(bob, group).await?, 0);
    assert_eq!(w.say(bob, group, "back").await?.seq.get(), 3);
    Ok(())
}

async fn only_the_owner_appoints(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    let member = w.messenger.change_role(ada, group, bob, Role::Admin).await?;
    assert_eq!((member.user.id, member.role), (bob, Role::Admin));
    for viewer in [bob, cleo] {
        let appointed = w.messenger.change_role(viewer, group, cleo, Role::Admin).await;
        assert_eq!(refusal(appointed), Refusal::NotAllowed);
    }
    w.messenger.change_role(ada, group, bob, Role::Member).await?;
    assert_eq!(role_of(w, bob, group).await?, Role::Member);
    Ok(())
}

async fn the_owner_hands_over_in_one_commit(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let before = w.log_of(Audience::Conversation(group)).await?.len();
    w.messenger.change_role(ada, group, bob, Role::Owner).await?;
    assert_eq!((role_of(w, ada, group).await?, role_of(w, bob, group).await?), (Role::Admin, Role::Owner));
    let mut told = w.told(Audience::Conversation(group)).await?.split_off(before);
    told.sort_by_key(|fact| fact.to_columns().subject_id);
    let mut expected = [ada, bob].map(|user_id| Fact::MemberUpdated { conversation_id: group, user_id });
    expected.sort_by_key(|fact| fact.to_columns().subject_id);
    assert_eq!(told, expected);
    assert_eq!(refusal(w.messenger.change_role(ada, group, bob, Role::Member).await), Refusal::NotAllowed);
    Ok(())
}

async fn the_owner_does_not_demote_themselves(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    assert_eq!(invalid_fields(w.messenger.change_role(ada, group, ada, Role::Member).await), ["role"]);
    assert_eq!(role_of(w, ada, group).await?, Role::Owner);
    Ok(())
}

async fn a_role_that_is_the_same_tells_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let log = w.log_length().await?;
    w.messenger.change_role(ada, group, bob, Role::Member).await?;
    w.messenger.change_role(ada, group, ada, Role::Owner).await?;
    assert_eq!(w.log_length().await?, log);
    Ok(())
}

async fn a_stranger_has_no_role(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[]).await?;
    for user in [bob, UserId::from_uuid(w.uuid())] {
        assert_eq!(refusal(w.messenger.change_role(ada, group, user, Role::Admin).await), Refusal::MemberNotFound);
        assert_eq!(refusal(w.messenger.remove_member(ada, group, user).await), Refusal::MemberNotFound);
    }
    Ok(())
}

async fn a_member_leaves(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    w.messenger.leave_conversation(bob, group).await?;
    assert_eq!(refusal(w.messenger.leave_conversation(bob, group).await), Refusal::ConversationNotFound);
    assert_eq!(w.messenger.conversation(ada, group).await?.conversation.members_count, 1);
    assert_eq!(role_of(w, ada, group).await?, Role::Owner);
    Ok(())
}

async fn the_owner_who_leaves_hands_over_to_the_longest_standing_admin(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.friends(["ada", "bob", "cleo", "dan"]).await?;
    let group = w.group(ada, &[]).await?;
    for member in [bob, cleo, dan] {
        w.clock.tick();
        w.messenger.add_member(ada, group, member).await?;
    }
    // Appointed later, but a member for longer.
    w.messenger.change_role(ada, group, dan, Role::Admin).await?;
    w.messenger.change_role(ada, group, cleo, Role::Admin).await?;
    w.messenger.leave_conversation(ada, group).await?;
    let roles = [role_of(w, bob, group).await?, role_of(w, cleo, group).await?, role_of(w, dan, group).await?];
    assert_eq!(roles, [Role::Member, Role::Owner, Role::Admin]);
    Ok(())
}

async fn the_owner_who_leaves_hands_over_to_the_longest_standing_member(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[]).await?;
    for member in [cleo, bob] {
        w.clock.tick();
        w.messenger.add_member(ada, group, member).await?;
    }
    w.messenger.leave_conversation(ada, group).await?;
    assert_eq!((role_of(w, cleo, group).await?, role_of(w, bob, group).await?), (Role::Owner, Role::Member));
    let promoted = Fact::MemberUpdated { conversation_id: group, user_id: cleo };
    assert!(w.told(Audience::Conversation(group)).await?.contains(&promoted));
    Ok(())
}

async fn an_empty_group_is_gone(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let said = w.say(ada, group, "hello").await?;
    w.messenger.leave_conversation(bob, group).await?;
    w.messenger.leave_conversation(ada, group).await?;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.conversations().find_conversations(&[group]).await?, []);
    assert_eq!(snapshot.messages().find_messages(&[said.id]).await?, []);
    drop(snapshot);
    let removed = Fact::MemberRemoved { conversation_id: group, user_id: ada };
    assert_eq!(w.told(Audience::User(ada)).await?.last(), Some(&removed), "the last they get of it");
    Ok(())
}

async fn joining_and_leaving_are_told(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[]).await?;
    w.messenger.add_member(ada, group, bob).await?;
    w.messenger.remove_member(ada, group, bob).await?;
    let updated = Fact::ConversationUpdated { conversation_id: group };
    let removed = Fact::MemberRemoved { conversation_id: group, user_id: bob };
    let added = Fact::MemberAdded { conversation_id: group, user_id: bob };
    let told = w.told(Audience::Conversation(group)).await?;
    assert_eq!(told[1..], [added, updated, removed, updated]);
    assert_eq!(w.told(Audience::User(bob)).await?.last(), Some(&removed));
    let at = w.log_of(Audience::Conversation(group)).await?;
    assert!(at.iter().all(|event| event.event.actor_id == ada && event.event.at == w.clock.now()));
    Ok(())
}
