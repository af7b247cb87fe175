//! The log as one snapshot sees it: where it stands, whether it goes on from a
//! cursor, and what somebody may learn of after one.

use std::collections::BTreeMap;

use crate::Messenger;
use crate::cursor::{Cursor, Place, Places};
use crate::error::{Error, Result};
use crate::event::{Event, Partition, Position};
use crate::id::UserId;
use crate::service::events::Progress;
use crate::store::{LogIdentity, Snapshot};

/// The log as one snapshot sees it, up to where it stood just before.
///
/// What lies beyond is left for the next time, since a snapshot need not have
/// all of it. MariaDB makes one by going through the open transactions one by
/// one, so of two that end meanwhile it may see the second alone: position 55 and
/// not 54. Whoever goes on from 55 would never learn of 54.
pub(crate) struct LogView {
    identity: LogIdentity,
    heads: BTreeMap<Partition, Place>,
    floors: BTreeMap<Partition, Position>,
}

/// Events that were found again, before they are hydrated.
pub(crate) struct Replayed {
    pub(crate) events: Vec<Event>,
    pub(crate) places: Places,
    pub(crate) progress: Progress,
}

impl Messenger {
    /// One consistent state to read from, and the log in it.
    pub(crate) async fn read_log(&self) -> Result<(Box<dyn Snapshot>, LogView)> {
        let heads = self.read_latest().await?.events().log_heads().await?;
        let mut snapshot = self.read().await?;
        let log = LogView::of(&mut snapshot, heads).await?;
        Ok((snapshot, log))
    }
}

impl LogView {
    async fn of(snapshot: &mut Box<dyn Snapshot>, heads: BTreeMap<Partition, Position>) -> Result<Self> {
        let identity = snapshot.events().log_identity().await?;
        let floors = snapshot.events().log_floors().await?;
        // Of what was purged meanwhile the event at the floor is left.
        let floor = |partition| floors.get(&partition).copied().unwrap_or(Position::ZERO);
        let keys: Vec<_> = heads.into_iter().map(|(partition, head)| (partition, head.max(floor(partition)))).collect();
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
