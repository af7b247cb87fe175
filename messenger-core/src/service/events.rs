//! Reading the log: what a user may learn of, after a cursor.

use std::collections::BTreeMap;

use crate::Messenger;
use crate::cursor::{Cursor, Place, Places};
use crate::delivery::Delivery;
use crate::error::{Error, Result};
use crate::event::{Event, Partition, Position};
use crate::id::UserId;
use crate::page::Limit;
use crate::service::hydrate::hydrate;
use crate::store::{LogIdentity, Snapshot};

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

/// The log as one snapshot sees it.
pub(crate) struct LogView {
    identity: LogIdentity,
    heads: BTreeMap<Partition, Place>,
    floors: BTreeMap<Partition, Position>,
}

impl Messenger {
    /// Where the log stands now. Take the cursor first, then read what you
    /// want to show, then ask for what happened after the cursor: nothing is
    /// missed, and what is seen twice does no harm.
    pub async fn cursor(&self, viewer: UserId) -> Result<Cursor> {
        let mut snapshot = self.read().await?;
        let log = LogView::read(&mut snapshot).await?;
        Ok(Cursor { epoch: log.identity.epoch, user_id: viewer, places: log.places() })
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
    /// [`Error::ResyncRequired`] when it does not.
    pub async fn check_cursor(&self, cursor: &Cursor) -> Result<()> {
        let mut snapshot = self.read().await?;
        let log = LogView::read(&mut snapshot).await?;
        log.check(&mut snapshot, cursor).await
    }

    /// What the viewer may learn of after a cursor, oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::ResyncRequired`] when the log does not go on from the cursor.
    pub async fn events_after(&self, viewer: UserId, cursor: &Cursor, limit: Limit) -> Result<EventPage> {
        let mut snapshot = self.read().await?;
        let log = LogView::read(&mut snapshot).await?;
        log.check(&mut snapshot, cursor).await?;
        let replayed = log.replay(&mut snapshot, viewer, &cursor.places, &log.places(), limit.get()).await?;
        let events = hydrate(&mut snapshot, replayed.events).await?;
        let cursor = Cursor { epoch: cursor.epoch, user_id: viewer, places: replayed.places };
        Ok(EventPage { events, cursor, caught_up: replayed.progress })
    }
}

/// Events that were found again, before they are hydrated.
pub(crate) struct Replayed {
    pub(crate) events: Vec<Event>,
    pub(crate) places: Places,
    pub(crate) progress: Progress,
}

impl LogView {
    pub(crate) async fn read(snapshot: &mut Box<dyn Snapshot>) -> Result<Self> {
        let identity = snapshot.events().log_identity().await?;
        let positions = snapshot.events().log_heads().await?;
        let floors = snapshot.events().log_floors().await?;
        let keys: Vec<_> = positions.iter().map(|(partition, position)| (*partition, *position)).collect();
        let tags = snapshot.events().find_tags(&keys).await?;
        let place = |(partition, position)| {
            let tag = tags.get(&(partition, position)).copied().unwrap_or_default();
            (partition, Place { position, tag })
        };
        Ok(Self { identity, heads: keys.into_iter().map(place).collect(), floors })
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.identity.epoch
    }

    /// Where the log stands.
    pub(crate) fn places(&self) -> Places {
        let mut places = Places::default();
        for (partition, place) in &self.heads {
            places.set(*partition, *place);
        }
        places
    }

    /// Refuses a cursor from which this log does not go on: of another epoch,
    /// beyond the head, below the floor, or on an event that is another one
    /// here.
    pub(crate) async fn check(&self, snapshot: &mut Box<dyn Snapshot>, cursor: &Cursor) -> Result<()> {
        if cursor.epoch != self.identity.epoch || cursor.places.iter().any(|(p, _)| !self.heads.contains_key(&p)) {
            return Err(Error::ResyncRequired);
        }
        let mut stands_on = Vec::new();
        for (partition, head) in &self.heads {
            let place = cursor.places.get(*partition);
            let floor = self.floors.get(partition).copied().unwrap_or(Position::ZERO);
            if place.position > head.position || place.position < floor {
                return Err(Error::ResyncRequired);
            }
            if place.position > Position::ZERO {
                stands_on.push((*partition, place));
            }
        }
        let keys: Vec<_> = stands_on.iter().map(|(partition, place)| (*partition, place.position)).collect();
        let tags = snapshot.events().find_tags(&keys).await?;
        let same =
            |(partition, place): &(Partition, Place)| tags.get(&(*partition, place.position)) == Some(&place.tag);
        if stands_on.iter().all(same) { Ok(()) } else { Err(Error::ResyncRequired) }
    }

    /// Up to `limit` events that the viewer may learn of, after `from` and up
    /// to `until`.
    pub(crate) async fn replay(
        &self,
        snapshot: &mut Box<dyn Snapshot>,
        viewer: UserId,
        from: &Places,
        until: &Places,
        limit: u32,
    ) -> Result<Replayed> {
        let mut places = from.clone();
        let mut events: Vec<Event> = Vec::new();
        let behind = |(partition, end): &(Partition, Place)| end.position > from.get(*partition).position;
        let behind: Vec<_> = until.iter().filter(behind).collect();
        if behind.is_empty() {
            return Ok(Replayed { events, places, progress: Progress::CaughtUp });
        }
        let streams = snapshot.conversations().find_streams(viewer).await?;
        for (partition, end) in behind {
            let room = limit.saturating_sub(u32::try_from(events.len()).unwrap_or(limit));
            if room == 0 {
                return Ok(Replayed { events, places, progress: Progress::MoreToCome });
            }
            let after = from.get(partition).position;
            let mut anchors = vec![(viewer.as_uuid(), after)];
            for stream in &streams {
                let here = self.identity.partitions.partition_of(stream.conversation_id.as_uuid()) == partition;
                if here && stream.last_position > after {
                    // Events from `joined_position` on are the member's.
                    let before_joining = Position::from_stored(stream.joined_position.get() - 1);
                    anchors.push((stream.conversation_id.as_uuid(), after.max(before_joining)));
                }
            }
            let log = snapshot.events();
            let mut found = log.list_events_to(partition, &anchors, end.position, room).await?;
            found.extend(log.list_events_of_known(viewer, partition, after, end.position, room).await?);
            found.sort_unstable_by_key(|event| event.position);
            found.truncate(room as usize);
            let full = found.len() == room as usize;
            let last = found.last().map(|event| Place { position: event.position, tag: event.event.tag });
            events.append(&mut found);
            match last {
                Some(last) if full && last.position < end.position => {
                    places.set(partition, last);
                    return Ok(Replayed { events, places, progress: Progress::MoreToCome });
                }
                _ => places.set(partition, end),
            }
        }
        Ok(Replayed { events, places, progress: Progress::CaughtUp })
    }
}
