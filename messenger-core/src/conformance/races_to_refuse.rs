//! A change that forbids sending, against sends: no message is accepted after
//! the change, and none is refused before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::failure::Outcome;
use super::people::draft;
use super::race::at_once;
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::Messenger;
use crate::error::{Error, Refusal, Result};
use crate::id::{ConversationId, UserId};
use crate::message::Seq;
use crate::service::messages::Sent;
use crate::service::users::UserChanges;
use crate::user::DmPolicy;

pub(super) const CASES: &[Case] = own_database!("races_to_refuse":
    no_message_is_accepted_after_a_block_nor_refused_before_it,
    no_message_is_accepted_after_a_removal_nor_refused_before_it,
    no_message_is_accepted_after_an_unfriending_nor_refused_before_it,
    no_message_is_accepted_after_a_policy_closed_nor_refused_before_it,
);

const BLOCKS_AND_REMOVALS: usize = 200;
const OTHERS: usize = 50;
const SENDERS: usize = 3;

/// What the tasks of one race know of each other.
#[derive(Default)]
struct Signs {
    /// The change may have been made.
    begun: AtomicBool,
    /// Its answer is there, or a refusal was seen: it has been made.
    made: AtomicBool,
}

enum Part {
    /// The number of the last message when the change had been made.
    Changed(Seq),
    /// The numbers of the messages that were accepted.
    Sent(Vec<Seq>),
}

/// Sends until it is refused, and once more.
async fn send_on(m: Messenger, who: UserId, place: ConversationId, refusal: Refusal, signs: Arc<Signs>) -> Vec<Seq> {
    let mut accepted = vec![];
    let mut refusals = 0;
    while refusals < 2 {
        let made = signs.made.load(Ordering::SeqCst);
        match m.send_message(who, place, draft("x")).await {
            Ok(Sent::Stored(message)) => {
                assert!(!made, "accepted although the change had been made");
                accepted.push(message.seq);
            }
            Err(Error::Refused(refused)) => {
                assert!(signs.begun.load(Ordering::SeqCst), "refused before the change began");
                assert_eq!(refused, refusal);
                signs.made.store(true, Ordering::SeqCst);
                refusals += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    accepted
}

/// Runs one race of `change` against sends of `who` into `place`.
async fn race(
    (here, there): (&World, &World),
    (who, place): (UserId, ConversationId),
    refusal: Refusal,
    change: impl Future<Output = Result<()>> + Send + 'static,
) -> Outcome {
    let before = last_seq(here, place).await?;
    let signs = Arc::new(Signs::default());
    let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = Part> + Send>>> = vec![];
    for index in 0..SENDERS {
        let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
        let sending = send_on(m, who, place, refusal.clone(), signs.clone());
        tasks.push(Box::pin(async move { Part::Sent(sending.await) }));
    }
    let (w, delay) = (here.clone(), std::time::Duration::from_micros(here.ids.next_u64() % 8_000));
    tasks.push(Box::pin(async move {
        tokio::time::sleep(delay).await;
        signs.begun.store(true, Ordering::SeqCst);
        change.await.expect("the change is made");
        signs.made.store(true, Ordering::SeqCst);
        Part::Changed(last_seq(&w, place).await.expect("it is read"))
    }));
    let mut accepted = vec![];
    let mut at_change = before;
    for part in at_once(tasks).await {
        match part {
            Part::Sent(numbers) => accepted.extend(numbers),
            Part::Changed(last) => at_change = last,
        }
    }
    accepted.sort();
    let expected: Vec<_> = (before.get() + 1..=at_change.get()).map(Seq::from_stored).collect();
    assert_eq!(accepted, expected, "every number up to the change was accepted, and none after it");
    assert_eq!(last_seq(there, place).await?, at_change);
    Ok(())
}

async fn last_seq(w: &World, place: ConversationId) -> Result<Seq> {
    let found = w.store.read().await?.conversations().find_conversations(&[place]).await?;
    Ok(found.first().map_or(Seq::ZERO, |conversation| conversation.last_seq))
}

async fn no_message_is_accepted_after_a_block_nor_refused_before_it(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    for repetition in 0..BLOCKS_AND_REMOVALS {
        // Either side blocks; the other one, or the blocker, is who sends.
        let (blocker, blocked) = if repetition % 2 == 0 { (ada, bob) } else { (bob, ada) };
        let (sender, other) = if repetition % 4 < 2 { (blocked, blocker) } else { (blocker, blocked) };
        let m = there.messenger.clone();
        let block = async move { m.block(blocker, blocked).await };
        race((&here, &there), (sender, direct), Refusal::NotFriends(vec![other]), block).await?;
        here.messenger.unblock(blocker, blocked).await?;
        here.befriend(ada, bob).await?;
    }
    Ok(())
}

async fn no_message_is_accepted_after_a_removal_nor_refused_before_it(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let group = here.group(ada, &[bob]).await?;
    for _ in 0..BLOCKS_AND_REMOVALS {
        let m = there.messenger.clone();
        let remove = async move { m.remove_member(ada, group, bob).await };
        race((&here, &there), (bob, group), Refusal::ConversationNotFound, remove).await?;
        here.messenger.add_member(ada, group, bob).await?;
    }
    Ok(())
}

async fn no_message_is_accepted_after_an_unfriending_nor_refused_before_it(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    for _ in 0..OTHERS {
        let m = there.messenger.clone();
        let unfriend = async move { m.unfriend(ada, bob).await };
        race((&here, &there), (bob, direct), Refusal::NotFriends(vec![ada]), unfriend).await?;
        here.befriend(ada, bob).await?;
    }
    Ok(())
}

async fn no_message_is_accepted_after_a_policy_closed_nor_refused_before_it(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.users(["ada", "bob"]).await?;
    let set = |policy| UserChanges { dm_policy: Some(policy), ..UserChanges::default() };
    here.messenger.update_me(ada, set(DmPolicy::Everyone)).await?;
    let direct = here.direct(bob, ada).await?;
    for _ in 0..OTHERS {
        let m = there.messenger.clone();
        let close = async move { m.update_me(ada, set(DmPolicy::Friends)).await.map(drop) };
        race((&here, &there), (bob, direct), Refusal::NotFriends(vec![ada]), close).await?;
        here.messenger.update_me(ada, set(DmPolicy::Everyone)).await?;
    }
    Ok(())
}
