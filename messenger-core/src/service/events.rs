//! What a user may learn of, after a cursor.

use crate::Messenger;
use crate::cursor::Cursor;
use crate::delivery::Delivery;
use crate::error::Result;
use crate::id::UserId;
use crate::page::Limit;
use crate::service::hydrate::hydrate;

/// A part of what happened after a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events; in order within each conversation, and within what is
    /// addressed to the user alone.
    pub events: Vec<Delivery>,
    /// Where the client stands once it has seen them.
    pub cursor: Cursor,
    /// Whether that was all.
    pub caught_up: Progress,
}

/// Whether there is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// All was delivered that there was when the log was read.
    CaughtUp,
    /// There is more: ask again with the new cursor.
    MoreToCome,
}

impl Messenger {
    /// Where the log stands now. Take the cursor first, then read what you
    /// want to show, then ask for what happened after the cursor: nothing is
    /// missed, and what is seen twice does no harm.
    pub async fn cursor(&self, viewer: UserId) -> Result<Cursor> {
        let (_, log) = self.read_log().await?;
        Ok(Cursor { epoch: log.epoch(), user_id: viewer, places: log.places() })
    }

    /// What tells this database's log from any other: a random number that was
    /// drawn when it was made. All nodes on one database have it in common.
    pub async fn log_epoch(&self) -> Result<u64> {
        Ok(self.read_latest().await?.events().log_identity().await?.epoch)
    }

    /// Whether the log goes on from a cursor.
    ///
    /// # Errors
    ///
    /// [`Error::ResyncRequired`](crate::Error::ResyncRequired) when it does not.
    pub async fn check_cursor(&self, cursor: &Cursor) -> Result<()> {
        let (mut snapshot, log) = self.read_log().await?;
        log.check(&mut snapshot, cursor).await
    }

    /// What the viewer may learn of after a cursor, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::ResyncRequired`](crate::Error::ResyncRequired) when the log does not go on from the cursor.
    pub async fn events_after(&self, viewer: UserId, cursor: &Cursor, limit: Limit) -> Result<EventPage> {
        let (mut snapshot, log) = self.read_log().await?;
        log.check(&mut snapshot, cursor).await?;
        let replayed = log.replay(&mut snapshot, viewer, &cursor.places, &log.places(), limit.get()).await?;
        let events = hydrate(&mut snapshot, replayed.events).await?;
        let cursor = Cursor { epoch: cursor.epoch, user_id: viewer, places: replayed.places };
        Ok(EventPage { events, cursor, caught_up: replayed.progress })
    }
}
