//! What a commit writes to the log (I2, I3).

use std::collections::BTreeMap;

use messenger_core::event::{Allotment, ConversationPositions, Event, NewEvent, Partition, PartitionCount, Position};
use messenger_core::id::ConversationId;
use messenger_core::store::{StoreError, StoreResult};
use uuid::Uuid;

use crate::events::read_head;
use crate::failpoint::FailPoint;
use crate::link::Link;
use crate::sql::{CHUNK, Script, Sql, read_all};

/// Writes the events and what follows from them, and commits. Once the first
/// counter is locked, every other node that writes to its partition waits, so
/// all that is left to do goes to the server in one piece.
pub(crate) async fn commit(mut link: Link, events: &[NewEvent], count: PartitionCount) -> StoreResult<Vec<Event>> {
    let (placed, script) = if events.is_empty() {
        (Vec::new(), Script::new())
    } else {
        let allotment = link.allot(events, count).await?;
        let script = write_log(&allotment);
        (allotment.events, script)
    };
    if FailPoint::BeforeCommit.is_hit().await {
        return Err(lost(&mut link));
    }
    link.commit_with(&script).await?;
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

impl Link {
    /// Locks the counters and gives the events their places.
    async fn allot(&mut self, events: &[NewEvent], count: PartitionCount) -> StoreResult<Allotment> {
        let partitions = Allotment::partitions(events, count);
        let heads = match partitions.as_slice() {
            // The usual case needs no statement of its own to move the counter.
            [partition] => self.advance_counter(*partition, events.len()).await?,
            partitions => self.lock_counters(partitions).await?,
        };
        FailPoint::CountersLocked.is_hit().await;
        Ok(Allotment::of(events, count, heads))
    }

    /// Locks one counter and moves it on by `count`; answers where it stood.
    async fn advance_counter(
        &mut self,
        partition: Partition,
        count: usize,
    ) -> StoreResult<BTreeMap<Partition, Position>> {
        let count = i64::try_from(count).map_err(|_| StoreError::Defect("too many events".to_owned()))?;
        let mut sql = Sql::new("UPDATE log_partitions FORCE INDEX (PRIMARY) SET head = LAST_INSERT_ID(head + ");
        sql.bind(count).then(") WHERE partition_id = ", partition.get());
        let result = self.answers(Script::of(&sql)).await?.pop().unwrap_or_default();
        let head = i64::try_from(result.last_insert_id).unwrap_or_default();
        if result.found != 1 || head < count {
            return Err(self.missing_counter());
        }
        Ok(BTreeMap::from([(partition, Position::from_stored(head - count))]))
    }

    /// Locks several counters, in their order.
    async fn lock_counters(&mut self, partitions: &[Partition]) -> StoreResult<BTreeMap<Partition, Position>> {
        let mut sql =
            Sql::new("SELECT partition_id, head FROM log_partitions FORCE INDEX (PRIMARY) WHERE partition_id IN (");
        sql.list(partitions, ", ", |sql, partition| {
            sql.bind(partition.get());
        });
        sql.text(") ORDER BY partition_id FOR UPDATE");
        let answers = self.answers(Script::of(&sql)).await?;
        let heads: BTreeMap<_, _> = read_all(&answers, read_head)?.into_iter().collect();
        if heads.len() == partitions.len() { Ok(heads) } else { Err(self.missing_counter()) }
    }

    fn missing_counter(&mut self) -> StoreError {
        let error = StoreError::Defect("a partition of the log has no counter".to_owned());
        self.fail(&error);
        error
    }
}

/// Writes all of an allotment.
fn write_log(allotment: &Allotment) -> Script {
    let mut script = Script::new();
    for some in allotment.events.chunks(CHUNK) {
        script.push(&insert_events(some));
    }
    if allotment.heads.len() > 1 {
        script.push(&update_heads(&allotment.heads));
    }
    let conversations: Vec<_> = allotment.conversations.iter().map(|(id, at)| (*id, *at)).collect();
    for some in conversations.chunks(CHUNK) {
        // One that this transaction deleted is not there any more.
        script.push(&update_last_positions(some));
    }
    let joined: Vec<_> = conversations.iter().filter_map(|(id, at)| Some((*id, at.joined?))).collect();
    for some in joined.chunks(CHUNK) {
        script.push(&update_joined_positions(some));
    }
    script
}

fn insert_events(events: &[Event]) -> Sql {
    let mut sql = Sql::new(
        "INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id, \
         other_id, at, actor_id, tag) VALUES ",
    );
    sql.rows(events, |sql, Event { partition, position, event }| {
        let columns = event.fact.to_columns();
        sql.bind(partition.get())
            .then(", ", position.get())
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

fn update_heads(heads: &BTreeMap<Partition, Position>) -> Sql {
    let heads: Vec<_> = heads.iter().collect();
    let mut sql = Sql::new("UPDATE log_partitions FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, (partition, _): &(&Partition, &Position)| {
        sql.then("partition_id = ", partition.get());
    };
    sql.case("head", &heads, key, |(_, head)| head.get().into())
        .text(" WHERE partition_id IN (")
        .list(&heads, ", ", |sql, (partition, _)| {
            sql.bind(partition.get());
        })
        .text(")");
    sql
}

fn update_last_positions(conversations: &[(ConversationId, ConversationPositions)]) -> Sql {
    let mut sql = Sql::new("UPDATE conversations FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, (id, _): &(ConversationId, ConversationPositions)| {
        sql.text("id = ").id(id.as_uuid());
    };
    sql.case("last_position", conversations, key, |(_, at)| at.last.get().into());
    let ids: Vec<Uuid> = conversations.iter().map(|(id, _)| id.as_uuid()).collect();
    sql.text(" WHERE id IN (").ids(&ids).text(")");
    sql
}

fn update_joined_positions(conversations: &[(ConversationId, Position)]) -> Sql {
    let mut sql = Sql::new("UPDATE memberships FORCE INDEX (PRIMARY) SET ");
    let key = |sql: &mut Sql, (id, _): &(ConversationId, Position)| {
        sql.text("conversation_id = ").id(id.as_uuid());
    };
    sql.case("joined_position", conversations, key, |(_, joined)| joined.get().into());
    let ids: Vec<Uuid> = conversations.iter().map(|(id, _)| id.as_uuid()).collect();
    sql.text(" WHERE joined_position = 0 AND conversation_id IN (").ids(&ids).text(")");
    sql
}
