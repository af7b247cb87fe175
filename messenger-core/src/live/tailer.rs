//! The tailer: follows the log from where the hub stands.
//!
//! It is woken by this node's own commits, by hints from other nodes, and by a
//! poll as the floor; where nobody is connected, by the poll alone. Positions
//! are dense, so it can prove that it missed nothing: a lost wake-up costs
//! latency only.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::audience::Audiences;
use super::hub::{Addressed, Hub};
use super::wakeups::Polling;
use crate::Messenger;
use crate::cursor::{Place, Places};
use crate::error::{Error, Result};
use crate::event::{Event, Position};
use crate::id::UserId;
use crate::messenger::Inner;
use crate::service::hydrate::hydrate;
use crate::store::{Snapshot, StoreError};

/// How many events of a partition one step takes.
const BATCH: u32 = 500;
/// How long what happened may wait where nobody is connected. It is read for
/// the sake of sessions that ended elsewhere, and of who connects next.
const ALONE: Duration = Duration::from_millis(25);
/// How often every connection learns how far the log has been handed out.
const MARK_INTERVAL: Duration = Duration::from_secs(25);

/// What a step found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    /// All that was new.
    All,
    /// As much of it as one step takes.
    Part,
}

/// Follows the log for one hub.
pub(crate) struct Tailer {
    messenger: Weak<Inner>,
    hub: Arc<Hub>,
    audiences: Audiences,
}

impl Tailer {
    /// Starts to follow the log until the messenger is dropped.
    pub(crate) fn spawn(messenger: Weak<Inner>, hub: Arc<Hub>, wake: Arc<Notify>, polling: Polling) {
        let mut tailer = Self { messenger, hub, audiences: Audiences::default() };
        tokio::spawn(async move {
            let mut pause = polling.busy;
            let mut next_mark = Instant::now() + MARK_INTERVAL;
            let mut failures = 0_u32;
            loop {
                let Some(step) = tailer.step().await else { return };
                match (&step, failures) {
                    (Err(error), 0) => tracing::warn!(%error, "the event log cannot be read, trying again"),
                    (Ok(_), 1..) => tracing::info!(failures, "the event log can be read again"),
                    _ => {}
                }
                pause = pause_after(&step, pause, polling);
                failures = if step.is_err() { failures.saturating_add(1) } else { 0 };
                if Instant::now() >= next_mark {
                    tailer.hub.mark();
                    next_mark = Instant::now() + MARK_INTERVAL;
                }
                // Woken or not, the next step looks for itself. Who is woken
                // knows that much goes on, also when it finds nothing yet.
                if tailer.hub.is_alone() && !matches!(step, Ok(Step::Part)) {
                    pause = pause.max(ALONE.min(polling.idle));
                    let _ = timeout(pause, tailer.hub.company()).await;
                } else if timeout(pause, wake.notified()).await.is_ok() {
                    pause = polling.busy;
                }
            }
        });
    }

    /// Hands out what is new; `None` when the messenger is gone.
    async fn step(&mut self) -> Option<Result<Step>> {
        let messenger = Messenger { inner: self.messenger.upgrade()? };
        Some(self.advance(&messenger).await)
    }

    async fn advance(&mut self, messenger: &Messenger) -> Result<Step> {
        let asked_at = std::time::Instant::now();
        let heads = messenger.inner.store.poll().await?;
        messenger.inner.notices.nodes(heads.nodes);
        let heads = heads.log;
        let (_, mut places) = self.hub.places();
        let behind: Vec<_> =
            heads.into_iter().filter(|(partition, head)| *head != places.get(*partition).position).collect();
        if behind.is_empty() {
            messenger.inner.sessions.confirm(asked_at);
            return Ok(Step::Nothing);
        }
        // All of one state: were messages read later than members, who is removed
        // in between would be sent what was edited after that (I7).
        let mut snapshot = messenger.inner.store.read().await?;
        // The event stood on is read again, to see that it is still the same.
        let before = |place: Place| Position::from_stored((place.position.get() - 1).max(0));
        let asked = behind.iter().map(|(partition, _)| (*partition, before(places.get(*partition)))).collect();
        let mut read = snapshot.events().list_events_of_each(&asked, BATCH).await?;
        let (mut events, mut caught_up) = (Vec::with_capacity(read.len()), true);
        for (partition, head) in behind {
            let rest = read.split_off(read.partition_point(|event| event.partition <= partition));
            let Some(news) = news(std::mem::replace(&mut read, rest), places.get(partition), head)? else {
                // There may be no second connection.
                drop(snapshot);
                return self.start_over(messenger).await;
            };
            if let Some(last) = news.last() {
                places.set(partition, Place { position: last.position, tag: last.event.tag });
            }
            caught_up &= places.get(partition).position >= head;
            events.extend(news);
        }
        messenger.inner.sessions.hear(&events);
        if caught_up {
            messenger.inner.sessions.confirm(asked_at);
        }
        self.hand_out(&mut snapshot, &events, &places).await?;
        messenger.inner.notices.happened(&events);
        Ok(if caught_up { Step::All } else { Step::Part })
    }

    /// Hands out events, after which the log has been handed out up to `places`.
    async fn hand_out(&mut self, snapshot: &mut Box<dyn Snapshot>, events: &[Event], places: &Places) -> Result<()> {
        let mut receivers = self.audiences.resolve(snapshot, events).await?;
        // What nobody here receives is not looked up: of many nodes each does
        // so for its own connections.
        let as_of = self.hub.keep_connected(&mut receivers);
        let batch = addressed(snapshot, events, receivers).await?;
        if !self.hub.dispatch(&batch, places, Some(as_of)) {
            // Somebody has come meanwhile, to whom anything may be addressed.
            let receivers = self.audiences.resolve(snapshot, events).await?;
            let batch = addressed(snapshot, events, receivers).await?;
            self.hub.dispatch(&batch, places, None);
        }
        Ok(())
    }

    /// The log is not the one that was followed: a backup was restored, or a
    /// failover lost its tail. Nobody may go on from where they stood.
    async fn start_over(&mut self, messenger: &Messenger) -> Result<Step> {
        tracing::warn!("the event log is not the one that was followed: all clients have to resynchronise");
        let (epoch, places) = Places::of_log(messenger).await?;
        messenger.inner.sessions.clear();
        self.audiences.clear();
        self.hub.reset(epoch, places);
        Ok(Step::Nothing)
    }
}

/// How long to pause after a step, when the pause before it was this long.
fn pause_after(step: &Result<Step>, before: Duration, polling: Polling) -> Duration {
    match step {
        Ok(Step::Part) => Duration::ZERO,
        Ok(Step::All) => polling.busy,
        // From no pause, after a part, doubling leads nowhere.
        Ok(Step::Nothing) => (before * 2).max(polling.busy).min(polling.idle),
        Err(_) => polling.idle,
    }
}

/// The events that have receivers, with the present state of what they name.
async fn addressed(
    snapshot: &mut Box<dyn Snapshot>,
    events: &[Event],
    receivers: Vec<Vec<UserId>>,
) -> Result<Vec<Addressed>> {
    let (events, receivers): (Vec<_>, Vec<_>) =
        events.iter().copied().zip(receivers).filter(|(_, receivers)| !receivers.is_empty()).unzip();
    let deliveries = hydrate(snapshot, events).await?.into_iter().map(Arc::new);
    Ok(deliveries.zip(receivers).map(|(delivery, receivers)| Addressed { delivery, receivers }).collect())
}

/// What is new of a partition, from its events at `place` and after; `None` when
/// the log does not go on from there.
fn news(mut events: Vec<Event>, place: Place, head: Position) -> Result<Option<Vec<Event>>> {
    if head < place.position {
        return Ok(None);
    }
    if place.position > Position::ZERO {
        match events.first() {
            Some(first) if first.position == place.position && first.event.tag == place.tag => {
                events.remove(0);
            }
            _ => return Ok(None),
        }
    }
    let mut expected = place.position;
    for (index, event) in events.iter().enumerate() {
        expected = expected.next();
        if event.position != expected {
            if expected > head {
                // What lies beyond need not be whole in a snapshot.
                events.truncate(index);
                break;
            }
            let (partition, expected) = (event.partition.get(), expected.get());
            let message = format!("partition {partition} has a hole at position {expected}");
            return Err(Error::Store(StoreError::Defect(message)));
        }
    }
    Ok(Some(events))
}

impl Places {
    /// Where a hub begins that has handed out nothing.
    pub(crate) async fn of_log(messenger: &Messenger) -> Result<(u64, Self)> {
        let (_, log) = messenger.read_log().await?;
        Ok((log.epoch(), log.places()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::{Audience, Fact, NewEvent, Partition};

    #[test]
    fn the_pause_grows_while_there_is_nothing_and_never_stays_at_none() {
        let polling = Polling { busy: Duration::from_millis(5), idle: Duration::from_millis(18) };
        let mut pause = polling.idle;
        let mut after = |step: Result<Step>| {
            pause = pause_after(&step, pause, polling);
            pause.as_millis()
        };
        assert_eq!(after(Ok(Step::All)), 5);
        assert_eq!([(); 3].map(|()| after(Ok(Step::Nothing))), [10, 18, 18]);
        assert_eq!(after(Ok(Step::Part)), 0);
        assert_eq!([(); 2].map(|()| after(Ok(Step::Nothing))), [5, 10]);
        assert_eq!(after(Err(Error::ResyncRequired)), 18);
    }

    #[test]
    fn a_hole_beyond_the_head_is_left_for_the_next_step() {
        let event = |position| Event {
            partition: Partition::from_stored(0),
            position: Position::from_stored(position),
            event: NewEvent {
                audience: Audience::User(UserId::from_uuid(uuid::Uuid::nil())),
                fact: Fact::UserUpdated { user_id: UserId::from_uuid(uuid::Uuid::nil()) },
                at: Timestamp::from_millis(0),
                actor_id: UserId::from_uuid(uuid::Uuid::nil()),
                tag: 7,
            },
        };
        let place = Place { position: Position::from_stored(3), tag: 7 };
        let news = |positions: &[i64], head| {
            let events = positions.iter().map(|position| event(*position)).collect();
            let news = news(events, place, Position::from_stored(head))?;
            Ok::<_, Error>(news.map(|news| news.iter().map(|event| event.position.get()).collect::<Vec<_>>()))
        };
        assert_eq!(news(&[3, 4, 5], 4).expect("whole"), Some(vec![4, 5]));
        assert_eq!(news(&[3, 4, 6], 4).expect("whole up to the head"), Some(vec![4]));
        assert!(news(&[3, 5, 6], 4).is_err());
        assert_eq!(news(&[4, 5], 5).expect("another log"), None);
    }
}
