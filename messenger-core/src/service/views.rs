//! What a member sees of a conversation, put together from what stores keep.

use crate::change::Reads;
use crate::conversation::{Conversation, ConversationKind, Membership, Role};
use crate::error::{Refusal, Result};
use crate::id::{ConversationId, UserId};
use crate::message::{Message, Seq};
use crate::user::User;

/// A conversation as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationView {
    /// The conversation.
    pub conversation: Conversation,
    /// What the viewer may do in it.
    pub role: Role,
    /// How far the viewer has read.
    pub read_seq: Seq,
    /// How many messages of others the viewer has not read.
    pub unread_count: i64,
    /// The other one of a direct conversation.
    pub peer: Option<User>,
    /// The newest message.
    pub last_message: Option<Message>,
}

/// The conversation and the viewer's own place in it; to anyone else it is as
/// if it did not exist.
pub(crate) async fn find_own(
    reads: &mut dyn Reads,
    id: ConversationId,
    viewer: UserId,
) -> Result<(Conversation, Membership)> {
    Ok(reads.conversations().find_own_conversation(id, viewer).await?.ok_or(Refusal::ConversationNotFound)?)
}

/// Puts views together, in the order given, in two reads however many.
pub(crate) async fn views(
    reads: &mut dyn Reads,
    viewer: UserId,
    own: Vec<(Conversation, Membership)>,
) -> Result<Vec<ConversationView>> {
    let places: Vec<_> = own
        .iter()
        .filter(|(conversation, _)| conversation.last_seq > Seq::ZERO)
        .map(|(conversation, _)| (conversation.id, conversation.last_seq))
        .collect();
    let peer_ids: Vec<_> = own.iter().filter_map(|(conversation, _)| peer_of(conversation, viewer)).collect();
    let last_messages = if places.is_empty() { Vec::new() } else { reads.messages().find_messages_at(&places).await? };
    let peers = if peer_ids.is_empty() { Vec::new() } else { reads.users().find_users(&peer_ids).await? };
    let view = |(conversation, membership): (Conversation, Membership)| {
        let peer_id = peer_of(&conversation, viewer);
        ConversationView {
            role: membership.role,
            read_seq: membership.read_seq,
            unread_count: membership.unread_count(conversation.last_seq),
            peer: peers.iter().find(|user| Some(user.id) == peer_id).cloned(),
            last_message: last_messages.iter().find(|message| message.conversation_id == conversation.id).cloned(),
            conversation,
        }
    };
    Ok(own.into_iter().map(view).collect())
}

/// The view of one conversation.
pub(crate) async fn view(
    reads: &mut dyn Reads,
    viewer: UserId,
    conversation: Conversation,
    membership: Membership,
) -> Result<ConversationView> {
    let views = views(reads, viewer, vec![(conversation, membership)]).await?;
    Ok(views.into_iter().next().ok_or(Refusal::ConversationNotFound)?)
}

fn peer_of(conversation: &Conversation, viewer: UserId) -> Option<UserId> {
    match conversation.kind {
        ConversationKind::Direct(pair) => Some(pair.other(viewer)),
        ConversationKind::Group(_) => None,
    }
}
