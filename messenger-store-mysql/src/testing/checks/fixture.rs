//! A database of its own for each check, and things to put into it.

use std::sync::atomic::{AtomicU32, Ordering};

use messenger_core::clock::Timestamp;
use messenger_core::conversation::{Conversation, ConversationKind, Group, Membership, Role, Title};
use messenger_core::event::{Audience, Fact, NewEvent};
use messenger_core::friendship::UserPair;
use messenger_core::id::{ConversationId, MessageId, UserId};
use messenger_core::message::{ClientId, Message, MessageBody, PayloadHash, SentMessage, Seq};
use messenger_core::user::{DisplayName, DmPolicy, PresencePolicy, User, Username};
use uuid::Uuid;

use crate::testing::{create_database, drop_database};
use crate::{MySqlOptions, MySqlStore, OnPending};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A database that is dropped by [`Fixture::drop_database`]. A check that
/// panics leaves it behind, for whoever looks into it.
pub(crate) struct Fixture {
    server_url: String,
    name: String,
    /// Of the database.
    pub(crate) url: String,
}

impl Fixture {
    /// An empty database.
    pub(crate) async fn empty(server_url: String) -> Self {
        let name = format!("messenger_dev_check_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        drop_database(&server_url, &name).await.expect("dropped");
        let url = create_database(&server_url, &name).await.expect("created");
        Self { server_url, name, url }
    }

    /// A migrated database and its store.
    pub(crate) async fn store(server_url: String) -> (Self, MySqlStore) {
        let fixture = Self::empty(server_url).await;
        let store = MySqlStore::connect_with(fixture.options()).await.expect("connected");
        (fixture, store)
    }

    /// Options that migrate.
    pub(crate) fn options(&self) -> MySqlOptions {
        MySqlOptions { on_pending: OnPending::Migrate, ..MySqlOptions::new(self.url.as_str()) }
    }

    /// Removes the database.
    pub(crate) async fn drop_database(self) {
        drop_database(&self.server_url, &self.name).await.expect("dropped");
    }
}

pub(crate) fn uuid(number: u128) -> Uuid {
    // The low byte leads, so that ids are not in the order of their numbers.
    Uuid::from_u128((number << 64) | number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn user(number: u128) -> User {
    User {
        id: UserId::from_uuid(uuid(number)),
        username: Username::parse(&format!("user{number}")).expect("valid"),
        email: None,
        display_name: DisplayName::parse(&format!("Größe {number} 🦀")).expect("valid"),
        bio: None,
        avatar_url: None,
        dm_policy: DmPolicy::Friends,
        presence_policy: PresencePolicy::Shared,
        findable_by_email: false,
        created_at: at(1),
        updated_at: at(1),
    }
}

pub(crate) fn pair(one: u128, other: u128) -> UserPair {
    UserPair::try_new(user(one).id, user(other).id).expect("different")
}

pub(crate) fn group(number: u128, creator: u128) -> Conversation {
    Conversation {
        id: ConversationId::from_uuid(uuid(number)),
        kind: ConversationKind::Group(Group {
            title: Title::parse(&format!("Group {number}")).expect("valid"),
            created_by: user(creator).id,
            creation: Some((client_id(&format!("make {number}")), PayloadHash::of([]))),
        }),
        members_count: 1,
        last_seq: Seq::ZERO,
        created_at: at(10),
        updated_at: at(10 + i64::try_from(number).expect("small")),
    }
}

pub(crate) fn direct(number: u128, pair: UserPair) -> Conversation {
    Conversation { kind: ConversationKind::Direct(pair), members_count: 2, ..group(number, 0) }
}

pub(crate) fn member(conversation: &Conversation, number: u128, role: Role) -> Membership {
    Membership::joining(conversation, user(number).id, role, at(i64::try_from(number).expect("small")))
}

pub(crate) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).expect("valid")
}

pub(crate) fn message(number: u128, conversation: &Conversation, seq: i64, sender: u128) -> SentMessage {
    SentMessage {
        message: Message {
            id: MessageId::from_uuid(uuid(number)),
            conversation_id: conversation.id,
            seq: Seq::from_stored(seq),
            sender_id: user(sender).id,
            body: Some(MessageBody::parse(&format!("say \u{0} {number} 🦀 ")).expect("valid")),
            client_id: Some(client_id(&format!("client {number}"))),
            reply_to: None,
            created_at: at(100 + i64::try_from(number).expect("small")),
            edited_at: None,
            deleted_at: None,
        },
        payload_hash: PayloadHash::of([number.to_be_bytes().as_slice()]),
    }
}

/// An event for one user.
pub(crate) fn user_event(number: u128) -> NewEvent {
    let user_id = user(number).id;
    NewEvent {
        audience: Audience::User(user_id),
        fact: Fact::UserUpdated { user_id },
        at: at(7),
        actor_id: user_id,
        tag: 0xffff_fffe,
    }
}

/// An event for a conversation's members.
pub(crate) fn conversation_event(conversation: &Conversation, fact: Fact) -> NewEvent {
    NewEvent { audience: Audience::Conversation(conversation.id), fact, at: at(8), actor_id: user(1).id, tag: 3 }
}
