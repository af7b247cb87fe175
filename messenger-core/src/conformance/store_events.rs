//! The event log.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::failure::Outcome;
use super::world::World;
use super::{Case, isolated};
use crate::clock::Timestamp;
use crate::event::{Audience, Event, Fact, FactColumns, NewEvent, Partition, Position};
use crate::id::{ConversationId, UserId};
use crate::store::StoreResult;

pub(super) const CASES: &[Case] = isolated!("store_events":
    a_new_log_is_empty_and_knows_its_partitions,
    a_log_keeps_its_identity,
    every_kind_of_event_reads_back,
    every_kind_of_audience_reads_back,
    extreme_tags_and_times_read_back,
    a_commit_answers_where_its_events_stand,
    positions_are_dense_in_each_partition,
    heads_stand_at_the_last_position,
    a_commit_without_events_writes_none,
    a_transaction_that_rolled_back_leaves_no_gap,
    events_are_listed_after_a_position_up_to_a_limit,
    events_of_several_partitions_are_listed_at_once,
    a_commit_may_hold_hundreds_of_events,
    events_name_what_need_not_exist,
    a_transaction_reads_the_log,
);

fn on(w: &World, id: UserId) -> NewEvent {
    NewEvent {
        audience: Audience::User(id),
        fact: Fact::UserUpdated { user_id: id },
        at: w.clock.tick(),
        actor_id: id,
        tag: 7,
    }
}

fn user_id(w: &World) -> UserId {
    UserId::from_uuid(w.uuid())
}

async fn heads(w: &World) -> StoreResult<BTreeMap<Partition, Position>> {
    w.read().await?.events().log_heads().await
}

/// Commits the events and reads them back from where they stand.
async fn round_trip(w: &World, events: &[NewEvent]) -> StoreResult<()> {
    let answered = w.record(events).await?;
    assert_eq!(answered.iter().map(|event| event.event).collect::<Vec<_>>(), events, "in the order recorded");
    for event in answered {
        let before = Position::from_stored(event.position.get() - 1);
        assert_eq!(w.read().await?.events().list_events(event.partition, before, 1).await?, [event]);
    }
    Ok(())
}

async fn a_new_log_is_empty_and_knows_its_partitions(w: &World) -> Outcome {
    let mut snapshot = w.read().await?;
    let identity = snapshot.events().log_identity().await?;
    let heads = snapshot.events().log_heads().await?;
    let partitions: Vec<_> = (0..identity.partitions.get()).map(Partition::from_stored).collect();
    assert_eq!(heads.keys().copied().collect::<Vec<_>>(), partitions);
    for (partition, head) in heads {
        assert_eq!(head, Position::ZERO);
        assert_eq!(snapshot.events().list_events(partition, Position::ZERO, 10).await?, []);
    }
    Ok(())
}

async fn a_log_keeps_its_identity(w: &World) -> Outcome {
    let before = w.read().await?.events().log_identity().await?;
    w.record(&[on(w, user_id(w))]).await?;
    assert_eq!(w.read().await?.events().log_identity().await?, before);
    assert_ne!(before.epoch, 0, "an epoch is drawn at random");
    Ok(())
}

async fn every_kind_of_event_reads_back(w: &World) -> Outcome {
    let mut events = vec![];
    for kind in Fact::KINDS {
        let columns =
            FactColumns { conversation_id: Some(w.uuid()), subject_id: Some(w.uuid()), other_id: Some(w.uuid()) };
        let fact = Fact::from_columns(kind, columns).expect("all ids are there");
        events.push(NewEvent { fact, ..on(w, user_id(w)) });
    }
    round_trip(w, &events).await?;
    Ok(())
}

async fn every_kind_of_audience_reads_back(w: &World) -> Outcome {
    let id = w.uuid();
    let user_id = UserId::from_uuid(id);
    let audiences = [
        Audience::User(user_id),
        Audience::Acquaintances(user_id),
        Audience::Conversation(ConversationId::from_uuid(id)),
    ];
    round_trip(w, &audiences.map(|audience| NewEvent { audience, ..on(w, user_id) })).await?;
    Ok(())
}

async fn extreme_tags_and_times_read_back(w: &World) -> Outcome {
    let event = on(w, user_id(w));
    let last = Timestamp::from_millis(253_402_300_799_999);
    let extremes = [
        NewEvent { tag: 0, ..event },
        NewEvent { tag: u32::MAX, at: last, ..event },
        NewEvent { tag: 0x8000_0000, at: Timestamp::from_millis(0), ..event },
        NewEvent { actor_id: UserId::from_uuid(Uuid::max()), ..event },
    ];
    round_trip(w, &extremes).await?;
    Ok(())
}

async fn a_commit_answers_where_its_events_stand(w: &World) -> Outcome {
    let count = w.read().await?.events().log_identity().await?.partitions;
    let id = user_id(w);
    let answered = w.record(&[on(w, id), on(w, id)]).await?;
    let places: Vec<_> = answered.iter().map(|event| (event.partition, event.position.get())).collect();
    let partition = count.partition_of(id.as_uuid());
    assert_eq!(places, [(partition, 1), (partition, 2)]);
    Ok(())
}

async fn positions_are_dense_in_each_partition(w: &World) -> Outcome {
    let mut written: Vec<Event> = vec![];
    for _ in 0..10 {
        let events: Vec<_> = (0..5).map(|_| on(w, user_id(w))).collect();
        written.extend(w.record(&events).await?);
    }
    for (partition, _) in heads(w).await? {
        let listed = w.read().await?.events().list_events(partition, Position::ZERO, 100).await?;
        let expected: Vec<_> = written.iter().filter(|event| event.partition == partition).copied().collect();
        assert_eq!(listed, expected, "in commit order");
        let positions: Vec<_> = listed.iter().map(|event| event.position.get()).collect();
        assert_eq!(positions, (1..).take(positions.len()).collect::<Vec<_>>());
    }
    Ok(())
}

async fn heads_stand_at_the_last_position(w: &World) -> Outcome {
    let mut expected = heads(w).await?;
    for _ in 0..20 {
        for event in w.record(&[on(w, user_id(w)), on(w, user_id(w))]).await? {
            expected.insert(event.partition, event.position);
        }
    }
    assert_eq!(heads(w).await?, expected);
    assert_eq!(expected.values().map(|head| head.get()).sum::<i64>(), 40);
    Ok(())
}

async fn a_commit_without_events_writes_none(w: &World) -> Outcome {
    let before = heads(w).await?;
    assert_eq!(w.record(&[]).await?, []);
    assert_eq!(heads(w).await?, before);
    Ok(())
}

async fn a_transaction_that_rolled_back_leaves_no_gap(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    w.record(&[on(w, ada.id)]).await?;
    let mut tx = w.begin().await?;
    // The second user breaks a key, so the commit that would follow cannot be.
    assert!(tx.users().insert_user(&ada).await.is_err());
    tx.rollback().await?;
    let next = w.record(&[on(w, ada.id)]).await?;
    assert_eq!(next[0].position.get(), 2);
    Ok(())
}

async fn events_are_listed_after_a_position_up_to_a_limit(w: &World) -> Outcome {
    let id = user_id(w);
    let written = w.record(&(0..10).map(|_| on(w, id)).collect::<Vec<_>>()).await?;
    let partition = written[0].partition;
    let mut snapshot = w.read().await?;
    for (after, limit, expected) in [(0, 3, &written[..3]), (3, 4, &written[3..7]), (8, 9, &written[8..]), (10, 9, &[])]
    {
        let listed = snapshot.events().list_events(partition, Position::from_stored(after), limit).await?;
        assert_eq!(listed, expected, "{limit} after {after}");
    }
    Ok(())
}

async fn events_of_several_partitions_are_listed_at_once(w: &World) -> Outcome {
    w.record(&(0..40).map(|_| on(w, user_id(w))).collect::<Vec<_>>()).await?;
    let mut snapshot = w.read().await?;
    let heads = snapshot.events().log_heads().await?;
    assert_eq!(snapshot.events().list_events_of_each(&BTreeMap::new(), 9).await?, []);
    for limit in [1, 3, 100] {
        for back in [0, 1, 2, 50] {
            let after = |head: &Position| Position::from_stored((head.get() - back).max(0));
            let places: BTreeMap<_, _> = heads.iter().map(|(partition, head)| (*partition, after(head))).collect();
            let mut expected = vec![];
            for (partition, after) in &places {
                expected.extend(snapshot.events().list_events(*partition, *after, limit).await?);
            }
            assert_eq!(snapshot.events().list_events_of_each(&places, limit).await?, expected, "{limit}, {back} back");
        }
    }
    Ok(())
}

async fn a_commit_may_hold_hundreds_of_events(w: &World) -> Outcome {
    let before: i64 = heads(w).await?.values().map(|head| head.get()).sum();
    let events: Vec<_> = (0..600).map(|_| on(w, user_id(w))).collect();
    assert_eq!(w.record(&events).await?.len(), 600);
    let after: i64 = heads(w).await?.values().map(|head| head.get()).sum();
    assert_eq!(after - before, 600);
    Ok(())
}

async fn events_name_what_need_not_exist(w: &World) -> Outcome {
    let conversation_id = ConversationId::from_uuid(w.uuid());
    let fact = Fact::ConversationCreated { conversation_id };
    let event = NewEvent { audience: Audience::Conversation(conversation_id), fact, ..on(w, user_id(w)) };
    round_trip(w, &[event]).await?;
    Ok(())
}

async fn a_transaction_reads_the_log(w: &World) -> Outcome {
    let written = w.record(&[on(w, user_id(w))]).await?;
    let partition = written[0].partition;
    let (listed, heads) = w
        .change(async |tx| {
            let listed = tx.events().list_events(partition, Position::ZERO, 10).await?;
            Ok((listed, tx.events().log_heads().await?))
        })
        .await?;
    assert_eq!(listed, written);
    assert_eq!(heads[&partition], written[0].position);
    Ok(())
}
