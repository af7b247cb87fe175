//! What the users who are connected here were told of others.

use std::collections::{HashMap, HashSet};

use super::signal::PresenceState;
use crate::id::UserId;

/// Of how many users one is shown the presence at a time. Of more, which ones
/// is not said.
pub const MOST_PRESENT: usize = 1_000;

/// One thing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) viewer: UserId,
    pub(super) subject: UserId,
    pub(super) state: PresenceState,
}

/// Whom each viewer was told to be online, from both sides: at most
/// [`MOST_PRESENT`] pairs of about 80 bytes for each user connected here.
#[derive(Default)]
pub(super) struct Views {
    shown: HashMap<UserId, HashSet<UserId>>,
    seen_by: HashMap<UserId, HashSet<UserId>>,
    news: Vec<Told>,
}

impl Views {
    /// A user watches from now on.
    pub(super) fn open(&mut self, viewer: UserId) {
        self.shown.entry(viewer).or_default();
    }

    /// Nobody of the user's watches any more.
    pub(super) fn close(&mut self, viewer: UserId) {
        for subject in self.shown.remove(&viewer).unwrap_or_default() {
            self.forget(viewer, subject);
        }
    }

    pub(super) fn is_open(&self, viewer: UserId) -> bool {
        self.shown.contains_key(&viewer)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// Everybody who watches.
    pub(super) fn viewers(&self) -> impl Iterator<Item = UserId> {
        self.shown.keys().copied()
    }

    /// Whom a viewer was told to be online.
    pub(super) fn shown_to(&self, viewer: UserId) -> impl Iterator<Item = UserId> {
        self.shown.get(&viewer).into_iter().flatten().copied()
    }

    /// `viewer` is to be shown these, and nobody else.
    pub(super) fn show_only(&mut self, viewer: UserId, subjects: &HashSet<UserId>) {
        let Some(shown) = self.shown.get(&viewer) else { return };
        let hide: Vec<_> = shown.difference(subjects).copied().collect();
        let show: Vec<_> = subjects.difference(shown).copied().collect();
        for subject in hide {
            self.hide(viewer, subject);
        }
        for subject in show {
            self.show(viewer, subject);
        }
    }

    /// `subject` is to be seen by these, and nobody else.
    pub(super) fn show_only_to(&mut self, subject: UserId, viewers: &HashSet<UserId>) {
        let before: Vec<_> = self.seen_by.get(&subject).into_iter().flatten().copied().collect();
        for viewer in before {
            if !viewers.contains(&viewer) {
                self.hide(viewer, subject);
            }
        }
        for viewer in viewers {
            self.show(*viewer, subject);
        }
    }

    /// What is to be told since the last time.
    pub(super) fn take_news(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.news)
    }

    fn show(&mut self, viewer: UserId, subject: UserId) {
        let Some(shown) = self.shown.get_mut(&viewer) else { return };
        if shown.len() < MOST_PRESENT && shown.insert(subject) {
            self.seen_by.entry(subject).or_default().insert(viewer);
            self.news.push(Told { viewer, subject, state: PresenceState::Online });
        }
    }

    fn hide(&mut self, viewer: UserId, subject: UserId) {
        if self.shown.get_mut(&viewer).is_some_and(|shown| shown.remove(&subject)) {
            self.forget(viewer, subject);
            self.news.push(Told { viewer, subject, state: PresenceState::Offline });
        }
    }

    fn forget(&mut self, viewer: UserId, subject: UserId) {
        if let Some(viewers) = self.seen_by.get_mut(&subject) {
            viewers.remove(&viewer);
            if viewers.is_empty() {
                self.seen_by.remove(&subject);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    fn users(numbers: impl IntoIterator<Item = u128>) -> HashSet<UserId> {
        numbers.into_iter().map(user).collect()
    }

    fn told(viewer: u128, subject: u128, state: PresenceState) -> Told {
        Told { viewer: user(viewer), subject: user(subject), state }
    }

    #[test]
    fn only_what_changes_is_told() {
        let mut views = Views::default();
        views.open(user(1));
        views.show_only(user(1), &users([2]));
        assert_eq!(views.take_news(), [told(1, 2, PresenceState::Online)]);
        views.show_only(user(1), &users([2]));
        views.show_only_to(user(2), &users([1]));
        assert_eq!(views.take_news(), []);
        views.show_only_to(user(2), &users([]));
        views.show_only(user(1), &users([]));
        assert_eq!(views.take_news(), [told(1, 2, PresenceState::Offline)]);
    }

    #[test]
    fn who_does_not_watch_is_told_nothing() {
        let mut views = Views::default();
        views.show_only_to(user(2), &users([1]));
        views.open(user(1));
        views.show_only(user(1), &users([2]));
        views.take_news();
        views.close(user(1));
        views.show_only_to(user(2), &users([]));
        views.show_only(user(1), &users([3]));
        assert_eq!(views.take_news(), []);
        assert!(views.is_empty() && views.seen_by.is_empty());
    }

    #[test]
    fn a_viewer_is_shown_a_bounded_number() {
        let mut views = Views::default();
        views.open(user(0));
        let many = u128::try_from(MOST_PRESENT).expect("fits") + 10;
        views.show_only(user(0), &users(1..=many));
        assert_eq!((views.take_news().len(), views.shown_to(user(0)).count()), (MOST_PRESENT, MOST_PRESENT));
    }
}
