//! How often typing is passed on.

use std::collections::HashMap;

use super::signal::TYPING_INTERVAL;
use crate::clock::Timestamp;
use crate::id::{ConversationId, UserId};

/// How many signals are remembered for one interval: some 1 MB in all. Above
/// it, signals are dropped, not memory used.
const MOST: usize = 10_000;

type Place = (UserId, ConversationId);

/// Remembers when who was last let through, in two generations: one is filled,
/// the one before it is only looked at, and nobody has to look for what is old.
#[derive(Default)]
pub(super) struct Throttle {
    begun: Option<Timestamp>,
    present: HashMap<Place, Timestamp>,
    before: HashMap<Place, Timestamp>,
}

impl Throttle {
    /// Whether the signal is passed on.
    pub(super) fn lets_through(&mut self, place: Place, now: Timestamp) -> bool {
        // A clock that stepped back begins anew: what it remembers of later
        // would hold signals up for long.
        if self.begun.is_none_or(|begun| now < begun || now >= begun.after(TYPING_INTERVAL + TYPING_INTERVAL)) {
            (self.begun, self.present, self.before) = (Some(now), HashMap::new(), HashMap::new());
        } else if self.begun.is_some_and(|begun| now >= begun.after(TYPING_INTERVAL)) {
            self.begun = Some(now);
            self.before = std::mem::take(&mut self.present);
        }
        let last = self.present.get(&place).or_else(|| self.before.get(&place));
        let too_soon = last.is_some_and(|last| now < last.after(TYPING_INTERVAL));
        if too_soon || self.present.len() >= MOST {
            return false;
        }
        self.present.insert(place, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn place(user: u128, conversation: u128) -> Place {
        (UserId::from_uuid(Uuid::from_u128(user)), ConversationId::from_uuid(Uuid::from_u128(conversation)))
    }

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    #[test]
    fn one_signal_in_three_seconds_is_let_through() {
        let mut throttle = Throttle::default();
        let through: Vec<_> =
            (0..100).map(|n| n * 100).filter(|n| throttle.lets_through(place(1, 1), at(*n))).collect();
        assert_eq!(through, [0, 3_000, 6_000, 9_000]);
    }

    #[test]
    fn an_interval_counts_across_generations() {
        let mut throttle = Throttle::default();
        assert!(throttle.lets_through(place(1, 1), at(0)));
        assert!(throttle.lets_through(place(2, 1), at(2_900)));
        assert!(throttle.lets_through(place(3, 1), at(3_100)));
        assert!(!throttle.lets_through(place(2, 1), at(5_800)));
        assert!(throttle.lets_through(place(2, 1), at(5_900)));
    }

    #[test]
    fn users_and_conversations_count_for_themselves() {
        let mut throttle = Throttle::default();
        for (user, conversation) in [(1, 1), (1, 2), (2, 1)] {
            assert!(throttle.lets_through(place(user, conversation), at(0)));
            assert!(!throttle.lets_through(place(user, conversation), at(1)));
        }
    }

    #[test]
    fn a_clock_that_steps_back_holds_nobody_up() {
        let mut throttle = Throttle::default();
        assert!(throttle.lets_through(place(1, 1), at(1_000_000)));
        assert!(throttle.lets_through(place(1, 1), at(0)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut throttle = Throttle::default();
        let users = u128::try_from(MOST).expect("fits") + 10;
        let through = (0..users).filter(|user| throttle.lets_through(place(*user, 1), at(0))).count();
        assert_eq!(through, MOST);
        assert!(throttle.lets_through(place(users, 1), at(3_000)), "later there is room again");
    }
}
