//! What a batch knows: what its transaction read, changed by what was decided
//! since. Pure memory; rules read and change it as if it were the store.

use std::collections::{BTreeSet, HashMap};

use crate::clock::Timestamp;
use crate::conversation::{Conversation, Membership};
use crate::error::Refusal;
use crate::event::{Audience, Fact};
use crate::friendship::{PairState, UserPair};
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::{ClientId, Message, PayloadHash, SentMessage, Seq};
use crate::store::BatchState;
use crate::user::User;

/// A member of a conversation, by which memberships are found.
pub(crate) type Place = (ConversationId, UserId);

/// What the transaction of a batch has read under its locks.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) conversations: HashMap<ConversationId, Conversation>,
    pub(crate) memberships: HashMap<Place, Membership>,
    pub(crate) messages: HashMap<MessageId, Message>,
    /// What was sent under a client id; the message itself is in `messages`.
    pub(crate) sent: HashMap<(UserId, ConversationId, ClientId), (MessageId, PayloadHash)>,
    pub(crate) pairs: HashMap<UserPair, PairState>,
    pub(crate) users: HashMap<UserId, User>,
    /// How many own messages stand after a number; none where absent.
    pub(crate) sent_after: HashMap<(ConversationId, UserId, Seq), i64>,
}

impl Facts {
    /// What was read, by what it is looked up by.
    pub(crate) fn of(state: BatchState) -> Self {
        let BatchState { conversations, memberships, sent, messages, pairs, users } = state;
        let mut facts = Self {
            conversations: conversations.into_iter().map(|found| (found.id, found)).collect(),
            memberships: memberships.into_iter().map(|found| ((found.conversation_id, found.user_id), found)).collect(),
            messages: messages.into_iter().map(|message| (message.id, message)).collect(),
            pairs: pairs.into_iter().map(|state| (state.pair, state)).collect(),
            users: users.into_iter().map(|user| (user.id, user)).collect(),
            ..Self::default()
        };
        for SentMessage { message, payload_hash } in sent {
            facts.keep_sent(message, payload_hash);
        }
        facts
    }

    fn keep_sent(&mut self, message: Message, payload_hash: PayloadHash) {
        if let Some(client_id) = &message.client_id {
            let key = (message.sender_id, message.conversation_id, client_id.clone());
            self.sent.insert(key, (message.id, payload_hash));
        }
        self.messages.insert(message.id, message);
    }
}

/// The facts, and what became of them.
#[derive(Debug)]
pub(crate) struct Batch {
    now: Timestamp,
    facts: Facts,
    inserted: Vec<(MessageId, PayloadHash)>,
    /// The numbers of what each member has sent in this batch, ascending.
    own_seqs: HashMap<Place, Vec<Seq>>,
    updated_messages: BTreeSet<MessageId>,
    updated_conversations: BTreeSet<ConversationId>,
    updated_memberships: BTreeSet<Place>,
    events: Vec<Option<Recorded>>,
    /// Where in `events` a member's marker was last said to have moved.
    advances: HashMap<Place, usize>,
}

/// An event to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) actor: UserId,
    pub(crate) audience: Audience,
    pub(crate) fact: Fact,
}

/// What a batch has to write.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    pub(crate) inserted: Vec<SentMessage>,
    pub(crate) updated: Vec<Message>,
    pub(crate) conversations: Vec<Conversation>,
    pub(crate) memberships: Vec<Membership>,
    pub(crate) events: Vec<Recorded>,
}

impl Batch {
    pub(crate) fn new(now: Timestamp, facts: Facts) -> Self {
        Self {
            now,
            facts,
            inserted: Vec::new(),
            own_seqs: HashMap::new(),
            updated_messages: BTreeSet::new(),
            updated_conversations: BTreeSet::new(),
            updated_memberships: BTreeSet::new(),
            events: Vec::new(),
            advances: HashMap::new(),
        }
    }

    /// The instant of everything that this batch does.
    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    /// The conversation and the viewer's own place in it; to anyone else it is
    /// as if it did not exist.
    pub(crate) fn own(&self, id: ConversationId, viewer: UserId) -> Result<(&Conversation, &Membership), Refusal> {
        let conversation = self.facts.conversations.get(&id);
        let membership = self.facts.memberships.get(&(id, viewer));
        conversation.zip(membership).ok_or(Refusal::ConversationNotFound)
    }

    /// A message of this conversation; one of another is as if it did not
    /// exist.
    pub(crate) fn message(&self, conversation: ConversationId, id: MessageId) -> Result<&Message, Refusal> {
        let found = self.facts.messages.get(&id).filter(|message| message.conversation_id == conversation);
        found.ok_or(Refusal::MessageNotFound)
    }

    /// What was sent under this client id, as it is now, and the hash of what
    /// was first sent.
    pub(crate) fn find_sent(
        &self,
        sender: UserId,
        conversation: ConversationId,
        client_id: &ClientId,
    ) -> Option<(&Message, PayloadHash)> {
        let (id, hash) = self.facts.sent.get(&(sender, conversation, client_id.clone()))?;
        Some((self.facts.messages.get(id)?, *hash))
    }

    pub(crate) fn pair(&self, pair: UserPair) -> PairState {
        self.facts.pairs.get(&pair).copied().unwrap_or_else(|| PairState::strangers(pair))
    }

    pub(crate) fn user(&self, id: UserId) -> Result<&User, Refusal> {
        self.facts.users.get(&id).ok_or(Refusal::UserNotFound)
    }

    /// How many messages `sender` has sent after `seq`, tombstones included.
    pub(crate) fn count_sent_after(&self, conversation: ConversationId, sender: UserId, seq: Seq) -> i64 {
        let stored = self.facts.sent_after.get(&(conversation, sender, seq)).copied().unwrap_or(0);
        let own = self.own_seqs.get(&(conversation, sender)).map_or(&[][..], Vec::as_slice);
        let new = own.len() - own.partition_point(|own| *own <= seq);
        stored + i64::try_from(new).unwrap_or(i64::MAX)
    }

    /// Adds a message with its number.
    pub(crate) fn insert_message(&mut self, sent: SentMessage) {
        let SentMessage { message, payload_hash } = sent;
        let place = (message.conversation_id, message.sender_id);
        self.own_seqs.entry(place).or_default().push(message.seq);
        self.inserted.push((message.id, payload_hash));
        self.facts.keep_sent(message, payload_hash);
    }

    /// Replaces a message that the batch knows.
    pub(crate) fn update_message(&mut self, message: Message) {
        self.updated_messages.insert(message.id);
        self.facts.messages.insert(message.id, message);
    }

    /// The conversation, to be changed.
    pub(crate) fn change_conversation(&mut self, id: ConversationId) -> Result<&mut Conversation, Refusal> {
        let found = self.facts.conversations.get_mut(&id).ok_or(Refusal::ConversationNotFound)?;
        self.updated_conversations.insert(id);
        Ok(found)
    }

    /// The membership, to be changed.
    pub(crate) fn change_membership(&mut self, place: Place) -> Result<&mut Membership, Refusal> {
        let found = self.facts.memberships.get_mut(&place).ok_or(Refusal::ConversationNotFound)?;
        self.updated_memberships.insert(place);
        Ok(found)
    }

    /// Notes what `actor` did. Of a member's marker only the last move of a
    /// batch is told: events carry absolute state.
    pub(crate) fn record(&mut self, actor: UserId, audience: Audience, fact: Fact) {
        if let Fact::ReadAdvanced { conversation_id, user_id } = fact
            && let Some(earlier) = self.advances.insert((conversation_id, user_id), self.events.len())
        {
            self.events[earlier] = None;
        }
        self.events.push(Some(Recorded { actor, audience, fact }));
    }

    /// What is to be written, each row once, in the order of their keys but
    /// for what is new, which stays in the order in which it came.
    pub(crate) fn into_writes(mut self) -> Writes {
        let mut writes = Writes { events: self.events.into_iter().flatten().collect(), ..Writes::default() };
        for (id, payload_hash) in self.inserted {
            // As it is now, so that there is nothing left to update.
            let message = self.facts.messages.remove(&id);
            writes.inserted.extend(message.map(|message| SentMessage { message, payload_hash }));
        }
        writes.updated.extend(self.updated_messages.iter().filter_map(|id| self.facts.messages.remove(id)));
        let conversations = &mut self.facts.conversations;
        writes.conversations.extend(self.updated_conversations.iter().filter_map(|id| conversations.remove(id)));
        let memberships = &mut self.facts.memberships;
        writes.memberships.extend(self.updated_memberships.iter().filter_map(|place| memberships.remove(place)));
        writes
    }
}

impl Writes {
    /// Whether there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { inserted, updated, conversations, memberships, events } = self;
        inserted.is_empty()
            && updated.is_empty()
            && conversations.is_empty()
            && memberships.is_empty()
            && events.is_empty()
    }
}
