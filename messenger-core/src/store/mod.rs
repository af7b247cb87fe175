//! What a store is: snapshots to read from, transactions to change in, and one
//! small repository per aggregate.
//!
//! A store keeps; it does not decide. Who may do what, limits and state
//! machines live in core, once. A store adds constraints that make a broken
//! rule impossible to store.
//!
//! # Writing a store
//!
//! Implement [`Store`], [`Snapshot`] and [`Transaction`] and the repositories,
//! then run the suite: [`crate::conformance`]. What must hold:
//!
//! - **Snapshots are consistent**: all reads of one [`Snapshot`] see one state.
//! - **Transactions are atomic and durable**: after `commit` answers, a crash
//!   loses nothing (I1); before, nothing shows.
//! - **Locks are real**: a `lock_*` method returns rows that no other
//!   transaction changes or locks until this one ends, as they are *after* the
//!   lock was got, and later reads of the transaction see what was committed
//!   before they were made, not an older snapshot.
//! - **Positions are dense and commit-ordered** (I3); see
//!   [`Transaction::commit`].
//!
//! A transaction that is dropped rolls back.

mod batch;
mod board;
mod conversations;
mod credentials;
mod error;
mod events;
mod friendships;
mod messages;
mod migration;
mod sessions;
mod users;

pub use batch::{BatchKeys, BatchRows, BatchState, LaneThread, direct_pairs};
pub use board::{Heads, NodeHead, NodeState, Note, Post, SignalBoard, Standing};
pub use conversations::{AudienceMember, ConversationQueries, ConversationRepository, ConversationStream};
pub use credentials::{CredentialQueries, CredentialRepository};
pub use error::{StoreError, UniqueKey};
pub use events::{EventQueries, LogIdentity};
pub use friendships::{Direction, Friend, FriendRequest, FriendshipQueries, FriendshipRepository, PresenceContact};
pub use messages::{MessageQueries, MessageRepository, OwnMessages};
pub use migration::{MigrationError, MigrationState, MigrationStatus, Migrator};
pub use sessions::{SessionQueries, SessionRepository};
pub use users::{UserQueries, UserRepository};

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::conversation::Conversation;
use crate::event::{Event, NewEvent, Partition, Position};
use crate::friendship::{PairState, UserPair};
use crate::user::User;

/// The result of every store method.
pub type StoreResult<T> = std::result::Result<T, StoreError>;

/// A backend that keeps everything a messenger knows.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// One consistent state of everything, to read from: that of some instant
    /// between this call and the first read. Writers are not held up by it, nor
    /// it by them.
    async fn read(&self) -> StoreResult<Box<dyn Snapshot>>;

    /// The present, to read from: each answer may be of a state of its own, none
    /// of one older than this call, and what one says need not fit what another
    /// says. For who asks one thing; a store that needs no less for it than for
    /// [`read`](Self::read) leaves it out.
    async fn read_latest(&self) -> StoreResult<Box<dyn Snapshot>> {
        self.read().await
    }

    /// A unit of work. It may begin with its first statement. Locks are taken
    /// by the `lock_*` methods, in the order users by id, conversations by id,
    /// sessions by id, then the log's counters by `commit`; whoever keeps to it
    /// never deadlocks.
    async fn begin(&self) -> StoreResult<Box<dyn Transaction>>;

    /// What lanes run on. They begin their batches by
    /// [`begin_batch`](Self::begin_batch).
    fn lane_thread(&self) -> LaneThread {
        LaneThread::Shared
    }

    /// A unit of work for the batch of a lane. Where a lane has a thread of its
    /// own, whatever is asked of the unit of work may block. A store over another
    /// one passes both on, or none.
    async fn begin_batch(&self) -> StoreResult<Box<dyn Transaction>> {
        self.begin().await
    }

    /// The last position of every partition, by one statement on the primary:
    /// every node asks this many times a second.
    async fn poll_log(&self) -> StoreResult<BTreeMap<Partition, Position>> {
        self.read().await?.events().log_heads().await
    }

    /// The same with the heads of all nodes on the signal board, still by one
    /// statement.
    async fn poll(&self) -> StoreResult<Heads> {
        Ok(Heads { log: self.poll_log().await?, nodes: Vec::new() })
    }

    /// Where the nodes of this database tell each other who is online; `None`
    /// where there is never more than one node, which knows by itself.
    fn board(&self) -> Option<&dyn SignalBoard> {
        None
    }

    /// Removes events of a partition at positions below `floor`, and makes it
    /// the partition's floor. A floor below the present one changes nothing; a
    /// floor beyond the head is the head. All or nothing: callers raise the
    /// floor in steps.
    async fn purge_events(&self, _partition: Partition, _floor: Position) -> StoreResult<()> {
        Err(StoreError::Unsupported("the purge of events"))
    }

    /// The position of the latest event of a partition that happened before
    /// `before`; `None` when there is none.
    async fn find_position_before(&self, _partition: Partition, _before: Timestamp) -> StoreResult<Option<Position>> {
        Err(StoreError::Unsupported("the purge of events"))
    }

    /// Asks the backend for a sign of life, in one cheap round trip.
    async fn ping(&self) -> StoreResult<()>;
}

/// One consistent state of everything.
pub trait Snapshot: Send {
    /// Users.
    fn users(&mut self) -> &mut dyn UserQueries;
    /// Password hashes.
    fn credentials(&mut self) -> &mut dyn CredentialQueries;
    /// Sessions and their refresh tokens.
    fn sessions(&mut self) -> &mut dyn SessionQueries;
    /// Friend requests, friendships and blocks.
    fn friendships(&mut self) -> &mut dyn FriendshipQueries;
    /// Conversations and memberships.
    fn conversations(&mut self) -> &mut dyn ConversationQueries;
    /// Messages.
    fn messages(&mut self) -> &mut dyn MessageQueries;
    /// The event log.
    fn events(&mut self) -> &mut dyn EventQueries;
}

/// All that depends on what holds between two people, locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPair {
    /// Those of the two who exist.
    pub users: Vec<User>,
    /// Their direct conversation.
    pub direct: Option<Conversation>,
    /// What stands between them.
    pub state: PairState,
}

/// A unit of work: the same repositories, writable. Its reads see its own
/// writes. A store may put off what has no answer until something is read or it
/// commits, which then has the errors.
#[async_trait]
pub trait Transaction: Send {
    /// Users.
    fn users(&mut self) -> &mut dyn UserRepository;
    /// Password hashes.
    fn credentials(&mut self) -> &mut dyn CredentialRepository;
    /// Sessions and their refresh tokens.
    fn sessions(&mut self) -> &mut dyn SessionRepository;
    /// Friend requests, friendships and blocks.
    fn friendships(&mut self) -> &mut dyn FriendshipRepository;
    /// Conversations and memberships.
    fn conversations(&mut self) -> &mut dyn ConversationRepository;
    /// Messages.
    fn messages(&mut self) -> &mut dyn MessageRepository;
    /// The event log; it is written by [`Transaction::commit`] alone.
    fn events(&mut self) -> &mut dyn EventQueries;

    /// Locks the rows of both users, as
    /// [`lock_users`](UserRepository::lock_users) does, and then that of their
    /// direct conversation, if there is one; and then reads what stands between
    /// the two. A store that can do all of it in one round trip should.
    async fn lock_pair(&mut self, pair: UserPair) -> StoreResult<LockedPair> {
        let users = self.users().lock_users(&pair.both()).await?;
        let direct = match self.conversations().find_direct_conversation(pair).await? {
            Some(direct) => self.conversations().lock_conversations(&[direct.id]).await?.pop(),
            None => None,
        };
        let state = self.friendships().find_pairs(&[pair]).await?.pop();
        Ok(LockedPair { users, direct, state: state.unwrap_or(PairState::strangers(pair)) })
    }

    /// Locks the conversations of a batch, as
    /// [`lock_conversations`](ConversationRepository::lock_conversations) does,
    /// and then reads what else the batch depends on. A store that can do all
    /// of it in one round trip should.
    async fn read_batch(&mut self, keys: BatchKeys<'_>) -> StoreResult<BatchState> {
        batch::read_by_kinds(self, keys).await
    }

    /// Writes the rows of a batch:
    /// [`insert_messages`](MessageRepository::insert_messages),
    /// [`update_messages`](MessageRepository::update_messages),
    /// [`update_conversations`](ConversationRepository::update_conversations)
    /// and [`update_memberships`](ConversationRepository::update_memberships),
    /// with their errors. A store that can do all of it in one round trip should;
    /// it may put it off until `commit`, which then has those errors.
    async fn write_batch(&mut self, rows: BatchRows<'_>) -> StoreResult<()> {
        if !rows.sent.is_empty() {
            self.messages().insert_messages(rows.sent).await?;
        }
        if !rows.messages.is_empty() {
            self.messages().update_messages(rows.messages).await?;
        }
        if !rows.conversations.is_empty() {
            self.conversations().update_conversations(rows.conversations).await?;
        }
        if !rows.memberships.is_empty() {
            self.conversations().update_memberships(rows.memberships).await?;
        }
        Ok(())
    }

    /// Makes the changes and their events durable, as one (I2).
    ///
    /// ### To ensure correctness
    ///
    /// - The counters of [`Allotment::partitions`](crate::event::Allotment::partitions)
    ///   are locked in that order, as the last locks before COMMIT, and nothing
    ///   else is awaited between the first of them and COMMIT than the
    ///   statements that write the [`Allotment`](crate::event::Allotment).
    /// - All of the allotment is written: events, heads, and for each
    ///   conversation `last_position` and, where it says so, `joined_position`
    ///   of memberships in which it is still zero.
    /// - When the answer is `Ok`, the change is on disk (I1). When the
    ///   connection broke after COMMIT was sent, the answer is
    ///   [`StoreError::OutcomeUnknown`]; every other error means that nothing
    ///   was changed.
    ///
    /// `events` may be empty: logins and refreshed tokens show nowhere.
    async fn commit(self: Box<Self>, events: &[NewEvent]) -> StoreResult<Vec<Event>>;

    /// Undoes everything. Dropping the transaction does the same, later.
    async fn rollback(self: Box<Self>) -> StoreResult<()>;
}
