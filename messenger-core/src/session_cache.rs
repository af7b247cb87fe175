//! The sessions that are known to live, so that a request need not ask the
//! store about its own.
//!
//! What is kept may be believed only as long as the log is followed closely:
//! `session.ended` is what takes a session out again. So the tailer confirms,
//! poll by poll, that everything up to then has been heard; a cache that was
//! not confirmed for a second knows nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Timestamp;
use crate::event::{Event, Fact};
use crate::generations::Generations;
use crate::id::{SessionId, UserId};
use crate::session::Session;
use crate::token::Viewer;

/// How long a session that ended elsewhere may still be taken for alive.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// How many sessions one generation of the cache holds. There are two, of
/// about 60 bytes an entry: 4 MiB at the most.
const CAPACITY: usize = 32_768;

/// What is known of sessions, for all requests of a messenger.
#[derive(Default)]
pub(crate) struct SessionCache {
    // A std mutex: nothing is awaited while it is held, and it is held for a
    // look-up.
    state: Mutex<State>,
}

struct State {
    /// When the poll began that heard of everything up to then.
    confirmed_at: Option<Instant>,
    /// Counts what was forgotten, so that what was read before is not
    /// remembered after it.
    forgotten: u64,
    sessions: Generations<SessionId, Entry>,
}

impl Default for State {
    fn default() -> Self {
        Self { confirmed_at: None, forgotten: 0, sessions: Generations::new(CAPACITY) }
    }
}

#[derive(Clone, Copy)]
struct Entry {
    user: UserId,
    expires_at: Timestamp,
}

/// A moment in the life of a [`SessionCache`]: what is read from the store
/// after it may be remembered, unless something was forgotten in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(u64);

impl SessionCache {
    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was held would have to come from a map: the state
        // is whole, so go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the viewer's session certainly lived within the last second.
    /// `false` says nothing.
    pub(crate) fn knows(&self, viewer: &Viewer, now: Timestamp) -> bool {
        self.knows_at(Instant::now(), viewer, now)
    }

    fn knows_at(&self, asked_at: Instant, viewer: &Viewer, now: Timestamp) -> bool {
        let mut state = self.state();
        let trusted = state.confirmed_at.is_some_and(|at| asked_at.saturating_duration_since(at) < TRUSTED_FOR);
        trusted
            && state
                .sessions
                .find(&viewer.session_id)
                .is_some_and(|entry| entry.user == viewer.user_id && entry.expires_at > now)
    }

    /// To be asked for before a session is read from the store.
    pub(crate) fn moment(&self) -> Moment {
        Moment(self.state().forgotten)
    }

    /// Keeps a session that was read from the store after `moment`.
    pub(crate) fn remember(&self, moment: Moment, session: &Session) {
        let mut state = self.state();
        // One that ended after it was read would otherwise live on here.
        if state.forgotten == moment.0 {
            state.sessions.put(session.id, Entry { user: session.user_id, expires_at: session.expires_at });
        }
    }

    /// Takes out the sessions that ended by these events.
    pub(crate) fn hear(&self, events: &[Event]) {
        let ended = events.iter().filter_map(|event| match event.event.fact {
            Fact::SessionEnded { session_id } => Some(session_id),
            _ => None,
        });
        let mut state = None;
        for id in ended {
            let state = state.get_or_insert_with(|| self.state());
            state.forgotten += 1;
            state.sessions.remove(&id);
        }
    }

    /// Everything that had happened at `at` has been heard.
    pub(crate) fn confirm(&self, at: Instant) {
        self.state().confirmed_at = Some(at);
    }

    /// The log is another one: nothing that was heard of it counts.
    pub(crate) fn clear(&self) {
        let mut state = self.state();
        state.forgotten += 1;
        state.confirmed_at = None;
        state.sessions.clear();
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::event::{Audience, NewEvent, Partition, Position};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn session(number: u128) -> Session {
        Session {
            id: SessionId::from_uuid(Uuid::from_u128(number)),
            user_id: UserId::from_uuid(Uuid::from_u128(number << 64)),
            device_name: None,
            created_at: NOW,
            refreshed_at: NOW,
            expires_at: NOW.after(Duration::from_mins(1)),
            spent_generation: 0,
        }
    }

    fn viewer(session: &Session) -> Viewer {
        Viewer { user_id: session.user_id, session_id: session.id }
    }

    fn end_of(session: &Session) -> Event {
        let fact = Fact::SessionEnded { session_id: session.id };
        let audience = Audience::User(session.user_id);
        Event {
            partition: Partition::from_stored(0),
            position: Position::ZERO.next(),
            event: NewEvent { audience, fact, at: NOW, actor_id: session.user_id, tag: 0 },
        }
    }

    fn confirmed() -> SessionCache {
        let cache = SessionCache::default();
        cache.confirm(Instant::now());
        cache
    }

    #[test]
    fn a_session_is_known_until_it_ends_or_expires() {
        let (cache, session) = (confirmed(), session(1));
        assert!(!cache.knows(&viewer(&session), NOW));
        cache.remember(cache.moment(), &session);
        assert!(cache.knows(&viewer(&session), NOW));
        assert!(!cache.knows(&viewer(&session), session.expires_at));
        cache.hear(&[end_of(&session)]);
        assert!(!cache.knows(&viewer(&session), NOW));
    }

    #[test]
    fn a_session_is_not_known_to_be_another_users() {
        let (cache, session) = (confirmed(), session(1));
        cache.remember(cache.moment(), &session);
        let stranger = UserId::from_uuid(Uuid::from_u128(7));
        assert!(!cache.knows(&Viewer { user_id: stranger, session_id: session.id }, NOW));
    }

    #[test]
    fn nothing_is_known_before_the_log_is_followed_nor_a_second_after_it_was() {
        let (cache, session) = (SessionCache::default(), session(1));
        cache.remember(cache.moment(), &session);
        assert!(!cache.knows(&viewer(&session), NOW));
        let polled_at = Instant::now();
        cache.confirm(polled_at);
        assert!(cache.knows_at(polled_at, &viewer(&session), NOW));
        let later = polled_at + TRUSTED_FOR;
        assert!(!cache.knows_at(later, &viewer(&session), NOW));
        cache.confirm(later);
        assert!(cache.knows_at(later, &viewer(&session), NOW), "and is again when the tailer has caught up");
    }

    #[test]
    fn what_was_read_before_a_session_ended_is_not_remembered_after_it() {
        let (cache, session) = (confirmed(), session(1));
        let moment = cache.moment();
        cache.hear(&[end_of(&session)]);
        cache.remember(moment, &session);
        assert!(!cache.knows(&viewer(&session), NOW));
    }

    #[test]
    fn another_log_empties_it() {
        let (cache, session) = (confirmed(), session(1));
        let moment = cache.moment();
        cache.remember(moment, &session);
        cache.clear();
        cache.confirm(Instant::now());
        cache.remember(moment, &session);
        assert!(!cache.knows(&viewer(&session), NOW));
    }
}
