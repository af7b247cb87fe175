//! A change and its events are one (I2): over random histories, the log tells
//! exactly what changed.

use super::failure::Outcome;
use super::history_of::{Cast, act};
use super::state::{State, tidings};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::error::Result;
use crate::event::{Audience, Event, Fact};

pub(super) const CASES: &[Case] = isolated!("log":
    every_change_is_told_and_nothing_else,
    every_change_of_a_few_is_told_and_nothing_else,
    an_event_names_who_did_it_and_when,
    who_joins_sees_from_their_own_joining_on,
    positions_are_dense_over_a_history,
);

/// Runs a random history. After each step, the events are those that the
/// difference of the states demands; a refused step changes and tells nothing.
async fn follow(w: &World, cast: &Cast, steps: usize) -> Result<()> {
    let mut before = State::read(w, cast.users()).await?;
    let mut seen = w.log().await?.len();
    for step in 0..steps {
        w.clock.tick();
        let action = act(w, cast).await;
        let after = State::read(w, cast.users()).await?;
        let mut told: Vec<_> =
            new_events(w, &mut seen).await?.iter().map(|e| (e.event.audience, e.event.fact)).collect();
        let mut expected = tidings(&before, &after);
        told.sort_by_key(|tiding| format!("{tiding:?}"));
        expected.sort_by_key(|tiding| format!("{tiding:?}"));
        assert_eq!(told, expected, "after step {step}: {action}");
        before = after;
    }
    Ok(())
}

/// What the log has gained, partition by partition.
async fn new_events(w: &World, seen: &mut usize) -> Result<Vec<Event>> {
    let mut log = w.log().await?;
    let now = w.clock.now();
    let count = log.len() - *seen;
    *seen = log.len();
    log.retain(|event| event.event.at == now);
    assert_eq!(log.len(), count, "every event bears the time of its change");
    Ok(log)
}

async fn every_change_is_told_and_nothing_else(w: &World) -> Outcome {
    let cast = Cast::assemble(w, &["ada", "bob", "cleo", "dan"]).await?;
    follow(w, &cast, 120).await?;
    Ok(())
}

async fn every_change_of_a_few_is_told_and_nothing_else(w: &World) -> Outcome {
    let cast = Cast::assemble(w, &["ada", "bob"]).await?;
    follow(w, &cast, 80).await?;
    Ok(())
}

async fn an_event_names_who_did_it_and_when(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let at = w.clock.tick();
    w.say(bob, direct, "hello").await?;
    let log = w.log_of(Audience::Conversation(direct)).await?;
    let last = log.last().expect("it is told").event;
    assert_eq!((last.actor_id, last.at), (bob, at));
    Ok(())
}

async fn who_joins_sees_from_their_own_joining_on(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[]).await?;
    w.say(ada, group, "before").await?;
    w.messenger.add_member(ada, group, bob).await?;
    w.say(ada, group, "after").await?;
    let log = w.log_of(Audience::Conversation(group)).await?;
    let added = Fact::MemberAdded { conversation_id: group, user_id: bob };
    let joining = log.iter().find(|event| event.event.fact == added).expect("it is told");
    let keys = [(group, ada), (group, bob)];
    for member in w.read().await?.conversations().find_memberships(&keys).await? {
        let expected = if member.user_id == bob { joining.position } else { log[0].position };
        assert_eq!(member.joined_position, expected);
    }
    Ok(())
}

async fn positions_are_dense_over_a_history(w: &World) -> Outcome {
    let cast = Cast::assemble(w, &["ada", "bob", "cleo"]).await?;
    for _ in 0..100 {
        act(w, &cast).await;
    }
    w.assert_log_is_dense().await?;
    Ok(())
}
