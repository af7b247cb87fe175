//! What a lane reads at once.

use super::failure::Outcome;
use super::rows::{client_id, pair};
use super::store_friendships::{apply, befriend, block, request};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::Conversation;
use crate::friendship::Visibility;
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::{ClientId, SentMessage};
use crate::store::{BatchKeys, BatchRows, BatchState, StoreResult};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_batch_state":
    a_batch_depends_on_what_is_stored,
    what_stands_between_two_is_read_where_they_speak,
    what_does_not_exist_is_left_out,
    no_keys_are_no_question,
    what_a_transaction_has_written_is_read,
);

async fn read(w: &World, keys: BatchKeys<'_>) -> StoreResult<BatchState> {
    let mut tx = w.begin().await?;
    let state = tx.read_batch(keys).await?;
    tx.rollback().await?;
    Ok(sorted(state))
}

fn sorted(mut state: BatchState) -> BatchState {
    state.conversations.sort_unstable_by_key(|found| found.id);
    state.memberships.sort_unstable_by_key(|found| (found.conversation_id, found.user_id));
    state.sent.sort_unstable_by_key(|sent| sent.message.id);
    state.messages.sort_unstable_by_key(|message| message.id);
    state.pairs.sort_unstable_by_key(|state| state.pair);
    state.users.sort_unstable_by_key(|user| user.id);
    // One user may be in several pairs.
    state.users.dedup();
    state
}

/// The same, asked for kind by kind.
async fn expected(w: &World, keys: BatchKeys<'_>, directs: &[(&User, &User)]) -> StoreResult<BatchState> {
    let mut snapshot = w.read().await?;
    let ids: Vec<_> = keys.places.iter().map(|(id, _)| *id).collect();
    let pairs: Vec<_> = directs.iter().map(|(one, other)| pair(one, other)).collect();
    let users: Vec<_> = directs.iter().flat_map(|(one, other)| [one.id, other.id]).collect();
    Ok(sorted(BatchState {
        conversations: snapshot.conversations().find_conversations(&ids).await?,
        memberships: snapshot.conversations().find_memberships(keys.places).await?,
        sent: snapshot.messages().find_sent(keys.sent).await?,
        messages: snapshot.messages().find_messages(keys.messages).await?,
        pairs: snapshot.friendships().find_pairs(&pairs).await?,
        users: snapshot.users().find_users(&users).await?,
    }))
}

fn key(sent: &SentMessage) -> (UserId, ConversationId, ClientId) {
    let client_id = sent.message.client_id.clone().expect("sent under one");
    (sent.message.sender_id, sent.message.conversation_id, client_id)
}

/// Messages of a group, each under a client id.
async fn put_keyed(w: &World, group: &Conversation, sender: &User, count: i64) -> StoreResult<Vec<SentMessage>> {
    let new = |number| {
        let mut sent = w.new_message(group, number, sender, &format!("message {number}"));
        sent.message.client_id = Some(client_id(&format!("key {number}")));
        sent
    };
    let sent: Vec<_> = (1..=count).map(new).collect();
    w.put_messages(&sent).await?;
    Ok(sent)
}

/// More than a store may want to ask for in one statement, and repeats.
async fn a_batch_depends_on_what_is_stored(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let [crew, club] = [w.put_group(&[&ada, &bob]).await?, w.put_group(&[&ada]).await?];
    let (said, elsewhere) = (put_keyed(w, &crew, &ada, 300).await?, put_keyed(w, &club, &ada, 2).await?);
    let mut sent: Vec<_> = said.iter().map(key).collect();
    sent.extend([key(&elsewhere[0]), key(&elsewhere[0])]);
    let mut messages: Vec<_> = said.iter().rev().map(|sent| sent.message.id).collect();
    messages.extend([elsewhere[1].message.id, elsewhere[1].message.id]);
    let places = [(crew.id, bob.id), (club.id, ada.id), (crew.id, ada.id), (crew.id, bob.id)];
    let keys = BatchKeys { places: &places, sent: &sent, messages: &messages, spoken_in: &[crew.id, club.id] };
    let state = read(w, keys).await?;
    assert_eq!(state, expected(w, keys, &[]).await?);
    let BatchState { conversations, memberships, sent, messages, pairs, users } = state;
    assert_eq!((conversations.len(), memberships.len(), sent.len(), messages.len()), (2, 3, 301, 301));
    assert_eq!((pairs.len(), users.len()), (0, 0), "a group has no other side");
    Ok(())
}

async fn what_stands_between_two_is_read_where_they_speak(w: &World) -> Outcome {
    let [ada, bob, cleo, dan, eve, fay, gus] = w.put_users(["ada", "bob", "cleo", "dan", "eve", "fay", "gus"]).await?;
    befriend(w, &ada, &bob).await?;
    apply(w, &ada, &cleo, &[request(w, &ada, Visibility::Shown)]).await?;
    apply(w, &dan, &ada, &[request(w, &dan, Visibility::Hidden), block(w, &ada)]).await?;
    apply(w, &ada, &eve, &[block(w, &eve)]).await?;
    apply(w, &ada, &fay, &[block(w, &ada), block(w, &fay)]).await?;
    let others = [&bob, &cleo, &dan, &eve, &fay, &gus];
    let (mut places, mut directs) = (vec![], vec![]);
    for other in others {
        // Whoever of the two speaks.
        places.push((w.put_direct(&ada, other).await?.id, if directs.len() % 2 == 0 { ada.id } else { other.id }));
        directs.push((&ada, other));
    }
    let spoken_in: Vec<_> = places.iter().map(|(id, _)| *id).collect();
    let keys = BatchKeys { places: &places, spoken_in: &spoken_in, ..BatchKeys::NOTHING };
    let state = read(w, keys).await?;
    assert_eq!(state, expected(w, keys, &directs).await?);
    assert_eq!((state.pairs.len(), state.users.len()), (6, 7));
    // Where nobody speaks nobody needs to be asked.
    let keys = BatchKeys { spoken_in: &spoken_in[2..3], ..keys };
    assert_eq!(read(w, keys).await?, expected(w, keys, &directs[2..3]).await?);
    Ok(())
}

async fn what_does_not_exist_is_left_out(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let group = w.put_group(&[&ada]).await?;
    let said = put_keyed(w, &group, &ada, 1).await?;
    let nowhere = ConversationId::from_uuid(w.uuid());
    let places = [(group.id, bob.id), (nowhere, ada.id)];
    let sent = [(bob.id, group.id, client_id("key 1")), (ada.id, group.id, client_id("key 2"))];
    let messages = [MessageId::from_uuid(w.uuid()), said[0].message.id];
    let state = read(w, BatchKeys { places: &places, sent: &sent, messages: &messages, spoken_in: &[nowhere] }).await?;
    let there =
        BatchState { conversations: vec![group], messages: vec![said[0].message.clone()], ..BatchState::default() };
    assert_eq!(state, there);
    Ok(())
}

async fn no_keys_are_no_question(w: &World) -> Outcome {
    assert_eq!(read(w, BatchKeys::NOTHING).await?, BatchState::default());
    Ok(())
}

/// Whatever of it a store puts off.
async fn what_a_transaction_has_written_is_read(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let sent = w.new_message(&group, 1, &ada, "hello");
    let (places, messages) = ([(group.id, ada.id)], [sent.message.id]);
    let keys = BatchKeys { places: &places, messages: &messages, ..BatchKeys::NOTHING };
    let mut tx = w.begin().await?;
    let BatchState { mut conversations, mut memberships, .. } = tx.read_batch(keys).await?;
    conversations[0].last_seq = sent.message.seq;
    memberships[0].own_after_read = 1;
    let rows = BatchRows {
        sent: std::slice::from_ref(&sent),
        messages: &[],
        conversations: &conversations,
        memberships: &memberships,
    };
    tx.write_batch(rows).await?;
    let written = BatchState { conversations, memberships, messages: vec![sent.message.clone()], ..Default::default() };
    assert_eq!(tx.read_batch(keys).await?, written);
    tx.commit(&[]).await?;
    assert_eq!(read(w, keys).await?, written);
    Ok(())
}
