//! Saying that one is writing something.

use crate::Messenger;
use crate::conversation::ConversationKind;
use crate::error::{Refusal, Result};
use crate::id::{ConversationId, UserId};
use crate::service::conversations::check_direct;
use crate::service::views::find_own;

impl Messenger {
    /// Tells the other members who are connected that the viewer is writing
    /// something, as a signal: nothing is stored, and nothing is promised. Not
    /// told are those who block the viewer or are blocked. More than one in
    /// [`TYPING_INTERVAL`](crate::presence::TYPING_INTERVAL) is accepted and
    /// dropped.
    ///
    /// # Errors
    ///
    /// Those of a send: [`Refusal::ConversationNotFound`], and
    /// [`Refusal::NotFriends`] in a direct conversation whose other side no
    /// longer accepts it.
    pub async fn set_typing(&self, viewer: UserId, conversation: ConversationId) -> Result<()> {
        // No row is locked: a send would be refused for certain, this only as
        // far as is known now. Who is told is read once more.
        let mut snapshot = self.read().await?;
        let (found, _) = find_own(&mut snapshot, conversation, viewer).await?;
        if let ConversationKind::Direct(pair) = found.kind {
            let states = snapshot.friendships().find_pairs(&[pair]).await?;
            let peer = snapshot.users().find_users(&[pair.other(viewer)]).await?.pop();
            let (state, peer) = states.first().zip(peer.as_ref()).ok_or(Refusal::ConversationNotFound)?;
            check_direct(state, peer)?;
        }
        drop(snapshot);
        // Without other nodes and without a hub, nobody is connected.
        if self.inner.store.board().is_some() {
            self.hub().await?;
        }
        if self.inner.hub.initialized() {
            self.inner.notices.typing(viewer, conversation, self.inner.clock.now());
        }
        Ok(())
    }
}
