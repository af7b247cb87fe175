//! Messages.

use super::failure::Outcome;
use super::rows::{body, client_id, first, seq, unique};
use super::world::World;
use super::{Case, isolated};
use crate::id::{ConversationId, MessageId};
use crate::message::{Message, MessageRange, PayloadHash, SentMessage};
use crate::store::{StoreResult, UniqueKey};

pub(super) const CASES: &[Case] = isolated!("store_messages":
    a_message_reads_back_as_stored,
    unknown_ids_are_left_out_and_repeated_ones_answered_once,
    messages_are_found_at_their_places,
    a_send_is_found_by_its_key_with_what_was_first_sent,
    no_keys_are_no_question,
    a_client_id_that_its_sender_used_is_named,
    a_client_id_counts_per_sender_and_conversation,
    any_number_of_messages_have_no_client_id,
    a_taken_number_is_named,
    a_taken_id_is_refused,
    messages_are_stored_all_or_none,
    an_update_writes_body_and_times_only,
    an_update_of_many_writes_each,
    a_tombstone_stays_in_every_list,
    a_tombstone_keeps_its_client_id,
);

fn plain(sent: &[SentMessage]) -> Vec<Message> {
    sent.iter().map(|sent| sent.message.clone()).collect()
}

fn by_id(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|message| message.id);
    messages
}

fn tombstone(w: &World, message: Message) -> Message {
    Message { body: None, deleted_at: Some(w.clock.tick()), ..message }
}

fn under(text: &str, sent: SentMessage) -> SentMessage {
    SentMessage { message: Message { client_id: Some(client_id(text)), ..sent.message }, ..sent }
}

async fn update(w: &World, messages: &[Message]) -> StoreResult<()> {
    w.change(async |tx| tx.messages().update_messages(messages).await).await
}

async fn a_message_reads_back_as_stored(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada, &bob]).await?;
    let question = w.new_message(&group, 1, &ada, "Why?");
    let answer = under("answer 1", w.new_message(&group, 2, &bob, "Because."));
    let answer = Message {
        reply_to: Some(question.message.id),
        created_at: w.clock.tick(),
        edited_at: Some(w.clock.tick()),
        ..answer.message
    };
    let dead = tombstone(w, w.new_message(&group, 3, &ada, "oops").message);
    let hash = PayloadHash::of([b"x".as_slice()]);
    let sent = [question.message, answer, dead].map(|message| SentMessage { message, payload_hash: hash });
    w.put_messages(&sent).await?;
    let ids: Vec<_> = sent.iter().map(|sent| sent.message.id).collect();
    assert_eq!(by_id(w.read().await?.messages().find_messages(&ids).await?), by_id(plain(&sent)));
    Ok(())
}

async fn unknown_ids_are_left_out_and_repeated_ones_answered_once(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let history = w.put_history(&w.put_group(&[&ada]).await?, &ada, 3).await?;
    let ids = [history[2].id, MessageId::from_uuid(w.uuid()), history[0].id, history[2].id];
    let found = w.read().await?.messages().find_messages(&ids).await?;
    assert_eq!(by_id(found), by_id(vec![history[0].clone(), history[2].clone()]));
    Ok(())
}

async fn messages_are_found_at_their_places(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (one, two) = (w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?);
    let (in_one, in_two) = (w.put_history(&one, &ada, 3).await?, w.put_history(&two, &ada, 2).await?);
    let places = [
        (two.id, seq(1)),
        (one.id, seq(3)),
        (two.id, seq(3)),
        (one.id, seq(0)),
        (ConversationId::from_uuid(w.uuid()), seq(1)),
    ];
    let found = w.read().await?.messages().find_messages_at(&places).await?;
    assert_eq!(by_id(found), by_id(vec![in_two[0].clone(), in_one[2].clone()]));
    Ok(())
}

async fn a_send_is_found_by_its_key_with_what_was_first_sent(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada, &bob]).await?;
    let sent = under("A", w.new_message(&group, 1, &ada, "first"));
    w.put_messages(&[sent.clone(), under("B", w.new_message(&group, 2, &ada, "second"))]).await?;
    let edited = Message { body: Some(body("edited")), edited_at: Some(w.clock.tick()), ..sent.message.clone() };
    update(w, std::slice::from_ref(&edited)).await?;
    let elsewhere = ConversationId::from_uuid(w.uuid());
    let keys = [
        (ada.id, group.id, client_id("A")),
        (ada.id, group.id, client_id("a")),
        (ada.id, group.id, client_id("A ")),
        (bob.id, group.id, client_id("B")),
        (ada.id, elsewhere, client_id("B")),
    ];
    let found = w.read().await?.messages().find_sent(&keys).await?;
    assert_eq!(found, [SentMessage { message: edited, payload_hash: sent.payload_hash }]);
    Ok(())
}

async fn no_keys_are_no_question(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    w.put_history(&w.put_group(&[&ada]).await?, &ada, 1).await?;
    w.change(async |tx| {
        let repository = tx.messages();
        assert_eq!(repository.find_messages(&[]).await?, []);
        assert_eq!(repository.find_messages_at(&[]).await?, []);
        assert_eq!(repository.find_sent(&[]).await?, []);
        repository.insert_messages(&[]).await?;
        repository.update_messages(&[]).await
    })
    .await?;
    Ok(())
}

async fn a_client_id_that_its_sender_used_is_named(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    w.put_messages(&[under("A", w.new_message(&group, 1, &ada, "once"))]).await?;
    let again = under("A", w.new_message(&group, 2, &ada, "twice"));
    assert_eq!(unique(w.put_messages(&[again]).await), UniqueKey::MessageClientId);
    Ok(())
}

async fn a_client_id_counts_per_sender_and_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let (one, two) = (w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada, &bob]).await?);
    let sent = [
        under("A", w.new_message(&one, 1, &ada, "1")),
        under("A", w.new_message(&one, 2, &bob, "2")),
        under("A", w.new_message(&two, 1, &ada, "3")),
        under("a", w.new_message(&one, 3, &ada, "4")),
        under("A ", w.new_message(&one, 4, &ada, "5")),
    ];
    w.put_messages(&sent).await?;
    let ids: Vec<_> = sent.iter().map(|sent| sent.message.id).collect();
    assert_eq!(by_id(w.read().await?.messages().find_messages(&ids).await?), by_id(plain(&sent)));
    Ok(())
}

async fn any_number_of_messages_have_no_client_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    assert_eq!(w.put_history(&group, &ada, 3).await?.len(), 3);
    Ok(())
}

async fn a_taken_number_is_named(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    w.put_history(&group, &ada, 1).await?;
    let twin = w.new_message(&group, 1, &ada, "me too");
    assert_eq!(unique(w.put_messages(&[twin]).await), UniqueKey::MessageSeq);
    Ok(())
}

async fn a_taken_id_is_refused(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let history = w.put_history(&group, &ada, 1).await?;
    let mut twin = w.new_message(&group, 2, &ada, "me too");
    twin.message.id = history[0].id;
    assert_eq!(unique(w.put_messages(&[twin]).await), UniqueKey::Other);
    Ok(())
}

async fn messages_are_stored_all_or_none(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    w.put_history(&group, &ada, 1).await?;
    let batch = [w.new_message(&group, 2, &ada, "fits"), w.new_message(&group, 1, &ada, "does not")];
    assert_eq!(unique(w.put_messages(&batch).await), UniqueKey::MessageSeq);
    assert_eq!(w.read().await?.messages().find_messages(&[batch[0].message.id]).await?, []);
    Ok(())
}

async fn an_update_writes_body_and_times_only(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let before = w.put_history(&group, &ada, 1).await?.remove(0);
    let after = Message { body: Some(body("new")), edited_at: Some(w.clock.tick()), ..before };
    let given = Message { seq: seq(9), client_id: Some(client_id("x")), created_at: w.clock.tick(), ..after.clone() };
    update(w, &[given]).await?;
    assert_eq!(w.read().await?.messages().find_messages(&[after.id]).await?, [after]);
    Ok(())
}

async fn an_update_of_many_writes_each(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let mut history = w.put_history(&group, &ada, 4).await?;
    history[0].body = Some(body("one"));
    history[1] = tombstone(w, history[1].clone());
    history[2].edited_at = Some(w.clock.tick());
    update(w, &history[..3]).await?;
    assert_eq!(w.read().await?.messages().list_messages(group.id, MessageRange::Latest, 9).await?, history);
    Ok(())
}

async fn a_tombstone_stays_in_every_list(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let dead = tombstone(w, w.put_history(&group, &ada, 1).await?.remove(0));
    update(w, std::slice::from_ref(&dead)).await?;
    let mut snapshot = w.read().await?;
    let repository = snapshot.messages();
    let expected = [dead];
    assert_eq!(repository.find_messages(&[expected[0].id]).await?, expected);
    assert_eq!(repository.find_messages_at(&[(group.id, seq(1))]).await?, expected);
    assert_eq!(repository.list_messages(group.id, MessageRange::Latest, 9).await?, expected);
    assert_eq!(repository.list_recent_messages(ada.id, first(9)).await?.items, expected);
    assert_eq!(repository.count_sent_after(group.id, ada.id, seq(0)).await?, 1);
    Ok(())
}

async fn a_tombstone_keeps_its_client_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let sent = under("A", w.new_message(&group, 1, &ada, "x"));
    w.put_messages(std::slice::from_ref(&sent)).await?;
    update(w, &[tombstone(w, sent.message)]).await?;
    let again = under("A", w.new_message(&group, 2, &ada, "x"));
    assert_eq!(unique(w.put_messages(&[again]).await), UniqueKey::MessageClientId);
    let key = (ada.id, group.id, client_id("A"));
    assert_eq!(w.read().await?.messages().find_sent(&[key]).await?.len(), 1);
    Ok(())
}
