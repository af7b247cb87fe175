//! Memberships.

use super::failure::Outcome;
use super::rows::{first, seq, unique, walk};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::conversation::{Conversation, Membership, Role};
use crate::event::{Audience, Position};
use crate::id::{ConversationId, UserId};
use crate::store::{StoreResult, UniqueKey};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_members":
    a_membership_reads_back_as_stored,
    unknown_keys_are_left_out_and_repeated_ones_answered_once,
    keys_are_pairs_and_not_two_lists,
    a_second_membership_is_named,
    an_update_writes_role_and_marker,
    an_update_of_many_writes_each,
    a_removed_member_is_gone_and_the_others_stay,
    members_are_listed_by_joining,
    members_of_one_millisecond_page_by_id,
    the_longest_standing_of_a_role_is_found,
    of_members_who_joined_at_once_the_lowest_id_stands_longest,
    nobody_stands_longest_where_nobody_is_left,
    the_commit_that_adds_a_member_fills_in_where_they_joined,
    where_a_member_joined_never_changes,
    who_joins_again_joins_anew,
);

fn member(w: &World, place: &Conversation, user: &User, role: Role) -> Membership {
    Membership::joining(place, user.id, role, w.clock.now())
}

async fn insert(w: &World, memberships: &[Membership]) -> StoreResult<()> {
    w.change(async |tx| tx.conversations().insert_memberships(memberships).await).await
}

async fn find(w: &World, place: &Conversation, user: &User) -> StoreResult<Option<Membership>> {
    Ok(w.read().await?.conversations().find_memberships(&[(place.id, user.id)]).await?.pop())
}

/// Adds a member with the event that says so.
async fn join(w: &World, place: &Conversation, user: &User) -> StoreResult<Position> {
    let mut tx = w.begin().await?;
    tx.conversations().insert_memberships(&[member(w, place, user, Role::Member)]).await?;
    Ok(tx.commit(&[w.joined(place, user)]).await?[0].position)
}

async fn a_membership_reads_back_as_stored(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada]).await?;
    let joined = member(w, &group, &bob, Role::Admin);
    let stored = Membership { read_seq: seq(5), own_after_read: 3, joined_at: w.clock.tick(), ..joined };
    insert(w, std::slice::from_ref(&stored)).await?;
    assert_eq!(find(w, &group, &bob).await?, Some(stored));
    Ok(())
}

async fn unknown_keys_are_left_out_and_repeated_ones_answered_once(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada, &bob]).await?;
    let keys = [
        (group.id, bob.id),
        (group.id, UserId::from_uuid(w.uuid())),
        (ConversationId::from_uuid(w.uuid()), ada.id),
        (group.id, bob.id),
    ];
    let found = w.read().await?.conversations().find_memberships(&keys).await?;
    assert_eq!(found.into_iter().map(|m| (m.conversation_id, m.user_id)).collect::<Vec<_>>(), [(group.id, bob.id)]);
    Ok(())
}

async fn keys_are_pairs_and_not_two_lists(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (one, two) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada, &bob]).await?);
    let keys = [(one.id, ada.id), (two.id, bob.id)];
    let found = w.read().await?.conversations().find_memberships(&keys).await?;
    let mut found: Vec<_> = found.into_iter().map(|m| (m.conversation_id, m.user_id)).collect();
    found.sort();
    let mut expected = keys.to_vec();
    expected.sort();
    assert_eq!(found, expected);
    Ok(())
}

async fn a_second_membership_is_named(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada]).await?;
    let twice = [member(w, &group, &bob, Role::Member), member(w, &group, &ada, Role::Member)];
    assert_eq!(unique(insert(w, &twice).await), UniqueKey::Membership);
    assert_eq!(find(w, &group, &bob).await?, None, "all or none");
    Ok(())
}

async fn an_update_writes_role_and_marker(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let before = find(w, &group, &ada).await?.expect("ada is a member");
    let after = Membership { role: Role::Admin, read_seq: seq(40), own_after_read: 2, ..before };
    let at = w.clock.tick();
    let given = Membership { joined_at: at, joined_position: Position::from_stored(99), ..after.clone() };
    w.change(async |tx| tx.conversations().update_memberships(&[given]).await).await?;
    assert_eq!(find(w, &group, &ada).await?, Some(after));
    Ok(())
}

async fn an_update_of_many_writes_each(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    let (one, two) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&bob, &cleo]).await?);
    let mut changed = vec![];
    for (number, (place, user)) in (1..).zip([(&one, &ada), (&two, &bob), (&two, &cleo)]) {
        let before = find(w, place, user).await?.expect("a member");
        changed.push(Membership { read_seq: seq(number), own_after_read: number + 10, role: Role::Admin, ..before });
    }
    let untouched = find(w, &one, &bob).await?;
    w.change(async |tx| tx.conversations().update_memberships(&changed).await).await?;
    assert_eq!(find(w, &one, &ada).await?.as_ref(), Some(&changed[0]));
    assert_eq!(find(w, &two, &bob).await?.as_ref(), Some(&changed[1]));
    assert_eq!(find(w, &two, &cleo).await?.as_ref(), Some(&changed[2]));
    assert_eq!(find(w, &one, &bob).await?, untouched);
    Ok(())
}

async fn a_removed_member_is_gone_and_the_others_stay(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (one, two) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada, &bob]).await?);
    w.change(async |tx| tx.conversations().delete_membership(one.id, bob.id).await).await?;
    assert_eq!(find(w, &one, &bob).await?, None);
    assert!(find(w, &one, &ada).await?.is_some() && find(w, &two, &bob).await?.is_some());
    let listed = w.read().await?.conversations().list_conversations(bob.id, first(9)).await?.items;
    assert_eq!(listed.into_iter().map(|(conversation, _)| conversation.id).collect::<Vec<_>>(), [two.id]);
    Ok(())
}

async fn members_are_listed_by_joining(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    let group = w.put_group(&[&cleo]).await?;
    for user in [&ada, &bob] {
        w.clock.tick();
        join(w, &group, user).await?;
    }
    let rows = w.read().await?.conversations().list_members(group.id, first(10)).await?;
    assert!(rows.items.iter().all(|(user, member)| user.id == member.user_id && member.conversation_id == group.id));
    assert_eq!(rows.items.into_iter().map(|(user, _)| user).collect::<Vec<_>>(), [cleo, ada, bob]);
    Ok(())
}

async fn members_of_one_millisecond_page_by_id(w: &World) -> Outcome {
    let mut users = w.put_users(["ada", "bob", "cleo", "dan", "eve"]).await?;
    let group = w.put_group(&users.each_ref()).await?;
    users.sort_by_key(|user| user.id);
    for limit in 1..=6 {
        let read = async |slice| w.read().await?.conversations().list_members(group.id, slice).await;
        let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|(user, _)| user).collect();
        assert_eq!(walked, users, "in pages of {limit}");
    }
    Ok(())
}

async fn the_longest_standing_of_a_role_is_found(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.put_users(["ada", "bob", "cleo", "dan"]).await?;
    let group = w.put_group(&[&ada]).await?;
    for (user, role) in [(&bob, Role::Member), (&cleo, Role::Admin), (&dan, Role::Admin)] {
        w.clock.tick();
        insert(w, &[member(w, &group, user, role)]).await?;
    }
    let mut snapshot = w.read().await?;
    let repository = snapshot.conversations();
    for (role, except, expected) in
        [(Role::Admin, &ada, &cleo), (Role::Admin, &cleo, &dan), (Role::Member, &ada, &bob), (Role::Owner, &bob, &ada)]
    {
        let found = repository.find_longest_standing(group.id, role, except.id).await?;
        assert_eq!(found.map(|member| member.user_id), Some(expected.id), "{role:?} except {}", except.username);
    }
    Ok(())
}

async fn of_members_who_joined_at_once_the_lowest_id_stands_longest(w: &World) -> Outcome {
    let mut users = w.put_users(["ada", "bob", "cleo"]).await?;
    let owner = w.put_user("owner").await?;
    let group = w.put_group(&[&owner, &users[0], &users[1], &users[2]]).await?;
    users.sort_by_key(|user| user.id);
    let mut snapshot = w.read().await?;
    let found = snapshot.conversations().find_longest_standing(group.id, Role::Member, owner.id).await?;
    assert_eq!(found.map(|member| member.user_id), Some(users[0].id));
    let next = snapshot.conversations().find_longest_standing(group.id, Role::Member, users[0].id).await?;
    assert_eq!(next.map(|member| member.user_id), Some(users[1].id));
    Ok(())
}

async fn nobody_stands_longest_where_nobody_is_left(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let mut snapshot = w.read().await?;
    for role in [Role::Owner, Role::Admin, Role::Member] {
        assert_eq!(snapshot.conversations().find_longest_standing(group.id, role, ada.id).await?, None);
    }
    Ok(())
}

async fn the_commit_that_adds_a_member_fills_in_where_they_joined(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (group, other) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    let created = w.log_of(Audience::Conversation(group.id)).await?;
    let of_ada = find(w, &group, &ada).await?.expect("ada is a member");
    assert_eq!(of_ada.joined_position, created[0].position);
    let position = join(w, &group, &bob).await?;
    assert!(position > created[0].position);
    assert_eq!(find(w, &group, &bob).await?.map(|member| member.joined_position), Some(position));
    let elsewhere = find(w, &other, &ada).await?.expect("ada is a member");
    let its_own = w.log_of(Audience::Conversation(other.id)).await?;
    assert_eq!(elsewhere.joined_position, its_own[0].position);
    Ok(())
}

async fn where_a_member_joined_never_changes(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    let group = w.put_group(&[&ada]).await?;
    let first = join(w, &group, &bob).await?;
    join(w, &group, &cleo).await?;
    assert_eq!(find(w, &group, &bob).await?.map(|member| member.joined_position), Some(first));
    Ok(())
}

async fn who_joins_again_joins_anew(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada]).await?;
    let first = join(w, &group, &bob).await?;
    w.change(async |tx| tx.conversations().delete_membership(group.id, bob.id).await).await?;
    let second = join(w, &group, &bob).await?;
    assert!(second > first);
    assert_eq!(find(w, &group, &bob).await?.map(|member| member.joined_position), Some(second));
    Ok(())
}
