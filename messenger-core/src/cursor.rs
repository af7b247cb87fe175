//! Cursors: a client's place in the event log, opaque to the client.
//!
//! A cursor names the log (its epoch), the user it was given to, and for each
//! partition the position it stands on with the random tag of the event there.
//! So a log with another history, a restored backup or a failover that lost
//! its tail, is noticed by itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::event::{Partition, Position};
use crate::id::UserId;

/// A place in one partition: a position and the tag of the event there. Before
/// the first event the tag is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    /// The last position that was seen.
    pub position: Position,
    /// The tag of the event at that position.
    pub tag: u32,
}

impl Place {
    /// Before the first event.
    pub const START: Self = Self { position: Position::ZERO, tag: 0 };
}

/// A place in every partition of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Places(BTreeMap<Partition, Place>);

impl Places {
    /// The place in a partition.
    pub fn get(&self, partition: Partition) -> Place {
        self.0.get(&partition).copied().unwrap_or(Place::START)
    }

    /// Stands on another place of a partition.
    pub fn set(&mut self, partition: Partition, place: Place) {
        self.0.insert(partition, place);
    }

    /// Stands on another place of a partition, unless that would be a step
    /// back.
    pub fn advance(&mut self, partition: Partition, place: Place) {
        if place.position > self.get(partition).position {
            self.set(partition, place);
        }
    }

    /// Every partition with its place.
    pub fn iter(&self) -> impl Iterator<Item = (Partition, Place)> + '_ {
        self.0.iter().map(|(partition, place)| (*partition, *place))
    }
}

/// A client's place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The log's; see [`LogIdentity`](crate::store::LogIdentity).
    pub epoch: u64,
    /// Whose it is.
    pub user_id: UserId,
    /// Where it stands.
    pub places: Places,
}

/// The first byte, so that a later form can be told apart.
const VERSION: u8 = 1;

impl Cursor {
    /// The text for a client.
    pub fn encode(&self) -> String {
        encode(self.epoch, self.user_id, &self.places)
    }

    /// The cursor that `text` encodes, when it was given to `user_id`.
    pub fn decode(text: &str, user_id: UserId) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (epoch, rest) = rest.split_first_chunk::<8>()?;
        let (mark, mut rest) = rest.split_first_chunk::<4>()?;
        if *version != VERSION || *mark != user_mark(user_id) {
            return None;
        }
        let mut places = Places::default();
        while !rest.is_empty() {
            let (partition, after) = rest.split_first_chunk::<2>()?;
            let (position, after) = split_varint(after)?;
            let (tag, after) = after.split_first_chunk::<4>()?;
            let place =
                Place { position: Position::from_stored(i64::try_from(position).ok()?), tag: u32::from_be_bytes(*tag) };
            places.set(Partition::from_stored(u16::from_be_bytes(*partition)), place);
            rest = after;
        }
        Some(Self { epoch: u64::from_be_bytes(*epoch), user_id, places })
    }
}

/// The text of a cursor of these parts.
pub(crate) fn encode(epoch: u64, user_id: UserId, places: &Places) -> String {
    // A partition takes 16 bytes at most: 2, a varint of 10, and 4.
    let mut bytes = Vec::with_capacity(13 + 16 * places.0.len());
    bytes.push(VERSION);
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(user_mark(user_id));
    for (partition, place) in places.iter() {
        bytes.extend(partition.get().to_be_bytes());
        push_varint(&mut bytes, place.position.get().unsigned_abs());
        bytes.extend(place.tag.to_be_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A few bytes of the user's id: enough to notice a mix-up. A cursor grants
/// nothing, so it need not be unforgeable.
fn user_mark(user_id: UserId) -> [u8; 4] {
    let mut mark = [0; 4];
    for (index, byte) in user_id.as_uuid().as_bytes().iter().enumerate() {
        mark[index % 4] ^= byte;
    }
    mark
}

/// LEB128: seven bits a byte, lowest first.
fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn split_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    proptest! {
        #[test]
        fn a_cursor_reads_back(
            epoch in any::<u64>(),
            places in prop::collection::btree_map(0..16_u16, (0..i64::MAX, any::<u32>()), 0..16),
        ) {
            let mut cursor = Cursor { epoch, user_id: user(1), places: Places::default() };
            for (partition, (position, tag)) in places {
                let place = Place { position: Position::from_stored(position), tag };
                cursor.places.set(Partition::from_stored(partition), place);
            }
            prop_assert_eq!(Cursor::decode(&cursor.encode(), user(1)), Some(cursor));
        }

        #[test]
        fn nonsense_is_not_a_cursor_and_does_no_harm(text in ".{0,80}") {
            let _ = Cursor::decode(&text, user(1));
        }
    }

    #[test]
    fn a_cursor_of_another_user_is_refused() {
        let cursor = Cursor { epoch: 7, user_id: user(1), places: Places::default() };
        assert_eq!(Cursor::decode(&cursor.encode(), user(2)), None);
    }
}
