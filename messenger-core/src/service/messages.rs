//! Sending, editing and deleting messages.

use crate::Messenger;
use crate::change::{Change, Reads};
use crate::conversation::{Conversation, ConversationKind, Membership};
use crate::error::{Error, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, MessageId, UserId};
use crate::message::{ClientId, Message, MessageBody, PayloadHash, SentMessage};
use crate::service::conversations::{check_direct, lock_own, touch};
use crate::service::friendships::find_pair;
use crate::service::users::find_user;
use crate::service::views::find_own;
use crate::store::StoreError;

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What it says.
    pub body: MessageBody,
    /// Makes a repeated send the same send (I5).
    pub client_id: Option<ClientId>,
    /// The message of the same conversation that it answers.
    pub reply_to: Option<MessageId>,
}

impl Draft {
    /// A message that just says something.
    pub fn new(body: MessageBody) -> Self {
        Self { body, client_id: None, reply_to: None }
    }

    fn payload_hash(&self) -> PayloadHash {
        let reply_to = self.reply_to.map(MessageId::as_uuid);
        let reply_to = reply_to.as_ref().map_or(&[][..], |uuid| uuid.as_bytes());
        PayloadHash::of([self.body.as_str().as_bytes(), reply_to])
    }
}

/// Whether a send stored a message or found the one that it had stored before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It was stored.
    Stored(Message),
    /// It was there; this is how it is now.
    Repeated(Message),
}

impl Sent {
    /// The message, stored or found.
    pub fn into_message(self) -> Message {
        match self {
            Self::Stored(message) | Self::Repeated(message) => message,
        }
    }
}

impl Messenger {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// [`Refusal::ConversationNotFound`]; [`Refusal::NotFriends`] in a direct
    /// conversation whose other side no longer accepts it;
    /// [`Refusal::MessageNotFound`] for a `reply_to` that is not of this
    /// conversation; [`Refusal::ClientIdReused`] when the client id was used
    /// for something else.
    pub async fn send_message(&self, viewer: UserId, conversation: ConversationId, draft: Draft) -> Result<Sent> {
        // One id for all attempts, so that an unknown outcome can be looked up.
        let id = MessageId::from_uuid(self.inner.ids.new_uuid(self.inner.clock.now()));
        let draft = &draft;
        let sent = self
            .transact(|mut change| async move {
                let (conversation, membership) = lock_own(&mut change, conversation, viewer).await?;
                if let Some(repeated) = find_repeated(&mut change, viewer, &conversation, draft).await? {
                    return change.done(Sent::Repeated(repeated));
                }
                check_may_send(&mut change, viewer, &conversation).await?;
                if let Some(reply_to) = draft.reply_to {
                    find_message(&mut change, conversation.id, reply_to).await?;
                }
                let message = store(&mut change, id, conversation, membership, draft).await?;
                change.done(Sent::Stored(message))
            })
            .await;
        match sent {
            Err(Error::Store(StoreError::OutcomeUnknown(reason))) => {
                self.look_up_outcome(conversation, id, reason).await.map(Sent::Stored)
            }
            sent => sent,
        }
    }

    /// A message of a conversation of the viewer's.
    pub async fn message(&self, viewer: UserId, conversation: ConversationId, id: MessageId) -> Result<Message> {
        let mut snapshot = self.read().await?;
        find_own(&mut snapshot, conversation, viewer).await?;
        find_message(&mut snapshot, conversation, id).await
    }

    /// Changes what one's own message says. Whoever may not send may not edit
    /// either: an edit says something new.
    pub async fn edit_message(
        &self,
        viewer: UserId,
        conversation: ConversationId,
        id: MessageId,
        body: MessageBody,
    ) -> Result<Message> {
        let body = &body;
        self.transact(|mut change| async move {
            let (conversation, _) = lock_own(&mut change, conversation, viewer).await?;
            let mut message = find_message(&mut change, conversation.id, id).await?;
            if message.sender_id != viewer {
                return Err(Refusal::NotAllowed.into());
            }
            if message.deleted_at.is_some() {
                return Err(Refusal::MessageDeleted.into());
            }
            check_may_send(&mut change, viewer, &conversation).await?;
            if message.body.as_ref() != Some(body) {
                message.body = Some(body.clone());
                message.edited_at = Some(change.now());
                change.messages().update_messages(std::slice::from_ref(&message)).await?;
                let fact = Fact::MessageEdited { conversation_id: conversation.id, message_id: id };
                change.record(viewer, Audience::Conversation(conversation.id), fact);
            }
            change.done(message)
        })
        .await
    }

    /// Makes a message a tombstone: its sender may, and in a group the owner
    /// and admins. Deleting twice is deleting once.
    pub async fn delete_message(&self, viewer: UserId, conversation: ConversationId, id: MessageId) -> Result<()> {
        self.transact(|mut change| async move {
            let (conversation, membership) = lock_own(&mut change, conversation, viewer).await?;
            let mut message = find_message(&mut change, conversation.id, id).await?;
            if message.sender_id != viewer && !membership.role.may_delete_others_messages() {
                return Err(Refusal::NotAllowed.into());
            }
            if message.deleted_at.is_none() {
                message.body = None;
                message.deleted_at = Some(change.now());
                change.messages().update_messages(&[message]).await?;
                let fact = Fact::MessageDeleted { conversation_id: conversation.id, message_id: id };
                change.record(viewer, Audience::Conversation(conversation.id), fact);
            }
            change.done(())
        })
        .await
    }

    /// Finds out whether a send whose COMMIT was not answered is durable. The
    /// lock waits until the server has decided, so what is read then holds.
    async fn look_up_outcome(&self, conversation: ConversationId, id: MessageId, reason: String) -> Result<Message> {
        let found = self
            .transact(|mut change| async move {
                change.conversations().lock_conversations(&[conversation]).await?;
                let message = change.messages().find_messages(&[id]).await?.pop();
                change.done(message)
            })
            .await;
        match found {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err(StoreError::Unavailable(reason).into()),
            Err(_) => Err(StoreError::OutcomeUnknown(reason).into()),
        }
    }
}

/// A message of this conversation; one of another is as if it did not exist.
pub(crate) async fn find_message(
    reads: &mut dyn Reads,
    conversation: ConversationId,
    id: MessageId,
) -> Result<Message> {
    let found = reads.messages().find_messages(&[id]).await?.pop();
    Ok(found.filter(|message| message.conversation_id == conversation).ok_or(Refusal::MessageNotFound)?)
}

/// The message that this draft has stored before, compared by what was first
/// sent.
async fn find_repeated(
    change: &mut Change,
    viewer: UserId,
    conversation: &Conversation,
    draft: &Draft,
) -> Result<Option<Message>> {
    let Some(client_id) = &draft.client_id else { return Ok(None) };
    let key = (viewer, conversation.id, client_id.clone());
    match change.messages().find_sent(&[key]).await?.pop() {
        Some(sent) if sent.payload_hash == draft.payload_hash() => Ok(Some(sent.message)),
        Some(_) => Err(Refusal::ClientIdReused.into()),
        None => Ok(None),
    }
}

/// Members of a group may; in a direct conversation the other side decides.
async fn check_may_send(change: &mut Change, viewer: UserId, conversation: &Conversation) -> Result<()> {
    let ConversationKind::Direct(pair) = conversation.kind else { return Ok(()) };
    let state = find_pair(change, pair).await?;
    let peer = find_user(change.users(), pair.other(viewer)).await?;
    Ok(check_direct(&state, &peer)?)
}

async fn store(
    change: &mut Change,
    id: MessageId,
    mut conversation: Conversation,
    mut membership: Membership,
    draft: &Draft,
) -> Result<Message> {
    let conversation_id = conversation.id;
    let message = Message {
        id,
        conversation_id,
        seq: conversation.last_seq.next(),
        sender_id: membership.user_id,
        body: Some(draft.body.clone()),
        client_id: draft.client_id.clone(),
        reply_to: draft.reply_to,
        created_at: change.now(),
        edited_at: None,
        deleted_at: None,
    };
    conversation.last_seq = message.seq;
    touch(&mut conversation, change);
    membership.own_after_read += 1;
    let sent = SentMessage { message: message.clone(), payload_hash: draft.payload_hash() };
    change.messages().insert_messages(&[sent]).await?;
    change.conversations().update_conversations(&[conversation]).await?;
    change.conversations().update_memberships(std::slice::from_ref(&membership)).await?;
    let fact = Fact::MessageSent { conversation_id, message_id: id };
    change.record(membership.user_id, Audience::Conversation(conversation_id), fact);
    Ok(message)
}
