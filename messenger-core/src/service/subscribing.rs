//! Following what happens.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::Messenger;
use crate::cursor::{Cursor, Places};
use crate::error::{Error, Result};
use crate::id::{SessionId, UserId};
use crate::live::{Hub, Subscription, Tailer};
use crate::messenger::Inner;
use crate::presence::Signaller;

/// How long the end waits for a store that does not answer.
const LEAVE_WITHIN: Duration = Duration::from_secs(5);

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

    /// Waits, after [`Messenger::close_subscriptions`], until other nodes were
    /// told that nobody is online here any more, for some seconds at the most.
    /// Without it they learn of it when this node's lifetime is over; see
    /// [`PresenceOptions`](crate::presence::PresenceOptions).
    pub async fn leave(&self) {
        let signaller = self.inner.signaller.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(signaller) = signaller {
            // It says itself what went wrong.
            let _ = tokio::time::timeout(LEAVE_WITHIN, signaller).await;
        }
    }

    pub(crate) async fn hub(&self) -> Result<Arc<Hub>> {
        let hub = self
            .inner
            .hub
            .get_or_try_init(|| async {
                let (epoch, places) = Places::of_log(self).await?;
                // What ended before these places is not heard of again.
                self.inner.sessions.clear();
                let Inner { committed, notices, polling, .. } = &*self.inner;
                let hub = Arc::new(Hub::new(epoch, places, notices.clone()));
                Tailer::spawn(Arc::downgrade(&self.inner), hub.clone(), committed.clone(), *polling);
                let signaller = Signaller::spawn(&self.inner, hub.clone());
                *self.inner.signaller.lock().unwrap_or_else(PoisonError::into_inner) = Some(signaller);
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
