//! This node among others: what it tells them, and what they tell it, over the
//! store's signal board.

use std::collections::{BTreeMap, HashMap, VecDeque};

use tokio::time::Instant;

use super::online::Online;
use super::options::PresenceOptions;
use crate::error::Result;
use crate::id::{ConversationId, NodeId, UserId};
use crate::store::{NodeHead, NodeState, Note, Post, SignalBoard, Standing};

/// How much typing waits to be put up. Above it, signals are dropped.
const MOST_TYPING: usize = 1_000;

/// How many notes one step reads.
const BATCH: u32 = 1_000;

/// This node's place on the board, and its view of the others'.
pub(super) struct Peers {
    options: PresenceOptions,
    own: Option<Own>,
    /// The node that this one was before it had to join again.
    former: Option<NodeId>,
    /// How far each other node's notes were read.
    read: HashMap<NodeId, i64>,
    /// The nodes as they were last seen.
    heads: Vec<NodeHead>,
    online: BTreeMap<UserId, Note>,
    typing: Vec<Note>,
}

struct Own {
    node: NodeId,
    head: i64,
    /// When which notes were put up that are still there.
    posted: VecDeque<(Instant, i64)>,
    next_post: Instant,
    next_beat: Instant,
}

impl Peers {
    pub(super) fn new(options: PresenceOptions) -> Self {
        Self {
            options,
            own: None,
            former: None,
            read: HashMap::new(),
            heads: Vec::new(),
            online: BTreeMap::new(),
            typing: Vec::new(),
        }
    }

    /// To be told with the next post: of a user the last counts.
    pub(super) fn tell_online(&mut self, user: UserId) {
        self.online.insert(user, Note::Online(user));
    }

    /// To be told with the next post: of a user the last counts.
    pub(super) fn tell_offline(&mut self, user: UserId) {
        self.online.insert(user, Note::Offline(user));
    }

    /// To be told with the next post, where there is room.
    pub(super) fn tell_typing(&mut self, typing: &[(UserId, ConversationId)]) {
        let room = MOST_TYPING.saturating_sub(self.typing.len());
        self.typing.extend(typing.iter().take(room).map(|(user, conversation)| Note::Typing(*user, *conversation)));
    }

    /// The nodes as a poll has seen them.
    pub(super) fn seen(&mut self, heads: Vec<NodeHead>) {
        self.heads = heads;
    }

    /// When [`Peers::post`] has something to do.
    pub(super) fn next_post(&self) -> Option<Instant> {
        let own = self.own.as_ref()?;
        let waiting = !self.online.is_empty() || !self.typing.is_empty();
        Some(if waiting { own.next_post.min(own.next_beat) } else { own.next_beat })
    }

    /// Puts up what there is to tell, or a sign of life, when it is time; joins
    /// when this node is not on the board.
    pub(super) async fn post(&mut self, board: &dyn SignalBoard, online: &Online, new: NodeId) -> Result<()> {
        let now = Instant::now();
        let Some(own) = &mut self.own else { return self.join(board, online, new, now).await };
        let lifetime = self.options.lifetime;
        let waiting = !self.online.is_empty() || !self.typing.is_empty();
        let standing = if waiting && now >= own.next_post {
            let notes: Vec<_> = std::mem::take(&mut self.online).into_values().chain(self.typing.drain(..)).collect();
            let forget_below = own.forget_below(now, self.options);
            let post = Post { node_id: own.node, first: own.head + 1, notes: &notes, forget_below, lifetime };
            own.head += i64::try_from(notes.len()).unwrap_or(0);
            own.posted.push_back((now, own.head));
            board.post(post).await
        } else if now >= own.next_beat {
            board.beat(own.node, lifetime).await
        } else {
            return Ok(());
        };
        own.next_post = now + self.options.post;
        own.next_beat = now + self.options.beat;
        match standing {
            Ok(Standing::Present) => Ok(()),
            // Taken for dead, or nobody knows what became of the notes: it joins
            // as another node, with all that holds then.
            Ok(Standing::Removed) => {
                self.step_down();
                self.join(board, online, new, now).await
            }
            Err(error) => {
                self.step_down();
                Err(error.into())
            }
        }
    }

    fn step_down(&mut self) {
        self.former = self.own.take().map(|own| own.node).or(self.former);
    }

    async fn join(&mut self, board: &dyn SignalBoard, online: &Online, node: NodeId, now: Instant) -> Result<()> {
        // All that holds is told by joining.
        self.online.clear();
        board.join(node, self.former, &online.here(), self.options.lifetime).await?;
        self.former = None;
        let (next_post, next_beat) = (now + self.options.post, now + self.options.beat);
        self.own = Some(Own { node, head: 0, posted: VecDeque::new(), next_post, next_beat });
        Ok(())
    }

    /// Reads what other nodes have told since the last time; answers who types.
    pub(super) async fn read(
        &mut self,
        board: &dyn SignalBoard,
        online: &mut Online,
    ) -> Result<Vec<(UserId, ConversationId)>> {
        let now = Instant::now();
        let mut typing = Vec::new();
        let left = self.read.keys().filter(|node| !self.heads.iter().any(|head| head.node_id == **node)).copied();
        let left: Vec<_> = left.collect();
        for node in left {
            self.read.remove(&node);
            online.left(node, now, self.options.grace);
        }
        let mut expired = false;
        for head in self.heads.clone() {
            if self.own.as_ref().is_some_and(|own| own.node == head.node_id) {
                continue;
            }
            match (head.state, self.read.get(&head.node_id).copied()) {
                (NodeState::Expired, _) => {
                    self.read.remove(&head.node_id);
                    online.died(head.node_id);
                    expired = true;
                }
                (NodeState::Alive, Some(read)) if read >= head.head => {}
                (NodeState::Alive, Some(read)) => {
                    self.read_notes(board, online, head, read, &mut typing).await?;
                }
                (NodeState::Alive, None) => self.read_all(board, online, head.node_id).await?,
            }
        }
        if expired {
            board.remove_expired().await?;
            self.heads.retain(|head| head.state == NodeState::Alive);
        }
        Ok(typing)
    }

    /// Notes are dense: where one is missing, they were removed before they
    /// were read, and what holds is read anew.
    async fn read_notes(
        &mut self,
        board: &dyn SignalBoard,
        online: &mut Online,
        head: NodeHead,
        mut read: i64,
        typing: &mut Vec<(UserId, ConversationId)>,
    ) -> Result<()> {
        while read < head.head {
            let notes = board.read_notes(head.node_id, read, BATCH).await?;
            if notes.first().is_none_or(|(number, _)| *number != read + 1) {
                return self.read_all(board, online, head.node_id).await;
            }
            for (number, note) in notes {
                read = number;
                match note {
                    Note::Online(user) => online.arrived(head.node_id, user),
                    Note::Offline(user) => online.departed(head.node_id, user),
                    Note::Typing(user, conversation) => typing.push((user, conversation)),
                }
            }
            self.read.insert(head.node_id, read);
        }
        Ok(())
    }

    async fn read_all(&mut self, board: &dyn SignalBoard, online: &mut Online, node: NodeId) -> Result<()> {
        // One that is gone by now shows as such in the next poll.
        if let Some((head, users)) = board.read_online(node).await? {
            online.replace(node, users);
            self.read.insert(node, head);
        }
        Ok(())
    }

    /// Takes this node off the board.
    pub(super) async fn leave(&mut self, board: &dyn SignalBoard) -> Result<()> {
        self.step_down();
        match self.former.take() {
            Some(node) => Ok(board.leave(node).await?),
            None => Ok(()),
        }
    }
}

impl Own {
    /// The number below which notes are so old that whoever has not read them
    /// by now reads everything anew.
    fn forget_below(&mut self, now: Instant, options: PresenceOptions) -> i64 {
        let mut below = 0;
        while let Some((posted, last)) = self.posted.front().copied()
            && now.saturating_duration_since(posted) > options.keep_notes
        {
            below = last + 1;
            self.posted.pop_front();
        }
        below
    }
}
