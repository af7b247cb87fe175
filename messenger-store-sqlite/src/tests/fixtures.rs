//! A store in a directory of its own, and values to put into it.

use std::path::PathBuf;

use super::{SqliteOptions, SqliteStore};
use messenger_core::clock::Timestamp;
use messenger_core::conversation::{Conversation, ConversationKind, Group, Membership, Role, Title};
use messenger_core::event::{Audience, Fact, NewEvent};
use messenger_core::friendship::UserPair;
use messenger_core::id::{ConversationId, MessageId, SessionId, UserId};
use messenger_core::message::{ClientId, Message, MessageBody, PayloadHash, SentMessage, Seq};
use messenger_core::session::{DeviceName, Session};
use messenger_core::store::{Store as _, Transaction};
use messenger_core::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, PresencePolicy, User, Username};
use tempfile::TempDir;
use uuid::Uuid;

/// A store that is gone, with its file, when this is dropped.
pub(crate) struct TestStore {
    pub(crate) store: SqliteStore,
    pub(crate) directory: TempDir,
}

impl TestStore {
    pub(crate) async fn open() -> Self {
        Self::open_with(SqliteOptions::new).await
    }

    /// A store with the options that `options` makes of its path.
    pub(crate) async fn open_with(options: impl FnOnce(PathBuf) -> SqliteOptions) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let store = SqliteStore::open_with(options(directory.path().join("messenger.db"))).await.expect("opens");
        Self { store, directory }
    }

    /// Closes the store and answers its directory.
    pub(crate) fn into_directory(self) -> TempDir {
        self.directory
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.directory.path().join("messenger.db")
    }

    pub(crate) async fn begin(&self) -> Box<dyn Transaction> {
        self.store.begin().await.expect("begins")
    }

    /// Stores users 1 to `count`.
    pub(crate) async fn with_users(self, count: u128) -> Self {
        let mut tx = self.begin().await;
        for n in 1..=count {
            tx.users().insert_user(&user(n)).await.expect("inserts");
        }
        tx.commit(&[]).await.expect("commits");
        self
    }

    /// What a new snapshot finds of these users.
    pub(crate) async fn find_users(&self, ids: &[UserId]) -> Vec<User> {
        let mut snapshot = self.store.read().await.expect("reads");
        snapshot.users().find_users(ids).await.expect("reads")
    }
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn user_id(n: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn pair(one: u128, other: u128) -> UserPair {
    UserPair::try_new(user_id(one), user_id(other)).expect("two users")
}

pub(crate) fn user(n: u128) -> User {
    User {
        id: user_id(n),
        username: Username::parse(&format!("user{n}")).expect("valid"),
        email: Some(Email::parse(&format!("user{n}@example.org")).expect("valid")),
        display_name: DisplayName::parse(&format!("User {n}")).expect("valid"),
        bio: Some(Bio::parse("two\nlines").expect("valid")),
        avatar_url: Some(AvatarUrl::parse(&format!("https://example.org/{n}.png")).expect("valid")),
        dm_policy: DmPolicy::Friends,
        presence_policy: PresencePolicy::Shared,
        findable_by_email: false,
        created_at: at(1),
        updated_at: at(2),
    }
}

pub(crate) fn session(n: u128, user: UserId) -> Session {
    Session {
        id: SessionId::from_uuid(Uuid::from_u128(n)),
        user_id: user,
        device_name: Some(DeviceName::parse("Phone").expect("valid")),
        created_at: at(10),
        refreshed_at: at(11),
        expires_at: at(1_000),
        spent_generation: 0,
    }
}

pub(crate) fn conversation_id(n: u128) -> ConversationId {
    ConversationId::from_uuid(Uuid::from_u128(n))
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("valid")
}

pub(crate) fn hash(text: &str) -> PayloadHash {
    PayloadHash::of([text.as_bytes()])
}

pub(crate) fn group(n: u128, created_by: UserId) -> Conversation {
    let creation = Some((client_id(&format!("group {n}")), hash("group")));
    let title = Title::parse("Crew").expect("valid");
    Conversation {
        id: conversation_id(n),
        kind: ConversationKind::Group(Group { title, created_by, creation }),
        members_count: 1,
        last_seq: Seq::ZERO,
        created_at: at(20),
        updated_at: at(20),
    }
}

pub(crate) fn direct(n: u128, pair: UserPair) -> Conversation {
    Conversation { kind: ConversationKind::Direct(pair), members_count: 2, ..group(n, pair.low()) }
}

pub(crate) fn membership(conversation: &Conversation, user: UserId, role: Role) -> Membership {
    Membership::joining(conversation, user, role, at(30))
}

pub(crate) fn message(n: u128, conversation: ConversationId, seq: i64, sender: UserId) -> SentMessage {
    let message = Message {
        id: MessageId::from_uuid(Uuid::from_u128(n)),
        conversation_id: conversation,
        seq: Seq::from_stored(seq),
        sender_id: sender,
        body: Some(MessageBody::parse("hello \0 world").expect("valid")),
        client_id: Some(client_id(&format!("message {n}"))),
        reply_to: None,
        created_at: at(100 + seq),
        edited_at: None,
        deleted_at: None,
    };
    SentMessage { message, payload_hash: hash("message") }
}

pub(crate) fn event(audience: Audience, fact: Fact) -> NewEvent {
    NewEvent { audience, fact, at: at(40), actor_id: user_id(1), tag: u32::MAX }
}
