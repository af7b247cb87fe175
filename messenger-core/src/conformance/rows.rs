//! Rows put straight into a store, past the rules.

use uuid::Uuid;

use super::world::World;
use crate::clock::Clock as _;
use crate::conversation::{Conversation, ConversationKind, Group, Membership, Role, Title};
use crate::event::{Audience, Fact, NewEvent};
use crate::friendship::UserPair;
use crate::id::{ConversationId, IdGenerator as _, MessageId, UserId};
use crate::message::{ClientId, Message, MessageBody, PayloadHash, SentMessage, Seq};
use crate::page::{Rows, Slice};
use crate::store::{StoreError, StoreResult, UniqueKey};
use crate::user::{DisplayName, DmPolicy, PresencePolicy, User, Username};

/// The first part of a list.
pub(super) fn first<K>(limit: u32) -> Slice<K> {
    Slice { after: None, limit }
}

/// The part of a list after a key.
pub(super) fn after<K>(key: K, limit: u32) -> Slice<K> {
    Slice { after: Some(key), limit }
}

/// Every item of a list, read in pages of `limit`. Each page but the last must
/// be full, and a last one must not be empty unless the list is.
pub(super) async fn walk<T, K>(
    limit: u32,
    mut read: impl AsyncFnMut(Slice<K>) -> StoreResult<Rows<T, K>>,
) -> StoreResult<Vec<T>> {
    let mut all = vec![];
    let mut slice = first(limit);
    loop {
        let page = read(slice).await?;
        let Some(key) = page.next else {
            let whole = page.items.len() <= limit as usize && (all.is_empty() || !page.items.is_empty());
            assert!(whole, "a last page of {} with a limit of {limit}", page.items.len());
            all.extend(page.items);
            return Ok(all);
        };
        assert_eq!(page.items.len(), limit as usize, "a page with a next one is full");
        all.extend(page.items);
        assert!(all.len() < 1_000, "the list does not end");
        slice = after(key, limit);
    }
}

/// Which key was broken.
#[track_caller]
pub(super) fn unique<T: std::fmt::Debug>(result: StoreResult<T>) -> UniqueKey {
    match result {
        Err(StoreError::Unique(key)) => key,
        other => panic!("a unique key was to be broken, but: {other:?}"),
    }
}

pub(super) fn pair(one: &User, other: &User) -> UserPair {
    UserPair::try_new(one.id, other.id).expect("two different users")
}

pub(super) fn body(text: &str) -> MessageBody {
    MessageBody::parse(text).expect("a body")
}

pub(super) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("a client id")
}

pub(super) fn title(text: &str) -> Title {
    Title::parse(text).expect("a title")
}

pub(super) fn seq(seq: i64) -> Seq {
    Seq::parse(seq).expect("a seq")
}

impl World {
    pub(super) fn uuid(&self) -> Uuid {
        self.ids.new_uuid(self.clock.now())
    }

    /// A user who is not stored yet.
    pub(super) fn new_user(&self, username: &str) -> User {
        let now = self.clock.now();
        User {
            id: UserId::from_uuid(self.uuid()),
            username: Username::parse(username).expect("a username"),
            email: None,
            display_name: DisplayName::parse(username).expect("a display name"),
            bio: None,
            avatar_url: None,
            dm_policy: DmPolicy::Friends,
            presence_policy: PresencePolicy::Shared,
            findable_by_email: false,
            created_at: now,
            updated_at: now,
        }
    }

    pub(super) async fn put_user(&self, username: &str) -> StoreResult<User> {
        let [user] = self.put_users([username]).await?;
        Ok(user)
    }

    pub(super) async fn put_users<const N: usize>(&self, usernames: [&str; N]) -> StoreResult<[User; N]> {
        let users = usernames.map(|username| self.new_user(username));
        self.put(&users).await?;
        Ok(users)
    }

    pub(super) async fn put(&self, users: impl IntoIterator<Item = &User>) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        for user in users {
            tx.users().insert_user(user).await?;
        }
        tx.commit(&[]).await.map(drop)
    }

    /// A group that is not stored yet, of no members.
    pub(super) fn new_group(&self, creator: &User) -> Conversation {
        let group = Group { title: title("Crew"), created_by: creator.id, creation: None };
        self.new_conversation(ConversationKind::Group(group))
    }

    /// A direct conversation that is not stored yet.
    pub(super) fn new_direct(&self, one: &User, other: &User) -> Conversation {
        Conversation { members_count: 2, ..self.new_conversation(ConversationKind::Direct(pair(one, other))) }
    }

    fn new_conversation(&self, kind: ConversationKind) -> Conversation {
        let now = self.clock.now();
        Conversation {
            id: ConversationId::from_uuid(self.uuid()),
            kind,
            members_count: 0,
            last_seq: Seq::ZERO,
            created_at: now,
            updated_at: now,
        }
    }

    /// A stored group; the first member owns it.
    pub(super) async fn put_group(&self, members: &[&User]) -> StoreResult<Conversation> {
        let count = i64::try_from(members.len()).expect("few members");
        let group = Conversation { members_count: count, ..self.new_group(members[0]) };
        self.put_conversation(&group, members).await?;
        Ok(group)
    }

    pub(super) async fn put_direct(&self, one: &User, other: &User) -> StoreResult<Conversation> {
        let direct = self.new_direct(one, other);
        self.put_conversation(&direct, &[one, other]).await?;
        Ok(direct)
    }

    /// Stores a conversation with its members and its first event.
    pub(super) async fn put_conversation(&self, conversation: &Conversation, members: &[&User]) -> StoreResult<()> {
        let now = self.clock.now();
        let memberships: Vec<_> = members
            .iter()
            .enumerate()
            .map(|(index, user)| {
                let role = if index == 0 && conversation.is_group() { Role::Owner } else { Role::Member };
                Membership::joining(conversation, user.id, role, now)
            })
            .collect();
        let mut tx = self.begin().await?;
        tx.conversations().insert_conversation(conversation).await?;
        tx.conversations().insert_memberships(&memberships).await?;
        tx.commit(&[self.created(conversation, members[0])]).await.map(drop)
    }

    /// A message that is not stored yet.
    pub(super) fn new_message(&self, place: &Conversation, number: i64, sender: &User, text: &str) -> SentMessage {
        SentMessage {
            message: Message {
                id: MessageId::from_uuid(self.uuid()),
                conversation_id: place.id,
                seq: seq(number),
                sender_id: sender.id,
                body: Some(body(text)),
                client_id: None,
                reply_to: None,
                created_at: self.clock.now(),
                edited_at: None,
                deleted_at: None,
            },
            payload_hash: PayloadHash::of([text.as_bytes()]),
        }
    }

    pub(super) async fn put_messages(&self, messages: &[SentMessage]) -> StoreResult<()> {
        self.change(async |tx| tx.messages().insert_messages(messages).await).await
    }

    /// Messages `1..=count` of a conversation, stored, one millisecond apart.
    pub(super) async fn put_history(
        &self,
        place: &Conversation,
        sender: &User,
        count: i64,
    ) -> StoreResult<Vec<Message>> {
        let new = |number| {
            self.clock.tick();
            self.new_message(place, number, sender, &format!("message {number}"))
        };
        let sent: Vec<_> = (1..=count).map(new).collect();
        self.put_messages(&sent).await?;
        Ok(sent.into_iter().map(|sent| sent.message).collect())
    }

    pub(super) fn event(&self, audience: Audience, fact: Fact, actor: &User) -> NewEvent {
        let tag = u32::try_from(self.ids.next_u64() >> 32).expect("32 bits");
        NewEvent { audience, fact, at: self.clock.now(), actor_id: actor.id, tag }
    }

    pub(super) fn created(&self, conversation: &Conversation, actor: &User) -> NewEvent {
        let fact = Fact::ConversationCreated { conversation_id: conversation.id };
        self.event(Audience::Conversation(conversation.id), fact, actor)
    }

    pub(super) fn joined(&self, conversation: &Conversation, user: &User) -> NewEvent {
        let fact = Fact::MemberAdded { conversation_id: conversation.id, user_id: user.id };
        self.event(Audience::Conversation(conversation.id), fact, user)
    }
}
