//! Sending, editing and deleting messages.

use crate::Messenger;
use crate::change::Reads;
use crate::conversation::{Conversation, ConversationKind};
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, MessageId, UserId};
use crate::lane::{Action, Answer, Batch, Outgoing};
use crate::message::{ClientId, Message, MessageBody, PayloadHash, SentMessage};
use crate::service::conversations::{check_direct, touch_at};
use crate::service::views::find_own;

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
        let id = MessageId::from_uuid(self.inner.ids.new_uuid(self.inner.clock.now()));
        let payload_hash = draft.payload_hash();
        let action = Action::Send(Outgoing { id, draft, payload_hash });
        match self.ride(viewer, conversation, action).await? {
            Answer::Sent(sent) => Ok(sent),
            other => Err(other.misplaced()),
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
        match self.ride(viewer, conversation, Action::Edit { id, body }).await? {
            Answer::Edited(message) => Ok(message),
            other => Err(other.misplaced()),
        }
    }

    /// Makes a message a tombstone: its sender may, and in a group the owner
    /// and admins. Deleting twice is deleting once.
    pub async fn delete_message(&self, viewer: UserId, conversation: ConversationId, id: MessageId) -> Result<()> {
        match self.ride(viewer, conversation, Action::Delete { id }).await? {
            Answer::Deleted => Ok(()),
            other => Err(other.misplaced()),
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

/// The rule of [`Messenger::send_message`]. A repeat is compared by what was
/// first sent, and asks nobody again whether it may be sent (I5).
pub(crate) fn decide_send(
    batch: &mut Batch,
    viewer: UserId,
    conversation_id: ConversationId,
    outgoing: &Outgoing,
) -> Result<Sent> {
    let Outgoing { id, draft, payload_hash } = outgoing;
    let (conversation, _) = batch.own(conversation_id, viewer)?;
    if let Some(client_id) = &draft.client_id
        && let Some((message, first_sent)) = batch.find_sent(viewer, conversation_id, client_id)
    {
        return if first_sent == *payload_hash {
            Ok(Sent::Repeated(message.clone()))
        } else {
            Err(Refusal::ClientIdReused.into())
        };
    }
    check_may_send(batch, viewer, conversation)?;
    if let Some(reply_to) = draft.reply_to {
        batch.message(conversation_id, reply_to)?;
    }
    let message = Message {
        id: *id,
        conversation_id,
        seq: conversation.last_seq.next(),
        sender_id: viewer,
        body: Some(draft.body.clone()),
        client_id: draft.client_id.clone(),
        reply_to: draft.reply_to,
        created_at: batch.now(),
        edited_at: None,
        deleted_at: None,
    };
    let conversation = batch.change_conversation(conversation_id)?;
    conversation.last_seq = message.seq;
    touch_at(conversation, message.created_at);
    batch.change_membership((conversation_id, viewer))?.own_after_read += 1;
    batch.insert_message(SentMessage { message: message.clone(), payload_hash: *payload_hash });
    let fact = Fact::MessageSent { conversation_id, message_id: *id };
    batch.record(viewer, Audience::Conversation(conversation_id), fact);
    Ok(Sent::Stored(message))
}

/// The rule of [`Messenger::edit_message`].
pub(crate) fn decide_edit(
    batch: &mut Batch,
    viewer: UserId,
    conversation_id: ConversationId,
    id: MessageId,
    body: &MessageBody,
) -> Result<Message> {
    let (conversation, _) = batch.own(conversation_id, viewer)?;
    let message = batch.message(conversation_id, id)?;
    if message.sender_id != viewer {
        return Err(Refusal::NotAllowed.into());
    }
    if message.deleted_at.is_some() {
        return Err(Refusal::MessageDeleted.into());
    }
    check_may_send(batch, viewer, conversation)?;
    if message.body.as_ref() == Some(body) {
        return Ok(message.clone());
    }
    let message = Message { body: Some(body.clone()), edited_at: Some(batch.now()), ..message.clone() };
    batch.update_message(message.clone());
    let fact = Fact::MessageEdited { conversation_id, message_id: id };
    batch.record(viewer, Audience::Conversation(conversation_id), fact);
    Ok(message)
}

/// The rule of [`Messenger::delete_message`].
pub(crate) fn decide_delete(
    batch: &mut Batch,
    viewer: UserId,
    conversation_id: ConversationId,
    id: MessageId,
) -> Result<()> {
    let (_, membership) = batch.own(conversation_id, viewer)?;
    let message = batch.message(conversation_id, id)?;
    if message.sender_id != viewer && !membership.role.may_delete_others_messages() {
        return Err(Refusal::NotAllowed.into());
    }
    if message.deleted_at.is_some() {
        return Ok(());
    }
    let message = Message { body: None, deleted_at: Some(batch.now()), ..message.clone() };
    batch.update_message(message);
    let fact = Fact::MessageDeleted { conversation_id, message_id: id };
    batch.record(viewer, Audience::Conversation(conversation_id), fact);
    Ok(())
}

/// Members of a group may; in a direct conversation the other side decides.
fn check_may_send(batch: &Batch, viewer: UserId, conversation: &Conversation) -> Result<(), Refusal> {
    let ConversationKind::Direct(pair) = conversation.kind else { return Ok(()) };
    check_direct(&batch.pair(pair), batch.user(pair.other(viewer))?)
}
