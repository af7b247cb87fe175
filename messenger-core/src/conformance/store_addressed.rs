//! What the log has for some.

use uuid::Uuid;

use super::failure::Outcome;
use super::world::World;
use super::{Case, isolated};
use crate::conversation::Conversation;
use crate::event::{Audience, Event, Fact, NewEvent, Partition, Position};
use crate::id::{ConversationId, MessageId};
use crate::message::SentMessage;
use crate::store::{BatchRows, StoreResult};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_addressed":
    what_is_addressed_to_some_is_what_the_log_has_for_them,
    what_was_purged_is_addressed_to_nobody,
    a_message_that_is_told_late_is_found,
);

fn told(w: &World, audience: Audience, sent: (ConversationId, MessageId), actor: &User) -> NewEvent {
    let (conversation_id, message_id) = sent;
    w.event(audience, Fact::MessageSent { conversation_id, message_id }, actor)
}

fn told_in_place(w: &World, sent: &SentMessage, actor: &User) -> NewEvent {
    let (conversation, id) = (sent.message.conversation_id, sent.message.id);
    told(w, Audience::Conversation(conversation), (conversation, id), actor)
}

/// Stores messages as a lane does, each told of, with something else in between;
/// some are told of twice, which core does not.
async fn send_batch(w: &World, sent: &[SentMessage], actor: &User) -> StoreResult<()> {
    let mut events = vec![];
    for sent in sent {
        events.push(told_in_place(w, sent, actor));
        if sent.message.seq.get() % 3 == 0 {
            events.push(told_in_place(w, sent, actor));
        }
        let conversation_id = sent.message.conversation_id;
        let fact = Fact::ConversationUpdated { conversation_id };
        events.push(w.event(Audience::Conversation(conversation_id), fact, actor));
    }
    let mut tx = w.begin().await?;
    tx.write_batch(BatchRows { sent, messages: &[], conversations: &[], memberships: &[] }).await?;
    tx.commit(&events).await?;
    Ok(())
}

/// Stores messages by themselves, and tells of them in the same transaction.
async fn send_each(w: &World, sent: &[SentMessage], actor: &User) -> StoreResult<()> {
    let events: Vec<_> = sent.iter().map(|sent| told_in_place(w, sent, actor)).collect();
    let mut tx = w.begin().await?;
    tx.messages().insert_messages(sent).await?;
    tx.commit(&events).await?;
    Ok(())
}

/// The whole log.
async fn log(w: &World) -> StoreResult<Vec<(Partition, Vec<Event>)>> {
    let mut snapshot = w.read().await?;
    let mut log = vec![];
    for partition in snapshot.events().log_heads().await?.into_keys() {
        log.push((partition, snapshot.events().list_events(partition, Position::ZERO, 1_000).await?));
    }
    Ok(log)
}

/// Asks for these in every partition, from here and there, by so many, and holds
/// it against the whole log.
async fn assert_listed(w: &World, anchors: &[Uuid]) -> StoreResult<()> {
    for (partition, events) in log(w).await? {
        let end = events.last().map_or(0, |event| event.position.get());
        for after in (0..=end).step_by(3) {
            for (until, limit) in [(end, 1_000), (end, 2), (end - 2, 5), (after + 4, 1_000)] {
                // Each from a position of its own.
                let anchors: Vec<_> =
                    anchors.iter().zip(after..).map(|(id, after)| (*id, Position::from_stored(after))).collect();
                let until = Position::from_stored(until.max(0));
                let is_asked_for = |event: &&Event| {
                    let anchor = event.event.audience.anchor();
                    event.position <= until
                        && anchors.iter().any(|(id, after)| *id == anchor && event.position > *after)
                };
                let expected: Vec<_> = events.iter().filter(is_asked_for).take(limit as usize).copied().collect();
                let found = w.read().await?.events().list_events_to(partition, &anchors, until, limit).await?;
                assert_eq!(found, expected, "after {after}, until {until:?}, {limit} at most");
            }
        }
    }
    Ok(())
}

struct Place {
    group: Conversation,
    sent: i64,
}

impl Place {
    fn next(&mut self, w: &World, sender: &User) -> SentMessage {
        self.sent += 1;
        w.new_message(&self.group, self.sent, sender, "x")
    }
}

async fn what_is_addressed_to_some_is_what_the_log_has_for_them(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut places = vec![];
    for _ in 0..3 {
        places.push(Place { group: w.put_group(&[&ada]).await?, sent: 0 });
    }
    for round in 0..4 {
        let batch = [0, 1, 0, 0].map(|place: usize| places[place].next(w, &ada));
        send_batch(w, &batch, &ada).await?;
        let each = [places[2].next(w, &ada), places[round % 3].next(w, &ada)];
        send_each(w, &each, &ada).await?;
        // Events name what need not exist, what was told before, and what is of
        // another place.
        let (one, two) = (places[0].group.id, places[1].group.id);
        let missing = MessageId::from_uuid(w.uuid());
        w.record(&[
            told(w, Audience::Conversation(one), (one, missing), &ada),
            told_in_place(w, &batch[0], &ada),
            told(w, Audience::Conversation(two), (one, batch[2].message.id), &ada),
            told(w, Audience::User(ada.id), (one, batch[3].message.id), &ada),
        ])
        .await?;
    }
    let groups = places.iter().map(|place| place.group.id.as_uuid());
    let all: Vec<_> = groups.chain([ada.id.as_uuid(), w.uuid()]).collect();
    for anchors in [&all[..], &all[..1], &all[1..3], &all[3..4], &all[4..], &[]] {
        assert_listed(w, anchors).await?;
    }
    Ok(())
}

async fn what_was_purged_is_addressed_to_nobody(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut place = Place { group: w.put_group(&[&ada]).await?, sent: 0 };
    for _ in 0..3 {
        let batch = [place.next(w, &ada), place.next(w, &ada)];
        send_batch(w, &batch, &ada).await?;
    }
    for (partition, events) in log(w).await? {
        if let Some(middle) = events.get(events.len() / 2) {
            w.store.purge_events(partition, middle.position).await?;
        }
    }
    assert_listed(w, &[place.group.id.as_uuid()]).await?;
    Ok(())
}

/// Not by core, which tells of a message when it stores it.
async fn a_message_that_is_told_late_is_found(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut place = Place { group: w.put_group(&[&ada]).await?, sent: 0 };
    let sent: Vec<_> = (0..5).map(|_| place.next(w, &ada)).collect();
    w.put_messages(&sent).await?;
    for told in [1, 4, 2, 0] {
        w.record(&[told_in_place(w, &sent[told], &ada)]).await?;
    }
    assert_listed(w, &[place.group.id.as_uuid()]).await?;
    Ok(())
}
