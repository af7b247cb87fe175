//! Locks and snapshots, with several transactions open at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::failure::Outcome;
use super::race::{against, at_once};
use super::rows::seq;
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::clock::Clock as _;
use crate::conversation::Conversation;
use crate::error::Result;
use crate::event::{Audience, Fact};
use crate::id::UserId;
use crate::store::StoreResult;
use crate::user::{DmPolicy, User};

pub(super) const CASES: &[Case] = own_database!("locks":
    a_snapshot_sees_one_state,
    what_is_not_committed_shows_to_nobody,
    who_locks_a_user_sees_what_the_one_before_wrote,
    who_locks_a_conversation_sees_what_the_one_before_wrote,
    after_a_lock_reads_see_what_was_committed,
    no_increment_under_a_lock_is_lost,
    a_dropped_transaction_frees_its_locks,
    a_deadlock_made_on_purpose_is_retried_and_succeeds,
    snapshots_do_not_hold_up_writers,
);

/// Long enough for a task that is not held up.
const A_WHILE: Duration = Duration::from_millis(150);

async fn a_snapshot_sees_one_state(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    let group = here.put_group(&[&ada]).await?;
    here.put_history(&group, &ada, 3).await?;
    let mut snapshot = here.read().await?;
    assert_eq!(snapshot.users().find_users(&[ada.id]).await?, std::slice::from_ref(&ada));
    let changed = User { dm_policy: DmPolicy::Everyone, ..ada.clone() };
    there.change(async |tx| tx.users().update_user(&ada, &changed).await).await?;
    there.put_messages(&[there.new_message(&group, 4, &ada, "later")]).await?;
    let fact = Fact::UserUpdated { user_id: ada.id };
    there.record(&[there.event(Audience::User(ada.id), fact, &ada)]).await?;
    let heads = snapshot.events().log_heads().await?;
    assert_eq!(snapshot.users().find_users(&[ada.id]).await?, std::slice::from_ref(&ada));
    assert_eq!(snapshot.messages().count_sent_after(group.id, ada.id, seq(0)).await?, 3);
    assert_eq!(heads.values().map(|head| head.get()).sum::<i64>(), 1, "the group's creation");
    drop(snapshot);
    assert_eq!(here.read().await?.users().find_users(&[ada.id]).await?, [changed]);
    Ok(())
}

async fn what_is_not_committed_shows_to_nobody(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.new_user("ada");
    let mut tx = here.begin().await?;
    tx.users().insert_user(&ada).await?;
    assert_eq!(there.read().await?.users().find_users(&[ada.id]).await?, []);
    tx.commit(&[]).await?;
    assert_eq!(there.read().await?.users().find_users(&[ada.id]).await?, [ada]);
    Ok(())
}

/// Locks the user on another node, in a task; answers it as the lock did.
fn lock_later(w: &World, id: UserId) -> tokio::task::JoinHandle<StoreResult<(Vec<User>, Vec<User>)>> {
    let w = w.clone();
    tokio::spawn(async move {
        let mut tx = w.store.begin().await?;
        let locked = tx.users().lock_users(&[id]).await?;
        let found = tx.users().find_users(&[id]).await?;
        tx.rollback().await?;
        Ok((locked, found))
    })
}

async fn who_locks_a_user_sees_what_the_one_before_wrote(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    let mut tx = here.begin().await?;
    tx.users().lock_users(&[ada.id]).await?;
    let waiting = lock_later(&there, ada.id);
    sleep(A_WHILE).await;
    assert!(!waiting.is_finished(), "the lock is held");
    let changed = User { dm_policy: DmPolicy::Everyone, ..ada.clone() };
    tx.users().update_user(&ada, &changed).await?;
    tx.commit(&[]).await?;
    let (locked, found) = waiting.await??;
    assert_eq!((locked, found), (vec![changed.clone()], vec![changed]));
    Ok(())
}

async fn who_locks_a_conversation_sees_what_the_one_before_wrote(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    let group = here.put_group(&[&ada]).await?;
    let mut tx = here.begin().await?;
    tx.conversations().lock_conversations(&[group.id]).await?;
    let (w, id) = (there.clone(), group.id);
    let waiting = tokio::spawn(async move {
        let mut tx = w.store.begin().await?;
        let locked = tx.conversations().lock_conversations(&[id]).await?;
        tx.rollback().await?;
        StoreResult::Ok(locked)
    });
    sleep(A_WHILE).await;
    assert!(!waiting.is_finished(), "the lock is held");
    let changed = Conversation { last_seq: seq(7), ..group };
    tx.conversations().update_conversations(std::slice::from_ref(&changed)).await?;
    tx.commit(&[]).await?;
    assert_eq!(waiting.await??, [changed]);
    Ok(())
}

/// Also when the transaction had read before the lock, and another committed
/// in between.
async fn after_a_lock_reads_see_what_was_committed(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    let mut tx = here.begin().await?;
    assert_eq!(tx.users().find_users(&[ada.id]).await?, std::slice::from_ref(&ada));
    let (w, before) = (there.clone(), ada.clone());
    let changed = User { dm_policy: DmPolicy::Everyone, ..ada.clone() };
    let expected = changed.clone();
    let changing = tokio::spawn(async move {
        let mut tx = w.store.begin().await?;
        tx.users().update_user(&before, &changed).await?;
        tx.commit(&[]).await
    });
    sleep(A_WHILE).await;
    // Where there is one writer, the other one still waits for it.
    let between = changing.is_finished();
    let locked = tx.users().lock_users(&[ada.id]).await?;
    let found = tx.users().find_users(&[ada.id]).await?;
    assert_eq!(locked, found);
    assert_eq!(locked, [if between { expected } else { ada }]);
    tx.rollback().await?;
    changing.await??;
    Ok(())
}

async fn no_increment_under_a_lock_is_lost(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    let group = here.put_group(&[&ada]).await?;
    let tasks = (0..32).map(|index| {
        let (w, id) = (if index % 2 == 0 { here.clone() } else { there.clone() }, group.id);
        async move {
            for _ in 0..5 {
                let mut tx = w.store.begin().await?;
                let mut locked = tx.conversations().lock_conversations(&[id]).await?;
                locked[0].last_seq = locked[0].last_seq.next();
                tx.conversations().update_conversations(&locked).await?;
                tx.commit(&[]).await?;
            }
            StoreResult::Ok(())
        }
    });
    at_once(tasks).await.into_iter().collect::<StoreResult<Vec<_>>>()?;
    let counted = here.read().await?.conversations().find_conversations(&[group.id]).await?;
    assert_eq!(counted[0].last_seq, seq(160));
    Ok(())
}

async fn a_dropped_transaction_frees_its_locks(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    for _ in 0..10 {
        let mut tx = here.begin().await?;
        tx.users().lock_users(&[ada.id]).await?;
        tx.users().update_user(&ada, &User { dm_policy: DmPolicy::Everyone, ..ada.clone() }).await?;
        drop(tx);
        let (locked, _) = timeout(Duration::from_secs(3), lock_later(&there, ada.id)).await???;
        assert_eq!(locked, std::slice::from_ref(&ada));
    }
    Ok(())
}

/// Two changes that lock two users in opposite orders. Where both hold their
/// first lock at once, one must be a conflict, be tried again and succeed.
async fn a_deadlock_made_on_purpose_is_retried_and_succeeds(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.users(["ada", "bob"]).await?;
    for _ in 0..10 {
        let crossing = Arc::new(Crossing::default());
        let cross = |w: &World, first: UserId, second: UserId| {
            let (w, crossing) = (w.clone(), crossing.clone());
            async move { lock_crosswise(&w, [first, second], &crossing).await }
        };
        let (one, other) = against(cross(&here, ada, bob), cross(&there, bob, ada)).await;
        one?;
        other?;
        let (met, attempts) = (crossing.met.load(Ordering::SeqCst), crossing.attempts.load(Ordering::SeqCst));
        assert_eq!(attempts > 2, met, "tried again where both held their first lock, {attempts} attempts in all");
    }
    Ok(())
}

/// Where the two changes meet.
#[derive(Default)]
struct Crossing {
    attempts: AtomicUsize,
    /// How many hold their first lock and wait for the other one.
    holding: AtomicUsize,
    met: AtomicBool,
}

impl Crossing {
    /// Waits for the other one to hold its first lock too; not for ever, since
    /// a single writer lets no second one begin.
    async fn meet(&self) {
        self.holding.fetch_add(1, Ordering::SeqCst);
        for _ in 0..30 {
            if self.holding.load(Ordering::SeqCst) == 2 {
                self.met.store(true, Ordering::SeqCst);
                return;
            }
            sleep(A_WHILE / 30).await;
        }
        // The other one may have come in the last moment: then they met.
        if self.holding.compare_exchange(1, 0, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            self.met.store(true, Ordering::SeqCst);
        }
    }
}

async fn lock_crosswise(w: &World, [first, second]: [UserId; 2], crossing: &Crossing) -> Result<()> {
    w.messenger
        .transact(|mut change| async move {
            change.users().lock_users(&[first]).await?;
            if crossing.attempts.fetch_add(1, Ordering::SeqCst) < 2 {
                crossing.meet().await;
            }
            change.users().lock_users(&[second]).await?;
            change.record(first, Audience::Acquaintances(first), Fact::UserUpdated { user_id: first });
            change.done(())
        })
        .await
}

async fn snapshots_do_not_hold_up_writers(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.put_user("ada").await?;
    let mut snapshot = here.read().await?;
    snapshot.users().find_users(&[ada.id]).await?;
    let changed = User { updated_at: there.clock.tick(), dm_policy: DmPolicy::Everyone, ..ada.clone() };
    let writing = there.change(async |tx| tx.users().update_user(&ada, &changed).await);
    timeout(Duration::from_secs(3), writing).await??;
    drop(snapshot);
    assert_eq!(here.read().await?.users().find_users(&[changed.id]).await?[0].updated_at, there.clock.now());
    Ok(())
}
