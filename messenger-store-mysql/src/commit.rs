//! What a commit writes to the log (I2, I3).

use std::collections::BTreeMap;

use messenger_core::event::{Allotment, ConversationPositions, Event, NewEvent, Partition, PartitionCount, Position};
use messenger_core::id::ConversationId;
use messenger_core::store::{StoreError, StoreResult};
use uuid::Uuid;

use crate::failpoint::FailPoint;
use crate::link::Link;
use crate::sql::{Answer, CHUNK, Script, Sql, Value};

/// Writes the events and what follows from them, and commits, all in one round
/// trip: the server itself counts from where it finds the counters. So whoever
/// waits for a counter waits for the server alone, however far away a node is
/// and however long it stands still.
pub(crate) async fn commit(mut link: Link, events: &[NewEvent], count: PartitionCount) -> StoreResult<Vec<Event>> {
    if FailPoint::BeforeCommit.is_hit().await {
        return Err(lost(&mut link));
    }
    let placed = if events.is_empty() {
        link.commit().await?;
        Vec::new()
    } else {
        FailPoint::BeforeLog.is_hit().await;
        let allotment = Allotment::of(events, count, BTreeMap::new());
        let answers = link.commit_with(&write_log(&allotment, count)).await?;
        placed(allotment, &answers)?
    };
    if FailPoint::AfterCommit.is_hit().await {
        return Err(StoreError::OutcomeUnknown("fail point: the answer was lost".to_owned()));
    }
    Ok(placed)
}

fn lost(link: &mut Link) -> StoreError {
    let error = StoreError::OutcomeUnknown("fail point: the connection broke".to_owned());
    link.lose(&error);
    error
}

/// Writes all of an allotment whose places count from the counters' heads.
fn write_log(allotment: &Allotment, count: PartitionCount) -> Script {
    let mut script = Script::new();
    for (partition, written) in &allotment.heads {
        advance(&mut script, *partition, *written);
    }
    if let Some(held) = FailPoint::HeldCounters.held() {
        script.push(&held);
    }
    for some in allotment.events.chunks(CHUNK) {
        script.push(&insert_events(some));
    }
    let told = |(id, at): (&ConversationId, &ConversationPositions)| {
        let partition = count.partition_of(id.as_uuid());
        Told { id: *id, partition, at: *at }
    };
    let conversations: Vec<_> = allotment.conversations.iter().map(told).collect();
    for some in conversations.chunks(CHUNK) {
        // One that this transaction deleted is not there any more.
        script.push(&update_last_positions(some));
    }
    let joined: Vec<_> = conversations.iter().filter_map(|told| Some((told, told.at.joined?))).collect();
    for some in joined.chunks(CHUNK) {
        script.push(&update_joined_positions(some));
    }
    script
}

/// Locks a counter, moves it on by what is `written`, and keeps where it stood
/// in a variable of the connection. Without a counter, or when something was not
/// found before, that is NULL, and the first event cannot be stored.
fn advance(script: &mut Script, partition: Partition, written: Position) {
    let mut sql = Sql::new("UPDATE log_partitions FORCE INDEX (PRIMARY) SET head = LAST_INSERT_ID(head + ");
    sql.bind(written.get()).then(") WHERE partition_id = ", partition.get());
    script.expect(&sql, 1, "counters of the log");
    let mut sql = Sql::new("SET @log");
    sql.bind(partition.get())
        .then(" = IF(@sound AND ROW_COUNT() = 1, LAST_INSERT_ID() - ", written.get())
        .text(", NULL)");
    script.push(&sql);
}

/// How many statements [`advance`] takes. The first of them answers the head.
const ADVANCING: usize = 2;

/// The events where the server has placed them.
fn placed(allotment: Allotment, answers: &[Answer]) -> StoreResult<Vec<Event>> {
    let advanced = allotment.heads.iter().zip(answers.chunks(ADVANCING));
    let before = advanced.map(|((partition, written), answers)| {
        let head = i64::try_from(answers.first()?.last_insert_id).ok()?;
        Some((*partition, head.checked_sub(written.get())?))
    });
    let before: Option<BTreeMap<_, _>> = before.collect();
    let place = |event: Event| {
        let before = before.as_ref()?.get(&event.partition)?;
        Some(Event { position: Position::from_stored(before + event.position.get()), ..event })
    };
    let placed: Option<_> = allotment.events.into_iter().map(place).collect();
    // They are committed, and nobody can say where.
    placed.ok_or_else(|| StoreError::OutcomeUnknown("the server did not say where the events are".to_owned()))
}

/// A conversation of which something is told.
struct Told {
    id: ConversationId,
    partition: Partition,
    at: ConversationPositions,
}

fn insert_events(events: &[Event]) -> Sql {
    let mut sql = Sql::new(
        "INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id, \
         other_id, at, actor_id, tag) VALUES ",
    );
    sql.rows(events, |sql, Event { partition, position, event }| {
        let columns = event.fact.to_columns();
        sql.bind(partition.get())
            .then(", ", Value::Place(*partition, *position))
            .then(", ", event.audience.kind_str())
            .then(", ", event.audience.anchor())
            .then(", ", event.fact.kind())
            .then(", ", columns.conversation_id)
            .then(", ", columns.subject_id)
            .then(", ", columns.other_id)
            .then(", ", event.at)
            .then(", ", event.actor_id.as_uuid())
            .then(", ", event.tag);
    });
    sql
}

fn update_last_positions(conversations: &[Told]) -> Sql {
    let mut sql = Sql::new("UPDATE conversations FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, told: &Told| {
        sql.text("id = ").id(told.id.as_uuid());
    };
    sql.case("last_position", conversations, key, |told| Value::Place(told.partition, told.at.last));
    let ids: Vec<Uuid> = conversations.iter().map(|told| told.id.as_uuid()).collect();
    sql.text(" WHERE id IN (").ids(&ids).text(")");
    sql
}

fn update_joined_positions(conversations: &[(&Told, Position)]) -> Sql {
    let mut sql = Sql::new("UPDATE memberships FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, (told, _): &(&Told, Position)| {
        sql.text("conversation_id = ").id(told.id.as_uuid());
    };
    sql.case("joined_position", conversations, key, |(told, joined)| Value::Place(told.partition, *joined));
    let ids: Vec<Uuid> = conversations.iter().map(|(told, _)| told.id.as_uuid()).collect();
    sql.text(" WHERE joined_position = 0 AND conversation_id IN (").ids(&ids).text(")");
    sql
}
