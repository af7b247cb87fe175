//! Opening, listing and changing conversations.

use crate::Messenger;
use crate::change::{Change, Reads};
use crate::clock::Timestamp;
use crate::conversation::{Conversation, ConversationKind, Group, Membership, Role, Title};
use crate::error::{InvalidValue, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::{PairState, UserPair};
use crate::id::{ConversationId, UserId};
use crate::message::{ClientId, PayloadHash, Seq};
use crate::page::{ListScope, Page, PageRequest};
use crate::service::friendships::{in_view, other_than};
use crate::service::views::{ConversationView, find_own, view, views};
use crate::store::{BatchKeys, LockedPair};
use crate::user::{DmPolicy, User};

/// How many members a group may be made with, besides its maker.
pub const MAX_INITIAL_MEMBERS: usize = 100;

/// A group to be made.
#[derive(Debug, Clone)]
pub struct NewGroup {
    /// What members will call it.
    pub title: Title,
    /// Who is in it besides its maker: the maker's friends, up to
    /// [`MAX_INITIAL_MEMBERS`]. Repeats and the maker are ignored.
    pub member_ids: Vec<UserId>,
    /// Makes a repeated creation the same creation.
    pub client_id: Option<ClientId>,
}

/// Whether a conversation was made or was there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It was made.
    Created(ConversationView),
    /// It was there.
    Existing(ConversationView),
}

impl Opened {
    /// The conversation, made or found.
    pub fn into_view(self) -> ConversationView {
        match self {
            Self::Created(view) | Self::Existing(view) => view,
        }
    }
}

/// Changes to a conversation; `None` leaves a value as it is.
#[derive(Debug, Clone, Default)]
pub struct ConversationChanges {
    /// What members call the group.
    pub title: Option<Title>,
}

impl Messenger {
    /// The direct conversation with a user, made when there is none yet.
    ///
    /// # Errors
    ///
    /// [`Refusal::UserNotFound`]; [`Refusal::NotFriends`] when there is none
    /// yet and the user accepts no direct messages from the viewer; invalid
    /// `user_id` for oneself.
    pub async fn open_direct_conversation(&self, viewer: UserId, other: UserId) -> Result<Opened> {
        let pair = other_than(viewer, other, "user_id")?;
        self.transact(|mut change| async move {
            let LockedPair { state, users, direct } = change.lock_pair(pair).await?;
            if let Some(direct) = direct {
                let (conversation, membership) = find_own(&mut change, direct.id, viewer).await?;
                let view = view(&mut change, viewer, conversation, membership).await?;
                return change.done(Opened::Existing(view));
            }
            let (_, peer) = in_view(users, viewer)?;
            check_direct(&state, &peer)?;
            let conversation = new_conversation(&change, ConversationKind::Direct(pair), 2);
            let members = pair.both().map(|user| Membership::joining(&conversation, user, Role::Member, change.now()));
            let view = insert(&mut change, viewer, conversation, &members).await?;
            change.done(Opened::Created(view))
        })
        .await
    }

    /// Makes a group whose owner is the viewer.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFriends`] with every id that is not a friend of the
    /// viewer, unknown and blocked ones alike; [`Refusal::ClientIdReused`];
    /// invalid `member_ids` when there are too many.
    pub async fn create_group(&self, viewer: UserId, new: NewGroup) -> Result<Opened> {
        let mut member_ids = new.member_ids;
        member_ids.sort_unstable();
        member_ids.dedup();
        member_ids.retain(|id| *id != viewer);
        if member_ids.len() > MAX_INITIAL_MEMBERS {
            let message = format!("must have at most {MAX_INITIAL_MEMBERS} users");
            return Err(InvalidValue::new(message).at("member_ids").into());
        }
        let creation = new.client_id.map(|client_id| (client_id, creation_hash(&new.title, &member_ids)));
        let (title, member_ids, creation) = (&new.title, &member_ids, &creation);
        self.transact(|mut change| async move {
            let mut involved = vec![viewer];
            involved.extend(member_ids);
            let users = change.users().lock_users(&involved).await?;
            if !users.iter().any(|user| user.id == viewer) {
                return Err(Refusal::UserNotFound.into());
            }
            if let Some((client_id, hash)) = creation
                && let Some(group) = change.conversations().find_group_by_client_id(viewer, client_id).await?
            {
                let view = existing_group(&mut change, viewer, group, hash).await?;
                return change.done(Opened::Existing(view));
            }
            check_friends(&mut change, viewer, member_ids).await?;
            let group = Group { title: title.clone(), created_by: viewer, creation: creation.clone() };
            let members_count = i64::try_from(involved.len()).unwrap_or(i64::MAX);
            let conversation = new_conversation(&change, ConversationKind::Group(group), members_count);
            let members: Vec<_> = involved
                .iter()
                .map(|user| {
                    let role = if *user == viewer { Role::Owner } else { Role::Member };
                    Membership::joining(&conversation, *user, role, change.now())
                })
                .collect();
            let view = insert(&mut change, viewer, conversation, &members).await?;
            change.done(Opened::Created(view))
        })
        .await
    }

    /// A conversation of the viewer's.
    pub async fn conversation(&self, viewer: UserId, id: ConversationId) -> Result<ConversationView> {
        let mut snapshot = self.read().await?;
        let (conversation, membership) = find_own(&mut snapshot, id, viewer).await?;
        view(&mut snapshot, viewer, conversation, membership).await
    }

    /// The viewer's conversations, latest activity first.
    pub async fn list_conversations(&self, viewer: UserId, page: PageRequest) -> Result<Page<ConversationView>> {
        own_conversations(&mut self.read().await?, viewer, &page).await
    }

    /// Changes a group; owner and admins may.
    pub async fn update_conversation(
        &self,
        viewer: UserId,
        id: ConversationId,
        changes: ConversationChanges,
    ) -> Result<ConversationView> {
        let changes = &changes;
        self.transact(|mut change| async move {
            let (mut conversation, membership) = lock_own(&mut change, id, viewer).await?;
            let ConversationKind::Group(group) = &mut conversation.kind else {
                return Err(Refusal::NotAGroup.into());
            };
            if !membership.role.may_manage() {
                return Err(Refusal::NotAllowed.into());
            }
            if let Some(title) = &changes.title
                && *title != group.title
            {
                group.title = title.clone();
                touch(&mut conversation, &change);
                change.conversations().update_conversations(std::slice::from_ref(&conversation)).await?;
                change.record(viewer, Audience::Conversation(id), Fact::ConversationUpdated { conversation_id: id });
            }
            let view = view(&mut change, viewer, conversation, membership).await?;
            change.done(view)
        })
        .await
    }
}

pub(crate) async fn own_conversations(
    reads: &mut dyn Reads,
    viewer: UserId,
    page: &PageRequest,
) -> Result<Page<ConversationView>> {
    let scope = ListScope::new("conversations", &[viewer.as_uuid().as_bytes()]);
    let rows = reads.conversations().list_conversations(viewer, scope.slice(page)?).await?;
    let page = scope.page(rows, |own| own);
    let items = views(reads, viewer, page.items).await?;
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// Locks a conversation, then reads it and the viewer's place in it.
pub(crate) async fn lock_own(
    change: &mut Change,
    id: ConversationId,
    viewer: UserId,
) -> Result<(Conversation, Membership)> {
    let keys = BatchKeys { places: &[(id, viewer)], ..BatchKeys::NOTHING };
    let mut found = change.read_batch(keys).await?;
    let own = found.conversations.pop().zip(found.memberships.pop());
    Ok(own.ok_or(Refusal::ConversationNotFound)?)
}

/// Notes that something happened now; a clock that stepped back moves nothing
/// down in the list of conversations.
pub(crate) fn touch(conversation: &mut Conversation, change: &Change) {
    touch_at(conversation, change.now());
}

/// [`touch`] at a given instant.
pub(crate) fn touch_at(conversation: &mut Conversation, now: Timestamp) {
    conversation.updated_at = conversation.updated_at.max(now);
}

/// Whether `peer` accepts direct messages from the other of the pair.
pub(crate) fn check_direct(state: &PairState, peer: &User) -> Result<(), Refusal> {
    let open_to_all = peer.dm_policy == DmPolicy::Everyone && !state.is_blocked_either_way();
    if open_to_all || state.friends_since().is_some() { Ok(()) } else { Err(Refusal::NotFriends(vec![peer.id])) }
}

/// Refuses, all at once, whoever is not a friend of the viewer. The caller
/// holds the locks of all.
pub(crate) async fn check_friends(change: &mut Change, viewer: UserId, others: &[UserId]) -> Result<()> {
    let pairs: Vec<_> = others.iter().filter_map(|other| UserPair::try_new(viewer, *other)).collect();
    if pairs.is_empty() {
        return Ok(());
    }
    let states = change.friendships().find_pairs(&pairs).await?;
    let strangers: Vec<_> =
        states.iter().filter(|state| state.friends_since().is_none()).map(|state| state.pair.other(viewer)).collect();
    if strangers.is_empty() { Ok(()) } else { Err(Refusal::NotFriends(strangers).into()) }
}

fn new_conversation(change: &Change, kind: ConversationKind, members_count: i64) -> Conversation {
    Conversation {
        id: ConversationId::from_uuid(change.new_uuid()),
        kind,
        members_count,
        last_seq: Seq::ZERO,
        created_at: change.now(),
        updated_at: change.now(),
    }
}

async fn insert(
    change: &mut Change,
    viewer: UserId,
    conversation: Conversation,
    members: &[Membership],
) -> Result<ConversationView> {
    let id = conversation.id;
    change.conversations().insert_conversation(&conversation).await?;
    change.conversations().insert_memberships(members).await?;
    change.record(viewer, Audience::Conversation(id), Fact::ConversationCreated { conversation_id: id });
    let own = members.iter().find(|membership| membership.user_id == viewer).cloned();
    view(change, viewer, conversation, own.ok_or(Refusal::ConversationNotFound)?).await
}

/// The group that an earlier creation of the same client id made; to a maker
/// who has left it, it is as if it did not exist.
async fn existing_group(
    change: &mut Change,
    viewer: UserId,
    conversation: Conversation,
    hash: &PayloadHash,
) -> Result<ConversationView> {
    let (conversation, membership) = lock_own(change, conversation.id, viewer).await?;
    let ConversationKind::Group(Group { creation: Some((_, first)), .. }) = &conversation.kind else {
        return Err(Refusal::ConversationNotFound.into());
    };
    if first != hash {
        return Err(Refusal::ClientIdReused.into());
    }
    view(change, viewer, conversation, membership).await
}

fn creation_hash(title: &Title, member_ids: &[UserId]) -> PayloadHash {
    let uuids: Vec<_> = member_ids.iter().map(|id| id.as_uuid()).collect();
    let ids = uuids.iter().map(|uuid| uuid.as_bytes().as_slice());
    PayloadHash::of(std::iter::once(title.as_str().as_bytes()).chain(ids))
}
