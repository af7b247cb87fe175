//! Conversations.

use super::failure::Outcome;
use super::rows::{client_id, first, pair, seq, title, unique, walk};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::{Conversation, ConversationKind, Group};
use crate::event::Audience;
use crate::id::ConversationId;
use crate::message::PayloadHash;
use crate::store::{StoreResult, UniqueKey};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_conversations":
    a_group_reads_back_as_stored,
    a_direct_conversation_reads_back_as_stored,
    unknown_ids_are_left_out_and_repeated_ones_answered_once,
    no_ids_are_no_question,
    a_direct_conversation_is_found_by_its_pair,
    a_second_direct_conversation_of_a_pair_is_named,
    a_group_is_found_by_its_creators_client_id,
    a_client_id_that_its_creator_used_is_named,
    any_number_of_groups_have_no_client_id,
    a_taken_id_is_refused,
    an_update_writes_title_counts_and_time,
    an_update_of_many_writes_each,
    conversations_are_locked_in_the_order_of_their_ids,
    direct_conversations_of_a_user_come_in_the_order_of_their_ids,
    a_list_shows_the_latest_first_with_the_users_own_membership,
    conversations_of_one_millisecond_page_by_id,
    a_deleted_conversation_takes_members_and_messages_along,
    a_deleted_conversations_events_stay,
);

async fn find(w: &World, id: ConversationId) -> StoreResult<Option<Conversation>> {
    Ok(w.read().await?.conversations().find_conversations(&[id]).await?.pop())
}

fn with_client_id(w: &World, creator: &User, text: &str) -> Conversation {
    let creation = Some((client_id(text), PayloadHash::of([text.as_bytes()])));
    let group = Group { title: title("Crew"), created_by: creator.id, creation };
    Conversation { kind: ConversationKind::Group(group), ..w.new_group(creator) }
}

async fn insert(w: &World, conversation: &Conversation) -> StoreResult<()> {
    w.change(async |tx| tx.conversations().insert_conversation(conversation).await).await
}

async fn a_group_reads_back_as_stored(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let created = with_client_id(w, &ada, "my group");
    let group = Conversation { members_count: 7, last_seq: seq(9), updated_at: w.clock.tick(), ..created };
    insert(w, &group).await?;
    assert_eq!(find(w, group.id).await?, Some(group));
    Ok(())
}

async fn a_direct_conversation_reads_back_as_stored(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let direct = w.put_direct(&bob, &ada).await?;
    assert_eq!(find(w, direct.id).await?, Some(direct));
    Ok(())
}

async fn unknown_ids_are_left_out_and_repeated_ones_answered_once(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (one, two) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    let unknown = ConversationId::from_uuid(w.uuid());
    let ids = [two.id, unknown, one.id, two.id];
    let mut found = w.read().await?.conversations().find_conversations(&ids).await?;
    found.sort_by_key(|conversation| conversation.id);
    let mut expected = vec![one, two];
    expected.sort_by_key(|conversation| conversation.id);
    assert_eq!(found, expected);
    Ok(())
}

async fn no_ids_are_no_question(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    w.put_group(&[&ada]).await?;
    w.change(async |tx| {
        let repository = tx.conversations();
        assert_eq!(repository.find_conversations(&[]).await?, []);
        assert_eq!(repository.lock_conversations(&[]).await?, []);
        assert_eq!(repository.find_memberships(&[]).await?, []);
        repository.update_conversations(&[]).await?;
        repository.insert_memberships(&[]).await?;
        repository.update_memberships(&[]).await
    })
    .await?;
    Ok(())
}

async fn a_direct_conversation_is_found_by_its_pair(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    let direct = w.put_direct(&ada, &bob).await?;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.conversations().find_direct_conversation(pair(&bob, &ada)).await?, Some(direct));
    assert_eq!(snapshot.conversations().find_direct_conversation(pair(&ada, &cleo)).await?, None);
    Ok(())
}

async fn a_second_direct_conversation_of_a_pair_is_named(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    w.put_direct(&ada, &bob).await?;
    w.put_direct(&ada, &cleo).await?;
    assert_eq!(unique(insert(w, &w.new_direct(&bob, &ada)).await), UniqueKey::DirectConversation);
    Ok(())
}

async fn a_group_is_found_by_its_creators_client_id(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let groups = [with_client_id(w, &ada, "one"), with_client_id(w, &ada, "two"), with_client_id(w, &bob, "one")];
    for group in &groups {
        insert(w, group).await?;
    }
    let mut snapshot = w.read().await?;
    let found = snapshot.conversations().find_group_by_client_id(ada.id, &client_id("one")).await?;
    assert_eq!(found.as_ref(), Some(&groups[0]));
    for text in ["ONE", "one ", "on", "o%", "three"] {
        assert_eq!(snapshot.conversations().find_group_by_client_id(ada.id, &client_id(text)).await?, None, "{text:?}");
    }
    Ok(())
}

async fn a_client_id_that_its_creator_used_is_named(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    insert(w, &with_client_id(w, &ada, "one")).await?;
    assert_eq!(unique(insert(w, &with_client_id(w, &ada, "one")).await), UniqueKey::GroupClientId);
    insert(w, &with_client_id(w, &ada, "One")).await?;
    Ok(())
}

async fn any_number_of_groups_have_no_client_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (one, two) = (w.new_group(&ada), w.new_group(&ada));
    insert(w, &one).await?;
    insert(w, &two).await?;
    assert_eq!(find(w, two.id).await?, Some(two));
    Ok(())
}

async fn a_taken_id_is_refused(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    assert_eq!(unique(insert(w, &Conversation { id: group.id, ..w.new_group(&ada) }).await), UniqueKey::Other);
    Ok(())
}

async fn an_update_writes_title_counts_and_time(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let before = with_client_id(w, &ada, "one");
    insert(w, &before).await?;
    let ConversationKind::Group(group) = &before.kind else { unreachable!("a group was made") };
    let renamed = Group { title: title("Команда 🦀"), ..group.clone() };
    let after = Conversation {
        kind: ConversationKind::Group(renamed.clone()),
        members_count: 3,
        last_seq: seq(12),
        updated_at: w.clock.tick(),
        ..before.clone()
    };
    // What an update does not write is not the caller's to change.
    let disguised = Group { created_by: bob.id, creation: None, ..renamed };
    let given = Conversation { kind: ConversationKind::Group(disguised), created_at: w.clock.tick(), ..after.clone() };
    w.change(async |tx| tx.conversations().update_conversations(&[given]).await).await?;
    assert_eq!(find(w, before.id).await?, Some(after));
    Ok(())
}

async fn an_update_of_many_writes_each(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let mut all = vec![w.put_direct(&ada, &bob).await?];
    for _ in 0..5 {
        all.push(w.put_group(&[&ada]).await?);
    }
    let untouched = all.pop().expect("six were made");
    for (number, conversation) in (1..).zip(&mut all) {
        conversation.last_seq = seq(number);
        conversation.members_count = number + 10;
        conversation.updated_at = w.clock.tick();
    }
    w.change(async |tx| tx.conversations().update_conversations(&all).await).await?;
    for conversation in all {
        assert_eq!(find(w, conversation.id).await?, Some(conversation));
    }
    assert_eq!(find(w, untouched.id).await?, Some(untouched));
    Ok(())
}

async fn conversations_are_locked_in_the_order_of_their_ids(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut all = vec![w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?];
    all.sort_by_key(|conversation| conversation.id);
    let ids = [all[2].id, all[0].id, ConversationId::from_uuid(w.uuid()), all[1].id, all[2].id];
    let locked = w.change(async |tx| tx.conversations().lock_conversations(&ids).await).await?;
    assert_eq!(locked, all);
    Ok(())
}

async fn direct_conversations_of_a_user_come_in_the_order_of_their_ids(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.put_users(["ada", "bob", "cleo", "dan"]).await?;
    let mut expected = vec![];
    for other in [&bob, &cleo, &dan] {
        expected.push(w.put_direct(&ada, other).await?.id);
    }
    expected.sort();
    w.put_direct(&bob, &cleo).await?;
    w.put_group(&[&ada, &bob]).await?;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.conversations().find_direct_conversation_ids(ada.id).await?, expected);
    Ok(())
}

async fn a_list_shows_the_latest_first_with_the_users_own_membership(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let old = w.put_group(&[&bob, &ada]).await?;
    w.clock.tick();
    let direct = w.put_direct(&ada, &bob).await?;
    w.put_group(&[&bob]).await?;
    let updated = Conversation { updated_at: w.clock.tick(), ..old };
    w.change(async |tx| tx.conversations().update_conversations(std::slice::from_ref(&updated)).await).await?;
    let rows = w.read().await?.conversations().list_conversations(ada.id, first(10)).await?;
    for (conversation, membership) in &rows.items {
        assert_eq!((membership.conversation_id, membership.user_id), (conversation.id, ada.id));
    }
    assert_eq!(rows.items.into_iter().map(|(conversation, _)| conversation).collect::<Vec<_>>(), [updated, direct]);
    Ok(())
}

async fn conversations_of_one_millisecond_page_by_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut ids = vec![];
    for _ in 0..5 {
        ids.push(w.put_group(&[&ada]).await?.id);
    }
    ids.sort_by_key(|id| std::cmp::Reverse(*id));
    for limit in 1..=6 {
        let read = async |slice| w.read().await?.conversations().list_conversations(ada.id, slice).await;
        let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|(conversation, _)| conversation.id).collect();
        assert_eq!(walked, ids, "in pages of {limit}");
    }
    Ok(())
}

async fn a_deleted_conversation_takes_members_and_messages_along(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (gone, stays) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada]).await?);
    let lost = w.put_history(&gone, &ada, 3).await?;
    let kept = w.put_history(&stays, &ada, 2).await?;
    w.change(async |tx| tx.conversations().delete_conversation(gone.id).await).await?;
    assert_eq!(find(w, gone.id).await?, None);
    let mut snapshot = w.read().await?;
    let keys = [(gone.id, ada.id), (gone.id, bob.id), (stays.id, ada.id)];
    assert_eq!(snapshot.conversations().find_memberships(&keys).await?.len(), 1);
    let ids: Vec<_> = lost.iter().chain(&kept).map(|message| message.id).collect();
    assert_eq!(snapshot.messages().find_messages(&ids).await?.len(), kept.len());
    Ok(())
}

async fn a_deleted_conversations_events_stay(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let before = w.log_of(Audience::Conversation(group.id)).await?;
    w.change(async |tx| tx.conversations().delete_conversation(group.id).await).await?;
    assert_eq!(before.len(), 1);
    assert_eq!(w.log_of(Audience::Conversation(group.id)).await?, before);
    Ok(())
}
