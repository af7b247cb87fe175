//! What a lane writes at once.

use super::failure::Outcome;
use super::rows::{body, client_id, seq, unique};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::{Conversation, Membership};
use crate::event::{Audience, Fact, NewEvent, Position};
use crate::id::ConversationId;
use crate::message::{Message, SentMessage};
use crate::store::{BatchRows, StoreError, StoreResult, Transaction, UniqueKey};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_batches":
    what_a_batch_writes_is_read_back,
    a_batch_is_seen_by_its_own_transaction,
    a_batch_without_events_is_written,
    a_batch_that_rolled_back_leaves_nothing,
    a_batch_stands_in_the_log_where_its_last_events_do,
    a_second_batch_of_a_transaction_builds_on_the_first,
    a_client_id_that_is_taken_spoils_a_batch,
    a_conversation_that_is_not_there_spoils_a_batch,
);

/// A group after a send: what a lane would write.
struct Sent {
    conversation: Conversation,
    membership: Membership,
    message: SentMessage,
}

impl Sent {
    /// The next message of a group that `sender` is a member of.
    async fn next(w: &World, group: &Conversation, sender: &User) -> StoreResult<Self> {
        let found = w.read().await?.conversations().find_memberships(&[(group.id, sender.id)]).await?;
        let mut membership = found.into_iter().next().expect("a member");
        membership.own_after_read += 1;
        let number = group.last_seq.get() + 1;
        let message = w.new_message(group, number, sender, "hello");
        let conversation = Conversation { last_seq: seq(number), updated_at: w.clock.tick(), ..group.clone() };
        Ok(Self { conversation, membership, message })
    }

    fn event(&self, w: &World, sender: &User) -> NewEvent {
        let (conversation_id, message_id) = (self.conversation.id, self.message.message.id);
        let fact = Fact::MessageSent { conversation_id, message_id };
        w.event(Audience::Conversation(conversation_id), fact, sender)
    }

    async fn write(&self, tx: &mut dyn Transaction) -> StoreResult<()> {
        write(tx, std::slice::from_ref(&self.message), &[], std::slice::from_ref(self)).await
    }

    /// Asserts that it is all there, to a reader or to its own transaction.
    fn assert_is(&self, found: &(Vec<Conversation>, Vec<Membership>, Vec<Message>)) {
        let Self { conversation, membership, message } = self;
        assert_eq!(*found, (vec![conversation.clone()], vec![membership.clone()], vec![message.message.clone()]));
    }

    async fn assert_stored(&self, w: &World) -> StoreResult<()> {
        let mut snapshot = w.read().await?;
        let conversations = snapshot.conversations().find_conversations(&[self.conversation.id]).await?;
        let key = (self.conversation.id, self.membership.user_id);
        let memberships = snapshot.conversations().find_memberships(&[key]).await?;
        self.assert_is(&(
            conversations,
            memberships,
            snapshot.messages().find_messages(&[self.message.message.id]).await?,
        ));
        Ok(())
    }
}

async fn write(tx: &mut dyn Transaction, sent: &[SentMessage], messages: &[Message], all: &[Sent]) -> StoreResult<()> {
    let conversations: Vec<_> = all.iter().map(|one| one.conversation.clone()).collect();
    let memberships: Vec<_> = all.iter().map(|one| one.membership.clone()).collect();
    tx.write_batch(BatchRows { sent, messages, conversations: &conversations, memberships: &memberships }).await
}

/// Where the conversations stand in the log.
async fn stands(w: &World, user: &User, ids: &[ConversationId]) -> StoreResult<Vec<Position>> {
    let streams = w.read().await?.conversations().find_streams(user.id).await?;
    let position = |id| streams.iter().find(|stream| stream.conversation_id == id).expect("a member").last_position;
    Ok(ids.iter().map(|id| position(*id)).collect())
}

async fn what_a_batch_writes_is_read_back(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let before = w.new_message(&group, 1, &ada, "before");
    w.put_messages(std::slice::from_ref(&before)).await?;
    let group = Conversation { last_seq: seq(1), ..group };
    let sent = Sent::next(w, &group, &ada).await?;
    let edited = Message { body: Some(body("after")), edited_at: Some(w.clock.tick()), ..before.message };
    let mut tx = w.begin().await?;
    let all = std::slice::from_ref(&sent);
    write(tx.as_mut(), std::slice::from_ref(&sent.message), std::slice::from_ref(&edited), all).await?;
    tx.commit(&[sent.event(w, &ada)]).await?;
    sent.assert_stored(w).await?;
    assert_eq!(w.read().await?.messages().find_messages(&[edited.id]).await?, [edited]);
    Ok(())
}

/// Whatever of it a store puts off.
async fn a_batch_is_seen_by_its_own_transaction(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let sent = Sent::next(w, &w.put_group(&[&ada]).await?, &ada).await?;
    let mut tx = w.begin().await?;
    sent.write(tx.as_mut()).await?;
    let conversations = tx.conversations().find_conversations(&[sent.conversation.id]).await?;
    let memberships = tx.conversations().find_memberships(&[(sent.conversation.id, ada.id)]).await?;
    sent.assert_is(&(conversations, memberships, tx.messages().find_messages(&[sent.message.message.id]).await?));
    tx.commit(&[sent.event(w, &ada)]).await?;
    sent.assert_stored(w).await?;
    Ok(())
}

async fn a_batch_without_events_is_written(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let sent = Sent::next(w, &w.put_group(&[&ada]).await?, &ada).await?;
    let mut tx = w.begin().await?;
    sent.write(tx.as_mut()).await?;
    tx.commit(&[]).await?;
    sent.assert_stored(w).await?;
    Ok(())
}

async fn a_batch_that_rolled_back_leaves_nothing(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let sent = Sent::next(w, &group, &ada).await?;
    let mut tx = w.begin().await?;
    sent.write(tx.as_mut()).await?;
    tx.rollback().await?;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.conversations().find_conversations(&[group.id]).await?, [group]);
    assert_eq!(snapshot.messages().find_messages(&[sent.message.message.id]).await?, []);
    Ok(())
}

async fn a_batch_stands_in_the_log_where_its_last_events_do(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let [told, silent, other] = [w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?, w.put_group(&[&ada]).await?];
    let ids = [told.id, silent.id, other.id];
    let before = stands(w, &ada, &ids).await?;
    let all = [Sent::next(w, &told, &ada).await?, Sent::next(w, &silent, &ada).await?];
    let mut tx = w.begin().await?;
    let messages = [all[0].message.clone(), all[1].message.clone()];
    write(tx.as_mut(), &messages, &[], &all).await?;
    let fact = Fact::ConversationUpdated { conversation_id: other.id };
    let of_other = w.event(Audience::Conversation(other.id), fact, &ada);
    let placed = tx.commit(&[all[0].event(w, &ada), of_other, all[0].event(w, &ada)]).await?;
    for sent in &all {
        sent.assert_stored(w).await?;
    }
    // The first one's twice; of the second one nothing was told.
    let expected = [placed[2].position, before[1], placed[1].position];
    assert_eq!(stands(w, &ada, &ids).await?, expected);
    assert_eq!(w.read().await?.conversations().find_conversations(&[other.id]).await?, [other]);
    Ok(())
}

async fn a_second_batch_of_a_transaction_builds_on_the_first(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let first = Sent::next(w, &w.put_group(&[&ada]).await?, &ada).await?;
    let mut second = Sent::next(w, &first.conversation, &ada).await?;
    second.membership.own_after_read = 2;
    let mut tx = w.begin().await?;
    first.write(tx.as_mut()).await?;
    second.write(tx.as_mut()).await?;
    tx.commit(&[first.event(w, &ada), second.event(w, &ada)]).await?;
    second.assert_stored(w).await?;
    let id = first.message.message.id;
    assert_eq!(w.read().await?.messages().find_messages(&[id]).await?, [first.message.message]);
    Ok(())
}

/// Writes it and commits: an error may come with either.
async fn commit(w: &World, sent: &Sent, sender: &User) -> StoreResult<()> {
    let mut tx = w.begin().await?;
    sent.write(tx.as_mut()).await?;
    tx.commit(&[sent.event(w, sender)]).await.map(drop)
}

async fn a_client_id_that_is_taken_spoils_a_batch(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut first = Sent::next(w, &w.put_group(&[&ada]).await?, &ada).await?;
    first.message.message.client_id = Some(client_id("once"));
    commit(w, &first, &ada).await?;
    let mut second = Sent::next(w, &first.conversation, &ada).await?;
    second.message.message.client_id.clone_from(&first.message.message.client_id);
    assert_eq!(unique(commit(w, &second, &ada).await), UniqueKey::MessageClientId);
    first.assert_stored(w).await?;
    Ok(())
}

async fn a_conversation_that_is_not_there_spoils_a_batch(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let group = w.put_group(&[&ada]).await?;
    let mut sent = Sent::next(w, &group, &ada).await?;
    sent.conversation.id = w.new_group(&ada).id;
    let error = commit(w, &sent, &ada).await.expect_err("one of two is stored");
    assert!(matches!(error, StoreError::Defect(_)), "{error}");
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.conversations().find_conversations(&[group.id]).await?, [group]);
    assert_eq!(snapshot.messages().find_messages(&[sent.message.message.id]).await?, []);
    Ok(())
}
