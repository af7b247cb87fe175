//! Races for places in the log (I3).

use super::failure::Outcome;
use super::poller::Poller;
use super::race::at_once;
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::clock::Clock as _;
use crate::event::{Audience, Event, Fact, NewEvent};
use crate::id::UserId;
use crate::store::StoreResult;

pub(super) const CASES: &[Case] = own_database!("races_for_positions":
    commits_into_several_partitions_leave_no_gap,
    commits_that_roll_back_in_between_leave_no_gap,
);

const TASKS: usize = 32;
const COMMITS: usize = 12;

/// One to six events for users whose partitions are all over the log, in an
/// order that is not that of the partitions.
fn some_events(w: &World) -> Vec<NewEvent> {
    let count = 1 + w.ids.next_u64() % 6;
    let event = |_| {
        let id = UserId::from_uuid(w.uuid());
        let (audience, fact) = (Audience::User(id), Fact::UserUpdated { user_id: id });
        NewEvent { audience, fact, at: w.clock.now(), actor_id: id, tag: 0 }
    };
    (0..count).map(event).collect()
}

/// What a task does between its commits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Nothing,
    RollBack,
}

/// Commits again and again.
async fn write(w: World, between: Between) -> StoreResult<Vec<Event>> {
    let mut written = vec![];
    for number in 0..COMMITS {
        if between == Between::RollBack && number % 3 == 0 {
            let mut tx = w.store.begin().await?;
            tx.users().insert_user(&w.new_user(&format!("u{}", w.ids.next_u64()))).await?;
            tx.rollback().await?;
        }
        let tx = w.store.begin().await?;
        written.extend(tx.commit(&some_events(&w)).await?);
    }
    Ok(written)
}

async fn race(nodes: &Nodes, between: Between) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let poller = Poller::start(&there);
    let tasks = (0..TASKS).map(|index| write(if index % 2 == 0 { here.clone() } else { there.clone() }, between));
    // Whoever locks the counters in their order meets no conflict.
    let written = at_once(tasks).await.into_iter().collect::<StoreResult<Vec<_>>>()?;
    let seen = poller.finish().await?;
    here.assert_log_is_dense().await?;
    assert_eq!(seen, here.log().await?);
    let mut written: Vec<_> = written.into_iter().flatten().collect();
    written.sort_by_key(|event| (event.partition, event.position));
    assert_eq!(written, seen, "every answer says where its events stand");
    Ok(())
}

async fn commits_into_several_partitions_leave_no_gap(nodes: &Nodes) -> Outcome {
    race(nodes, Between::Nothing).await
}

async fn commits_that_roll_back_in_between_leave_no_gap(nodes: &Nodes) -> Outcome {
    race(nodes, Between::RollBack).await
}
