//! Random histories of many at once: the log adds up to the state.

use std::collections::{BTreeMap, BTreeSet};

use super::failure::Outcome;
use super::history_of::{Cast, act};
use super::people::page_of;
use super::race::at_once;
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::error::Result;
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, MessageId, UserId};
use crate::store::Direction;

pub(super) const CASES: &[Case] = own_database!("many_histories":
    the_log_of_many_at_once_adds_up_to_the_state,
);

const TASKS: usize = 8;
const STEPS: usize = 60;

/// What a reader of the log knows, who was there from the beginning.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    friends: BTreeSet<(UserId, UserId)>,
    outgoing: BTreeSet<(UserId, UserId)>,
    incoming: BTreeSet<(UserId, UserId)>,
    blocks: BTreeSet<(UserId, UserId)>,
}

impl Told {
    fn fold(log: impl IntoIterator<Item = (Audience, Fact)>) -> Self {
        let mut told = Self::default();
        for (audience, fact) in log {
            let Audience::User(user) = audience else { continue };
            match fact {
                Fact::FriendshipStarted { user_id } => assert!(told.friends.insert((user, user_id))),
                Fact::FriendshipEnded { user_id } => assert!(told.friends.remove(&(user, user_id))),
                Fact::BlockAdded { user_id } => assert!(told.blocks.insert((user, user_id))),
                Fact::BlockRemoved { user_id } => assert!(told.blocks.remove(&(user, user_id))),
                Fact::FriendRequestSent { requester_id, addressee_id } => {
                    assert!(told.outgoing.insert((requester_id, addressee_id)));
                }
                Fact::FriendRequestReceived { requester_id, addressee_id } => {
                    assert!(told.incoming.insert((requester_id, addressee_id)));
                }
                Fact::FriendRequestClosed { requester_id, addressee_id } => {
                    let side = if user == requester_id { &mut told.outgoing } else { &mut told.incoming };
                    assert!(side.remove(&(requester_id, addressee_id)));
                }
                _ => {}
            }
        }
        told
    }

    async fn read(w: &World, cast: &Cast) -> Result<Self> {
        let mut told = Self::default();
        for &user in cast.users() {
            let friends = w.messenger.list_friends(user, None, page_of(100, None)).await?.items;
            told.friends.extend(friends.into_iter().map(|friend| (user, friend.user.id)));
            let blocks = w.messenger.list_blocks(user, page_of(100, None)).await?.items;
            told.blocks.extend(blocks.into_iter().map(|block| (user, block.user.id)));
            for direction in [Direction::Outgoing, Direction::Incoming] {
                let requests = w.messenger.list_friend_requests(user, direction, page_of(100, None)).await?.items;
                let side = if direction == Direction::Outgoing { &mut told.outgoing } else { &mut told.incoming };
                side.extend(requests.into_iter().map(|request| (request.requester.id, request.addressee.id)));
            }
        }
        Ok(told)
    }
}

async fn the_log_of_many_at_once_adds_up_to_the_state(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let cast = Cast::assemble(&here, &["ada", "bob", "cleo", "dan", "eve"]).await?;
    let tasks = (0..TASKS).map(|index| {
        let (w, cast) = (if index % 2 == 0 { here.clone() } else { there.clone() }, cast.clone());
        async move {
            for _ in 0..STEPS {
                act(&w, &cast).await;
            }
        }
    });
    at_once(tasks).await;
    here.assert_log_is_dense().await?;
    let log: Vec<_> = here.log().await?.iter().map(|event| (event.event.audience, event.event.fact)).collect();
    assert_eq!(Told::fold(log.clone()), Told::read(&there, &cast).await?);
    assert_members_add_up(&here, &cast, &log).await?;
    assert_messages_add_up(&here, &cast, &log).await
}

/// Who is a member was there from the beginning or was added, and was not
/// removed since; the last word on each is what holds.
async fn assert_members_add_up(w: &World, cast: &Cast, log: &[(Audience, Fact)]) -> Outcome {
    let mut last_word: BTreeMap<(ConversationId, UserId), bool> = BTreeMap::new();
    for (audience, fact) in log {
        let Audience::Conversation(_) = audience else { continue };
        match *fact {
            Fact::MemberAdded { conversation_id, user_id } => {
                last_word.insert((conversation_id, user_id), true);
            }
            Fact::MemberRemoved { conversation_id, user_id } => {
                last_word.insert((conversation_id, user_id), false);
            }
            _ => {}
        }
    }
    let keys: Vec<_> = last_word.keys().copied().collect();
    let mut snapshot = w.read().await?;
    let members = snapshot.conversations().find_memberships(&keys).await?;
    let members: BTreeSet<_> = members.into_iter().map(|member| (member.conversation_id, member.user_id)).collect();
    let ids: Vec<_> = keys.iter().map(|(id, _)| *id).collect();
    let living: BTreeSet<_> =
        snapshot.conversations().find_conversations(&ids).await?.into_iter().map(|found| found.id).collect();
    for (key, is_member) in last_word {
        let expected = is_member && living.contains(&key.0);
        assert_eq!(members.contains(&key), expected, "{key:?} of {:?}", cast.users());
    }
    Ok(())
}

/// Every message was told once, in the order of its number; every tombstone
/// was told once.
async fn assert_messages_add_up(w: &World, cast: &Cast, log: &[(Audience, Fact)]) -> Outcome {
    let mut sent: BTreeMap<ConversationId, Vec<MessageId>> = BTreeMap::new();
    let mut deleted: Vec<MessageId> = vec![];
    for (_, fact) in log {
        match *fact {
            Fact::MessageSent { conversation_id, message_id } => {
                sent.entry(conversation_id).or_default().push(message_id);
            }
            Fact::MessageDeleted { message_id, .. } => deleted.push(message_id),
            _ => {}
        }
    }
    let places: BTreeSet<_> = {
        let mut places = BTreeSet::new();
        for &user in cast.users() {
            let page = w.messenger.list_conversations(user, page_of(100, None)).await?;
            assert_eq!(page.next_cursor, None);
            places.extend(page.items.into_iter().map(|view| view.conversation.id));
        }
        places
    };
    for place in places {
        let transcript = w.transcript(place).await?;
        let ids: Vec<_> = transcript.iter().map(|message| message.id).collect();
        assert_eq!(ids, sent.remove(&place).unwrap_or_default());
        for message in transcript {
            let count = deleted.iter().filter(|id| **id == message.id).count();
            assert_eq!(count, usize::from(message.deleted_at.is_some()));
        }
    }
    Ok(())
}
