//! The signal board: what nodes tell each other of this moment.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use messenger_core::event::{Partition, Position};
use messenger_core::id::{ConversationId, NodeId, UserId};
use messenger_core::store::{Heads, NodeHead, NodeState, Note, Post, SignalBoard, Standing, StoreResult, UniqueKey};
use sqlx::MySqlConnection;
use uuid::Uuid;

use crate::error::Failure;
use crate::lease::Purpose;
use crate::link::Link;
use crate::pool::Pool;
use crate::sql::{CHUNK, Columns, Sql, read_number, unreadable};

/// The server's clock, in milliseconds: nodes' own may differ.
macro_rules! server_now {
    () => {
        "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"
    };
}

/// The board of one database.
#[derive(Clone)]
pub(crate) struct Board(pub(crate) Pool);

impl Board {
    async fn change(&self) -> StoreResult<Link> {
        Ok(Link::new(Box::new(self.0.lease(Purpose::Change).await?)))
    }

    async fn look(&self) -> StoreResult<Link> {
        Ok(Link::new(Box::new(self.0.lease(Purpose::Read).await?)))
    }

    /// One statement without a transaction around it; answers how many rows it
    /// found.
    async fn alone(&self, sql: Sql) -> StoreResult<u64> {
        let mut lease = self.0.lease(Purpose::Ask).await?;
        match sql.execute(lease.connection()).await {
            Ok(done) => {
                lease.give_back();
                Ok(done.found)
            }
            // Dropped with its connection, which costs one and saves thinking.
            Err(error) => Err(Failure::of(error, UniqueKey::Other).into_error()),
        }
    }
}

#[async_trait]
impl SignalBoard for Board {
    async fn join(
        &self,
        node: NodeId,
        former: Option<NodeId>,
        users: &[UserId],
        lifetime: Duration,
    ) -> StoreResult<()> {
        let mut link = self.change().await?;
        if let Some(former) = former {
            link.run(remove(former)).await?;
        }
        let mut sql = Sql::new("INSERT INTO nodes (node_id, head, expires_at) VALUES (");
        sql.id(node.as_uuid()).then(concat!(", 0, ", server_now!(), " + "), millis(lifetime)).text(")");
        link.run(sql).await?;
        insert_users(&mut link, node, users).await?;
        link.commit().await
    }

    async fn post(&self, post: Post<'_>) -> StoreResult<Standing> {
        let node = post.node_id;
        let mut link = self.change().await?;
        let numbered: Vec<_> = (post.first..).zip(post.notes.iter().copied()).collect();
        let head = numbered.last().map_or(post.first - 1, |(number, _)| *number);
        let mut sql = Sql::new(concat!("UPDATE nodes SET expires_at = ", server_now!(), " + "));
        sql.bind(millis(post.lifetime)).then(", head = ", head).text(" WHERE node_id = ").id(node.as_uuid());
        if link.run(sql).await?.found == 0 {
            link.rollback().await?;
            return Ok(Standing::Removed);
        }
        for numbered in numbered.chunks(CHUNK) {
            let mut sql = Sql::new("INSERT INTO signals (node_id, number, kind, user_id, conversation_id) VALUES ");
            sql.rows(numbered, |sql, (number, note)| {
                let (kind, user, conversation) = columns(*note);
                sql.id(node.as_uuid()).then(", ", *number).then(", ", kind).text(", ").id(user.as_uuid());
                sql.text(", ").optional_id(conversation.map(ConversationId::as_uuid));
            });
            link.run(sql).await?;
        }
        let (online, offline) = last_states(post.notes);
        insert_users(&mut link, node, &online).await?;
        for users in offline.chunks(CHUNK) {
            let mut sql = Sql::new("DELETE FROM presence WHERE node_id = ");
            sql.id(node.as_uuid()).text(" AND user_id IN (").ids(users).text(")");
            link.run(sql).await?;
        }
        if post.forget_below > 0 {
            let mut sql = Sql::new("DELETE FROM signals WHERE node_id = ");
            sql.id(node.as_uuid()).then(" AND number < ", post.forget_below);
            link.run(sql).await?;
        }
        link.commit().await?;
        Ok(Standing::Present)
    }

    async fn beat(&self, node: NodeId, lifetime: Duration) -> StoreResult<Standing> {
        let mut sql = Sql::new(concat!("UPDATE nodes SET expires_at = ", server_now!(), " + "));
        sql.bind(millis(lifetime)).text(" WHERE node_id = ").id(node.as_uuid());
        Ok(if self.alone(sql).await? == 0 { Standing::Removed } else { Standing::Present })
    }

    async fn read_notes(&self, node: NodeId, after: i64, limit: u32) -> StoreResult<Vec<(i64, Note)>> {
        let mut link = self.look().await?;
        let mut sql = Sql::new("SELECT number, kind, user_id, conversation_id FROM signals WHERE node_id = ");
        sql.id(node.as_uuid()).then(" AND number > ", after).then(" ORDER BY number LIMIT ", i64::from(limit));
        let notes = link.all(sql, read_note).await?;
        link.rollback().await?;
        Ok(notes)
    }

    async fn read_online(&self, node: NodeId) -> StoreResult<Option<(i64, Vec<UserId>)>> {
        let mut link = self.look().await?;
        let mut sql = Sql::new("SELECT head FROM nodes WHERE node_id = ");
        sql.id(node.as_uuid());
        let head = link.optional(sql, read_number).await?;
        let mut sql = Sql::new("SELECT user_id FROM presence WHERE node_id = ");
        sql.id(node.as_uuid());
        let users = link.all(sql, |row| row.id().map(UserId::from_uuid)).await?;
        link.rollback().await?;
        Ok(head.map(|head| (head, users)))
    }

    async fn leave(&self, node: NodeId) -> StoreResult<()> {
        self.alone(remove(node)).await.map(drop)
    }

    async fn remove_expired(&self) -> StoreResult<()> {
        self.alone(Sql::new(concat!("DELETE FROM nodes WHERE expires_at <= ", server_now!()))).await.map(drop)
    }
}

/// All else of a node goes with it.
fn remove(node: NodeId) -> Sql {
    let mut sql = Sql::new("DELETE FROM nodes WHERE node_id = ");
    sql.id(node.as_uuid());
    sql
}

async fn insert_users(link: &mut Link, node: NodeId, users: &[UserId]) -> StoreResult<()> {
    for users in users.chunks(CHUNK) {
        let mut sql = Sql::new("INSERT INTO presence (node_id, user_id) VALUES ");
        sql.rows(users, |sql, user| {
            sql.id(node.as_uuid()).text(", ").id(user.as_uuid());
        });
        sql.text(" ON DUPLICATE KEY UPDATE node_id = presence.node_id");
        link.run(sql).await?;
    }
    Ok(())
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 2)
}

fn columns(note: Note) -> (&'static str, UserId, Option<ConversationId>) {
    match note {
        Note::Online(user) => ("online", user, None),
        Note::Offline(user) => ("offline", user, None),
        Note::Typing(user, conversation) => ("typing", user, Some(conversation)),
    }
}

fn read_note(row: &mut Columns<'_>) -> StoreResult<(i64, Note)> {
    let (number, kind) = (row.take()?, row.take::<&str>()?);
    let (user, conversation) = (UserId::from_uuid(row.id()?), row.optional_id()?);
    let note = match (kind, conversation) {
        ("online", None) => Note::Online(user),
        ("offline", None) => Note::Offline(user),
        ("typing", Some(conversation)) => Note::Typing(user, ConversationId::from_uuid(conversation)),
        _ => return Err(unreadable("signal")()),
    };
    Ok((number, note))
}

/// Who is online and who is not, after all notes.
fn last_states(notes: &[Note]) -> (Vec<UserId>, Vec<Uuid>) {
    let mut last = BTreeMap::new();
    for note in notes {
        if let Note::Online(user) | Note::Offline(user) = note {
            last.insert(*user, *note);
        }
    }
    let (online, offline): (Vec<_>, Vec<_>) = last.into_iter().partition(|(user, note)| *note == Note::Online(*user));
    (online.into_iter().map(|(user, _)| user).collect(), offline.into_iter().map(|(user, _)| user.as_uuid()).collect())
}

/// The last positions and all nodes, by one statement, on a connection without
/// a transaction.
pub(crate) async fn read_all_heads(connection: &mut MySqlConnection) -> StoreResult<Heads> {
    let sql = concat!(
        "SELECT CAST(partition_id AS SIGNED), head, CAST(NULL AS BINARY(16)), 0 FROM log_partitions \
         UNION ALL SELECT 0, head, node_id, CASE WHEN expires_at > ",
        server_now!(),
        " THEN 0 ELSE 1 END FROM nodes"
    );
    let rows = sqlx::query(sql).fetch_all(connection).await;
    let rows = rows.map_err(|error| Failure::of(error, UniqueKey::Other).into_error())?;
    let mut heads = Heads::default();
    for row in &rows {
        let mut row = Columns::of(row);
        let (partition, head): (i64, i64) = (row.take()?, row.take()?);
        let (node, expired): (Option<Uuid>, i64) = (row.optional_id()?, row.take()?);
        if let Some(node) = node {
            let state = if expired == 0 { NodeState::Alive } else { NodeState::Expired };
            heads.nodes.push(NodeHead { node_id: NodeId::from_uuid(node), head, state });
        } else {
            let partition = u16::try_from(partition).map_err(|_| unreadable("partition")())?;
            heads.log.insert(Partition::from_stored(partition), Position::from_stored(head));
        }
    }
    Ok(heads)
}
