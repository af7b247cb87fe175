//! Keyset pages: a list is read from a key onwards, never by offset, so what
//! is inserted meanwhile neither repeats nor hides an item.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::{Error, InvalidValue, Result};

/// How many items a page may hold: 1 to [`Limit::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit(u32);

impl Limit {
    /// The largest page.
    pub const MAX: u32 = 100;
    /// What a caller gets that does not ask.
    pub const DEFAULT: Self = Self(50);

    /// Takes 1 to [`Limit::MAX`].
    pub fn parse(limit: i64) -> Result<Self, InvalidValue> {
        u32::try_from(limit)
            .ok()
            .filter(|limit| (1..=Self::MAX).contains(limit))
            .map(Self)
            .ok_or_else(|| InvalidValue::new(format!("must be 1 to {}", Self::MAX)))
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The part of a list that a caller asks a service for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    /// Where the last page ended; `None` for the first page.
    pub cursor: Option<String>,
    /// At most so many items.
    pub limit: Limit,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { cursor: None, limit: Limit::DEFAULT }
    }
}

/// One page of a service's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one. Opaque.
    pub next_cursor: Option<String>,
}

/// The part of a list that a service asks a store for.
#[derive(Debug, Clone, Copy)]
pub struct Slice<K> {
    /// Only items that come after this key in the list's order.
    pub after: Option<K>,
    /// At most so many items.
    pub limit: u32,
}

/// What a store answers: the items, and the last one's key when there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows<T, K> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// The key of the last item when there are items after it.
    pub next: Option<K>,
}

impl<T, K> Rows<T, K> {
    /// Makes a page of rows that were read with a limit of `limit + 1`: the
    /// extra row only tells that there are more.
    pub fn cut(mut items: Vec<T>, limit: u32, key: impl FnOnce(&T) -> K) -> Self {
        let limit = limit as usize;
        let more = items.len() > limit;
        items.truncate(limit);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }
}

/// The key of a list that is ordered by an instant, then by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeKey {
    /// The instant by which the list is ordered.
    pub at: Timestamp,
    /// Tells items of the same millisecond apart.
    pub id: Uuid,
}

/// The key of user search: best match first, then by username.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchKey {
    /// 0 for the best match; see [`MatchRank`](crate::user::MatchRank).
    pub rank: u8,
    /// Usernames are unique, so they tell equal ranks apart.
    pub username: String,
}

/// A key that fits into a cursor.
pub(crate) trait CursorKey: Sized {
    fn encode(&self) -> Vec<u8>;
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl CursorKey for TimeKey {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = self.at.as_millis().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.id.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (at, id) = bytes.split_first_chunk::<8>()?;
        Some(Self { at: Timestamp::from_millis(i64::from_be_bytes(*at)), id: Uuid::from_slice(id).ok()? })
    }
}

impl CursorKey for SearchKey {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![self.rank];
        bytes.extend_from_slice(self.username.as_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (rank, username) = bytes.split_first()?;
        Some(Self { rank: *rank, username: String::from_utf8(username.to_vec()).ok()? })
    }
}

/// What a cursor is bound to: the list's name and everything that the list
/// depends on, such as the viewer and the query. A cursor that comes back to
/// any other list is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListScope([u8; 8]);

impl ListScope {
    pub(crate) fn new(list: &str, depends_on: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in std::iter::once(list.as_bytes()).chain(depends_on.iter().copied()) {
            // Lengths keep ("ab", "c") apart from ("a", "bc").
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut scope = [0; 8];
        scope.copy_from_slice(&hash.finalize()[..8]);
        Self(scope)
    }

    /// Turns a caller's request into what the store is asked.
    pub(crate) fn slice<K: CursorKey>(self, request: &PageRequest) -> Result<Slice<K>> {
        let after = match &request.cursor {
            None => None,
            Some(cursor) => Some(self.open(cursor).ok_or(Error::BadCursor)?),
        };
        Ok(Slice { after, limit: request.limit.get() })
    }

    fn open<K: CursorKey>(self, cursor: &str) -> Option<K> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (scope, key) = bytes.split_first_chunk::<8>()?;
        if *scope == self.0 { K::decode(key) } else { None }
    }

    /// Turns what the store answered into what the caller gets.
    pub(crate) fn page<T, U, K: CursorKey>(self, rows: Rows<T, K>, item: impl FnMut(T) -> U) -> Page<U> {
        let next_cursor = rows.next.map(|key| {
            let mut bytes = self.0.to_vec();
            bytes.extend(key.encode());
            URL_SAFE_NO_PAD.encode(bytes)
        });
        Page { items: rows.items.into_iter().map(item).collect(), next_cursor }
    }
}
