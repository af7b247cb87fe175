//! Following what happens.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::Messenger;
use crate::cursor::{Cursor, Places};
use crate::error::{Error, Result};
use crate::id::{SessionId, UserId};
use crate::live::{Hub, Subscription, Tailer};
use crate::messenger::Inner;
use crate::presence::Signaller;

impl Messenger {
    /// Begins to follow the log now, not with the first subscription. For a
    /// process that answers many requests: from then on
    /// [`authenticate`](Messenger::authenticate) need not ask the store each
    /// time.
    ///
    /// It starts a task, so this must be called on a Tokio runtime that lives
    /// as long as the messenger.
    pub async fn follow(&self) -> Result<()> {
        self.hub().await.map(drop)
    }

    /// The user's events after a cursor: what has happened, then what happens,
    /// without a gap or a repeat between.
    ///
    /// The first subscription starts a task that follows the log, so this must
    /// be called on a Tokio runtime that lives as long as the messenger.
    pub async fn subscribe(&self, cursor: Cursor) -> Result<Subscription> {
        let hub = self.hub().await?;
        Ok(Subscription::new(self.clone(), hub, cursor, None))
    }

    /// The same for a connection that ends with its session.
    pub async fn subscribe_session(&self, cursor: Cursor, session: SessionId) -> Result<Subscription> {
        let hub = self.hub().await?;
        Ok(Subscription::new(self.clone(), hub, cursor, Some(session)))
    }

    /// How many subscriptions are connected.
    pub fn subscription_count(&self) -> usize {
        self.inner.hub.get().map_or(0, |hub| hub.connection_count())
    }

    /// How many subscriptions of a user are connected.
    pub fn subscription_count_of(&self, user: UserId) -> usize {
        self.inner.hub.get().map_or(0, |hub| hub.connection_count_of(user))
    }

    /// Ends all subscriptions with
    /// [`CloseReason::ShuttingDown`](crate::live::CloseReason::ShuttingDown),
    /// and every one that is made afterwards.
    pub fn close_subscriptions(&self) {
        self.inner.shutting_down.store(true, Ordering::SeqCst);
        if let Some(hub) = self.inner.hub.get() {
            hub.shut_down();
        }
        self.inner.notices.shut_down();
    }

    async fn hub(&self) -> Result<Arc<Hub>> {
        let hub = self
            .inner
            .hub
            .get_or_try_init(|| async {
                let (epoch, places) = Places::of_log(self).await?;
                // What ended before these places is not heard of again.
                self.inner.sessions.clear();
                let hub = Arc::new(Hub::new(epoch, places));
                let Inner { committed, polling, .. } = &*self.inner;
                Tailer::spawn(Arc::downgrade(&self.inner), hub.clone(), committed.clone(), *polling);
                Signaller::spawn(Arc::downgrade(&self.inner), hub.clone(), self.inner.notices.clone());
                Ok::<_, Error>(hub)
            })
            .await?;
        // Whoever shut down before there was a hub to tell.
        if self.inner.shutting_down.load(Ordering::SeqCst) {
            hub.shut_down();
        }
        Ok(hub.clone())
    }
}
