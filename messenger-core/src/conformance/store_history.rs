//! Lists of messages.

use super::failure::Outcome;
use super::rows::{first, seq, walk};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::{Conversation, Membership, Role};
use crate::cursor::Place;
use crate::event::{Audience, Fact, NewEvent, Partition};
use crate::id::{ConversationId, UserId};
use crate::message::{Message, MessageRange};
use crate::page::Slice;
use crate::store::StoreResult;
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_history":
    the_latest_come_in_ascending_order,
    before_a_number_come_the_newest_below_it,
    after_a_number_come_the_oldest_above_it,
    ranges_beyond_either_end_are_empty,
    who_is_no_member_lists_nothing,
    a_conversation_stands_where_it_was_told_last,
    other_conversations_do_not_show,
    recent_messages_come_from_all_conversations_of_the_user,
    recent_messages_of_one_millisecond_page_without_gaps_or_repeats,
    recent_messages_of_many_conversations_page_like_a_sorted_list,
    recent_messages_go_on_after_one_that_is_gone,
    own_messages_after_a_number_are_counted,
);

/// A history, and the number of its last message where the conversation has it.
async fn put_numbered(w: &World, group: &Conversation, sender: &User, count: i64) -> StoreResult<Vec<Message>> {
    let history = w.put_history(group, sender, count).await?;
    let numbered = Conversation { last_seq: seq(count), ..group.clone() };
    w.change(async |tx| tx.conversations().update_conversations(std::slice::from_ref(&numbered)).await).await?;
    Ok(history)
}

async fn partition_of(w: &World, conversation: ConversationId) -> StoreResult<Partition> {
    let identity = w.read().await?.events().log_identity().await?;
    Ok(identity.partitions.partition_of(conversation.as_uuid()))
}

/// The numbers of what a range lists of a history of ten.
async fn listed(w: &World, range: MessageRange, limit: u32) -> StoreResult<Vec<i64>> {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    put_numbered(w, &group, &ada, 10).await?;
    let partition = partition_of(w, group.id).await?;
    let listed = w.read().await?.messages().list_messages(group.id, range, limit).await?;
    for latest in [false, true] {
        let mut reads = if latest { w.store.read_latest().await? } else { w.read().await? };
        let own = reads.messages().list_own_messages(partition, group.id, ada.id, range, limit).await?;
        let own = own.map(|own| (own.last_seq, own.messages));
        assert_eq!(own, Some((seq(10), listed.clone())), "the same to a member");
    }
    Ok(listed.into_iter().map(|message| message.seq.get()).collect())
}

async fn the_latest_come_in_ascending_order(w: &World) -> Outcome {
    assert_eq!(listed(w, MessageRange::Latest, 3).await?, [8, 9, 10]);
    Ok(())
}

async fn before_a_number_come_the_newest_below_it(w: &World) -> Outcome {
    assert_eq!(listed(w, MessageRange::Before(seq(6)), 3).await?, [3, 4, 5]);
    Ok(())
}

async fn after_a_number_come_the_oldest_above_it(w: &World) -> Outcome {
    assert_eq!(listed(w, MessageRange::After(seq(6)), 3).await?, [7, 8, 9]);
    Ok(())
}

async fn ranges_beyond_either_end_are_empty(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    put_numbered(w, &group, &ada, 3).await?;
    let partition = partition_of(w, group.id).await?;
    let mut snapshot = w.read().await?;
    for (range, count) in [
        (MessageRange::Before(seq(1)), 0),
        (MessageRange::Before(seq(0)), 0),
        (MessageRange::After(seq(3)), 0),
        (MessageRange::After(seq(i64::MAX)), 0),
        (MessageRange::Before(seq(i64::MAX)), 3),
        (MessageRange::After(seq(0)), 3),
    ] {
        let messages = snapshot.messages().list_messages(group.id, range, 9).await?;
        assert_eq!(messages.len(), count, "{range:?}");
        let own = snapshot.messages().list_own_messages(partition, group.id, ada.id, range, 9).await?;
        assert_eq!(own.map(|own| (own.last_seq, own.messages)), Some((seq(3), messages)), "{range:?}");
    }
    Ok(())
}

async fn who_is_no_member_lists_nothing(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.put_users(["ada", "bob", "cleo"]).await?;
    let (full, empty) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada, &bob]).await?);
    let history = put_numbered(w, &full, &ada, 2).await?;
    let list = async |place: ConversationId, who: &User| {
        let partition = partition_of(w, place).await?;
        let mut latest = w.store.read_latest().await?;
        let own = latest.messages().list_own_messages(partition, place, who.id, MessageRange::Latest, 9).await?;
        let stands = latest.messages().find_own_place(partition, place, who.id).await?;
        assert_eq!(own.as_ref().map(|own| own.place), stands);
        StoreResult::Ok(own.map(|own| (own.last_seq, own.messages)))
    };
    assert_eq!(list(full.id, &bob).await?, Some((seq(2), history)));
    assert_eq!(list(empty.id, &bob).await?, Some((seq(0), vec![])));
    w.change(async |tx| tx.conversations().delete_membership(full.id, bob.id).await).await?;
    w.change(async |tx| tx.conversations().delete_membership(empty.id, bob.id).await).await?;
    for who in [&bob, &cleo] {
        assert_eq!((list(full.id, who).await?, list(empty.id, who).await?), (None, None));
    }
    assert_eq!(list(ConversationId::from_uuid(w.uuid()), &ada).await?, None);
    Ok(())
}

/// By each of the two ways to ask; they agree.
async fn place_of(w: &World, conversation: ConversationId, member: &User) -> StoreResult<Option<Place>> {
    let partition = partition_of(w, conversation).await?;
    let mut latest = w.store.read_latest().await?;
    let own = latest.messages().list_own_messages(partition, conversation, member.id, MessageRange::Latest, 9).await?;
    let place = latest.messages().find_own_place(partition, conversation, member.id).await?;
    assert_eq!(own.map(|own| own.place), place);
    Ok(place)
}

async fn a_conversation_stands_where_it_was_told_last(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (silent, group) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    put_numbered(w, &group, &ada, 1).await?;
    let unchanged = place_of(w, silent.id, &ada).await?;
    let tell = async |tag| {
        let fact = Fact::ConversationUpdated { conversation_id: group.id };
        let audience = Audience::Conversation(group.id);
        let event = NewEvent { audience, fact, at: w.clock.tick(), actor_id: ada.id, tag };
        let told = w.record(&[event]).await?.pop().expect("one");
        StoreResult::Ok((told.partition, Place { position: told.position, tag }))
    };
    for tag in [1, 0, u32::MAX] {
        let (_, told) = tell(tag).await?;
        assert_eq!(place_of(w, group.id, &ada).await?, Some(told));
        assert_eq!(place_of(w, group.id, &bob).await?, None, "no member");
    }
    assert_eq!(place_of(w, silent.id, &ada).await?, unchanged);
    let untold = w.new_group(&ada);
    let member = Membership::joining(&untold, ada.id, Role::Owner, w.clock.tick());
    w.change(async |tx| {
        tx.conversations().insert_conversation(&untold).await?;
        tx.conversations().insert_memberships(&[member]).await
    })
    .await?;
    assert_eq!(place_of(w, untold.id, &ada).await?, Some(Place::START));
    // Of what was purged the event that the floor stands on is kept.
    let (partition, last) = tell(7).await?;
    let floor = loop {
        let user = UserId::from_uuid(w.uuid());
        let fact = Fact::UserUpdated { user_id: user };
        let event = NewEvent { audience: Audience::User(user), fact, at: w.clock.tick(), actor_id: user, tag: 8 };
        let later = w.record(&[event]).await?.pop().expect("one");
        if later.partition == partition {
            break later.position;
        }
    };
    assert_eq!(place_of(w, group.id, &ada).await?, Some(last));
    w.store.purge_events(partition, floor).await?;
    assert_eq!(place_of(w, group.id, &ada).await?, Some(Place { tag: 0, ..last }));
    Ok(())
}

async fn other_conversations_do_not_show(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (one, two) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    let (history, _) = (w.put_history(&one, &ada, 2).await?, w.put_history(&two, &ada, 2).await?);
    assert_eq!(w.read().await?.messages().list_messages(one.id, MessageRange::Latest, 9).await?, history);
    Ok(())
}

async fn recent_messages_come_from_all_conversations_of_the_user(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (group, direct) = (w.put_group(&[&ada, &bob]).await?, w.put_direct(&ada, &bob).await?);
    let hidden = w.put_group(&[&bob]).await?;
    let mut expected = w.put_history(&group, &bob, 2).await?;
    w.put_history(&hidden, &bob, 2).await?;
    expected.extend(w.put_history(&direct, &ada, 2).await?);
    expected.reverse();
    assert_eq!(w.read().await?.messages().list_recent_messages(ada.id, first(9)).await?.items, expected);
    w.change(async |tx| tx.conversations().delete_membership(group.id, ada.id).await).await?;
    let left = w.read().await?.messages().list_recent_messages(ada.id, first(9)).await?;
    assert_eq!(left.items, expected[..2]);
    Ok(())
}

async fn recent_messages_of_one_millisecond_page_without_gaps_or_repeats(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (one, two) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    let mut sent = vec![];
    for number in 1..=4 {
        sent.push(w.new_message(&one, number, &ada, "x"));
        sent.push(w.new_message(&two, number, &ada, "y"));
    }
    w.put_messages(&sent).await?;
    let read = async |slice| w.read().await?.messages().list_recent_messages(ada.id, slice).await;
    let at_once = walk(100, read).await?;
    for limit in [1, 2, 3, 7, 8, 9] {
        assert_eq!(walk(limit, read).await?, at_once, "in pages of {limit}");
    }
    let mut listed = at_once;
    listed.sort_by_key(|message| message.id);
    let mut expected: Vec<_> = sent.into_iter().map(|sent| sent.message).collect();
    expected.sort_by_key(|message| message.id);
    assert_eq!(listed, expected);
    Ok(())
}

/// So many messages, of conversations that are busy and of such that are not,
/// in turns; the last ones first.
async fn put_many(w: &World, ada: &User, places: &[Conversation]) -> StoreResult<Vec<Message>> {
    let mut counts = vec![0; places.len()];
    let mut sent = vec![];
    for turn in 0..120_usize {
        // 0, 1, 0, 2, 0, 1, 0, 3 …: half of all to the first, a quarter to the
        // second, and so on.
        let place = (turn + 1).trailing_zeros() as usize % places.len();
        counts[place] += 1;
        w.clock.tick();
        sent.push(w.new_message(&places[place], counts[place], ada, "x"));
    }
    w.put_messages(&sent).await?;
    Ok(sent.into_iter().rev().map(|sent| sent.message).collect())
}

async fn recent_messages_of_many_conversations_page_like_a_sorted_list(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut places = vec![];
    for _ in 0..5 {
        places.push(w.put_group(&[&ada]).await?);
    }
    w.put_group(&[&ada]).await?;
    let expected = put_many(w, &ada, &places).await?;
    let read = async |slice| w.read().await?.messages().list_recent_messages(ada.id, slice).await;
    for limit in [1, 7, 50, 120, 200] {
        assert_eq!(walk(limit, read).await?, expected, "in pages of {limit}");
    }
    Ok(())
}

async fn recent_messages_go_on_after_one_that_is_gone(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (one, two) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    let sent = put_many(w, &ada, &[one, two.clone()]).await?;
    let last = sent.iter().skip(20).position(|message| message.conversation_id == two.id).expect("some are") + 20;
    let limit = u32::try_from(last).expect("few") + 1;
    let page = w.read().await?.messages().list_recent_messages(ada.id, first(limit)).await?;
    assert_eq!(page.items, sent[..=last]);
    w.change(async |tx| tx.conversations().delete_conversation(two.id).await).await?;
    let slice = Slice { after: page.next, limit: 200 };
    let rest = w.read().await?.messages().list_recent_messages(ada.id, slice).await?;
    let expected: Vec<_> = sent.into_iter().skip(last + 1).filter(|sent| sent.conversation_id != two.id).collect();
    assert_eq!(rest.items, expected);
    Ok(())
}

async fn own_messages_after_a_number_are_counted(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (group, other) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada]).await?);
    let senders = [&ada, &bob, &ada, &ada, &bob];
    let sent: Vec<_> = (1..).zip(senders).map(|(number, sender)| w.new_message(&group, number, sender, "x")).collect();
    w.put_messages(&sent).await?;
    w.put_history(&other, &ada, 5).await?;
    let mut snapshot = w.read().await?;
    for (user, after, count) in [(&ada, 0, 3), (&ada, 1, 2), (&ada, 3, 1), (&ada, 4, 0), (&bob, 1, 2), (&bob, 9, 0)] {
        let counted = snapshot.messages().count_sent_after(group.id, user.id, seq(after)).await?;
        assert_eq!(counted, count, "{} after {after}", user.username);
    }
    Ok(())
}
