//! The signal board: what the nodes of one database tell each other of this
//! moment. Nothing of it is kept for long, and no user is promised anything by
//! it.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;

use super::StoreResult;
use crate::event::{Partition, Position};
use crate::id::{ConversationId, NodeId, UserId};

/// Whether a node counts as alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeState {
    /// It gave a sign of life in time.
    Alive,
    /// It did not.
    Expired,
}

/// How far a node's notes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeHead {
    /// Which.
    pub node_id: NodeId,
    /// The number of its last note; 0 when it has none.
    pub head: i64,
    /// Whether it counts as alive, by the store's own clock, so that nodes
    /// whose clocks differ agree.
    pub state: NodeState,
}

/// What there is to read, by one statement.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads {
    /// The last position of every partition of the log.
    pub log: BTreeMap<Partition, Position>,
    /// Every node on the board, in any order.
    pub nodes: Vec<NodeHead>,
}

/// What a node tells the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// A user is online on it.
    Online(UserId),
    /// A user is no longer online on it.
    Offline(UserId),
    /// A user is writing something.
    Typing(UserId, ConversationId),
}

/// What a node puts up at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Post<'a> {
    /// Who.
    pub node_id: NodeId,
    /// The number of the first note: that of the last one before, and one.
    pub first: i64,
    /// The notes.
    pub notes: &'a [Note],
    /// Its notes below this number can be removed.
    pub forget_below: i64,
    /// For how long it counts as alive from now.
    pub lifetime: Duration,
}

/// Whether a node is on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Present,
    /// It was removed: it counts as dead and has to join again, as another.
    Removed,
}

/// Where the nodes of one database tell each other who is online and who types.
///
/// ### To ensure correctness
///
/// - One node writes under its id, one call at a time, so its notes are
///   numbered 1, 2, 3 … in commit order: who has seen a node's head has seen
///   all of its notes.
/// - Each method is all or nothing. Nothing needs to be durable.
#[async_trait]
pub trait SignalBoard: Send + Sync {
    /// Puts a node on the board with all users who are online on it, each
    /// once, in place of `former`, and with no notes.
    async fn join(&self, node: NodeId, former: Option<NodeId>, users: &[UserId], lifetime: Duration)
    -> StoreResult<()>;

    /// Puts notes up, and keeps the node's list of online users in step with
    /// them. Of a user the last note counts; one that says what holds already
    /// changes nothing.
    async fn post(&self, post: Post<'_>) -> StoreResult<Standing>;

    /// A sign of life, by one statement.
    async fn beat(&self, node: NodeId, lifetime: Duration) -> StoreResult<Standing>;

    /// Up to `limit` notes of a node after `after`, in order. Those that were
    /// removed are left out.
    async fn read_notes(&self, node: NodeId, after: i64, limit: u32) -> StoreResult<Vec<(i64, Note)>>;

    /// Everybody who is online on a node, and the number of the last note that
    /// this takes into account; `None` when the node is not on the board.
    async fn read_online(&self, node: NodeId) -> StoreResult<Option<(i64, Vec<UserId>)>>;

    /// Takes a node off the board with everything of it. One that is not there
    /// is as well.
    async fn leave(&self, node: NodeId) -> StoreResult<()>;

    /// Takes off all nodes that count as dead.
    async fn remove_expired(&self) -> StoreResult<()>;
}
