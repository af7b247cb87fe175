//! Presence: who learns that a user is online, and when.

use std::time::Duration;

use super::failure::{Failure, Outcome};
use super::typing::{PATIENCE, connect};
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::conversation::MAX_MEMBERS_FOR_PRESENCE;
use crate::error::Result;
use crate::id::UserId;
use crate::live::{CloseReason, Ended, Subscription, Update};
use crate::presence::{PresenceOptions, PresenceState, Signal};
use crate::service::users::UserChanges;
use crate::user::PresencePolicy;

use PresenceState::{Offline, Online};

pub(super) const CASES: &[Case] = own_database!("presence":
    friends_learn_who_comes_and_goes,
    who_connects_learns_who_is_online,
    a_second_device_learns_who_is_online_too,
    strangers_learn_nothing,
    fellow_members_of_a_group_learn_of_each_other,
    a_direct_conversation_alone_shows_nobody,
    members_of_a_large_group_learn_nothing,
    a_group_that_grows_large_hides_its_members_and_shows_them_again,
    a_block_hides_both_sides_from_each_other,
    a_lifted_block_shows_fellow_members_again,
    friends_learn_of_each_other_at_once,
    who_is_no_longer_a_friend_goes_offline,
    who_leaves_a_group_goes_offline,
    a_hidden_user_is_seen_by_nobody_and_sees_others,
    who_hides_goes_offline_and_who_shows_comes_online,
    a_reconnect_within_the_grace_shows_to_nobody,
    a_device_that_stays_keeps_the_user_online,
    who_reads_late_is_told_what_holds,
    presence_closes_no_connection_and_loses_no_event,
    who_waits_for_events_only_is_online_and_told_nothing,
);

/// The grace is over at once.
async fn start(nodes: &Nodes) -> Result<World, Failure> {
    nodes.start_with(PresenceOptions { grace: Duration::ZERO, ..PresenceOptions::default() }).await
}

/// Whose presence a connection is told next.
async fn told(subscription: &mut Subscription) -> Result<(UserId, PresenceState), Failure> {
    loop {
        let update = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("something is told");
        if let Update::Signal(Signal::Presence { user_id, state, .. }) = update? {
            return Ok((user_id, state));
        }
    }
}

/// Two friends; the first is connected. The other's coming and going marks that
/// everything before it was told.
struct Mark {
    friend: UserId,
}

impl Mark {
    async fn of(w: &World, watchers: &[UserId]) -> Result<Self> {
        let friend = w.user("mark").await?;
        for watcher in watchers {
            w.befriend(*watcher, friend).await?;
        }
        Ok(Self { friend })
    }

    /// Everything that a connection is told up to now.
    async fn told_before(&self, w: &World, subscriptions: &mut [&mut Subscription]) -> Result<Vec<Heard>, Failure> {
        let mark = connect(w, self.friend).await?;
        let mut all = vec![];
        for subscription in subscriptions.iter_mut() {
            let mut heard = vec![];
            loop {
                match told(subscription).await? {
                    (user, Online) if user == self.friend => break,
                    other => heard.push(other),
                }
            }
            all.push(heard);
        }
        // Who is told for the first time may be told of both at once, in any
        // order; what changes then comes after it.
        drop(mark);
        for (subscription, heard) in subscriptions.iter_mut().zip(&mut all) {
            loop {
                match told(subscription).await? {
                    (user, Offline) if user == self.friend => break,
                    other => heard.push(other),
                }
            }
        }
        Ok(all)
    }
}

type Heard = Vec<(UserId, PresenceState)>;

async fn friends_learn_who_comes_and_goes(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let mut bobs = connect(&w, bob).await?;
    for _ in 0..3 {
        let adas = connect(&w, ada).await?;
        assert_eq!(told(&mut bobs).await?, (ada, Online));
        drop(adas);
        assert_eq!(told(&mut bobs).await?, (ada, Offline));
    }
    Ok(())
}

async fn who_connects_learns_who_is_online(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let mark = Mark::of(&w, &[bob]).await?;
    let _adas = connect(&w, ada).await?;
    let mut bobs = connect(&w, bob).await?;
    assert_eq!(mark.told_before(&w, &mut [&mut bobs]).await?, [[(ada, Online)]], "and cleo is not: {cleo}");
    Ok(())
}

async fn a_second_device_learns_who_is_online_too(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let _adas = connect(&w, ada).await?;
    let mut first = connect(&w, bob).await?;
    assert_eq!(told(&mut first).await?, (ada, Online));
    let mut second = connect(&w, bob).await?;
    assert_eq!(told(&mut second).await?, (ada, Online));
    let mark = Mark::of(&w, &[bob]).await?;
    assert_eq!(mark.told_before(&w, &mut [&mut first, &mut second]).await?, [[], []], "nobody is told twice");
    Ok(())
}

async fn strangers_learn_nothing(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    w.messenger.request_friendship(ada, bob).await?;
    let mark = Mark::of(&w, &[ada, bob]).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    assert_eq!(mark.told_before(&w, &mut [&mut adas, &mut bobs]).await?, [[], []]);
    Ok(())
}

async fn fellow_members_of_a_group_learn_of_each_other(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob, cleo] = w.users(["ada", "bob", "cleo"]).await?;
    w.befriend(ada, bob).await?;
    w.befriend(ada, cleo).await?;
    let (mut bobs, mut cleos) = (connect(&w, bob).await?, connect(&w, cleo).await?);
    w.group(ada, &[bob, cleo]).await?;
    assert_eq!(told(&mut bobs).await?, (cleo, Online));
    assert_eq!(told(&mut cleos).await?, (bob, Online));
    Ok(())
}

async fn a_direct_conversation_alone_shows_nobody(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.direct(ada, bob).await?;
    w.messenger.unfriend(ada, bob).await?;
    let mark = Mark::of(&w, &[ada, bob]).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    assert_eq!(mark.told_before(&w, &mut [&mut adas, &mut bobs]).await?, [[], []]);
    Ok(())
}

/// A group of `size`, of which the first two are answered; all are friends of
/// its owner, and of nobody else.
async fn crowd(w: &World, size: i64) -> Result<(UserId, UserId, UserId, crate::id::ConversationId)> {
    let owner = w.user("owner").await?;
    let mut members = vec![];
    for number in 1..size {
        let member = w.user(&format!("member{number}")).await?;
        w.befriend(owner, member).await?;
        members.push(member);
    }
    let group = w.group(owner, &members).await?;
    Ok((owner, members[0], members[1], group))
}

async fn members_of_a_large_group_learn_nothing(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let (_, one, two, _) = crowd(&w, MAX_MEMBERS_FOR_PRESENCE + 1).await?;
    let mark = Mark::of(&w, &[one, two]).await?;
    let (mut ones, mut twos) = (connect(&w, one).await?, connect(&w, two).await?);
    assert_eq!(mark.told_before(&w, &mut [&mut ones, &mut twos]).await?, [[], []]);
    Ok(())
}

async fn a_group_that_grows_large_hides_its_members_and_shows_them_again(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let (owner, one, two, group) = crowd(&w, MAX_MEMBERS_FOR_PRESENCE).await?;
    let mut ones = connect(&w, one).await?;
    let _twos = connect(&w, two).await?;
    assert_eq!(told(&mut ones).await?, (two, Online));
    let [late, later] = w.users(["late", "later"]).await?;
    for who in [late, later] {
        w.befriend(owner, who).await?;
        w.messenger.add_member(owner, group, who).await?;
    }
    assert_eq!(told(&mut ones).await?, (two, Offline));
    for who in [late, later] {
        w.messenger.remove_member(owner, group, who).await?;
    }
    assert_eq!(told(&mut ones).await?, (two, Online));
    Ok(())
}

async fn a_block_hides_both_sides_from_each_other(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    w.group(cleo, &[ada, bob]).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    assert_eq!(told(&mut adas).await?, (bob, Online));
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    w.messenger.block(ada, bob).await?;
    assert_eq!(told(&mut adas).await?, (bob, Offline));
    assert_eq!(told(&mut bobs).await?, (ada, Offline));
    drop(bobs);
    let mark = Mark::of(&w, &[ada, bob]).await?;
    let mut bobs = connect(&w, bob).await?;
    assert_eq!(mark.told_before(&w, &mut [&mut adas, &mut bobs]).await?, [[], []]);
    Ok(())
}

async fn a_lifted_block_shows_fellow_members_again(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    w.group(cleo, &[ada, bob]).await?;
    w.messenger.block(ada, bob).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    w.messenger.unblock(ada, bob).await?;
    assert_eq!(told(&mut adas).await?, (bob, Online));
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    Ok(())
}

async fn friends_learn_of_each_other_at_once(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    w.befriend(ada, bob).await?;
    assert_eq!(told(&mut adas).await?, (bob, Online));
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    Ok(())
}

async fn who_is_no_longer_a_friend_goes_offline(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.direct(ada, bob).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    assert_eq!((told(&mut adas).await?, told(&mut bobs).await?), ((bob, Online), (ada, Online)));
    w.messenger.unfriend(ada, bob).await?;
    assert_eq!((told(&mut adas).await?, told(&mut bobs).await?), ((bob, Offline), (ada, Offline)));
    Ok(())
}

async fn who_leaves_a_group_goes_offline(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob, cleo] = w.users(["ada", "bob", "cleo"]).await?;
    w.befriend(ada, bob).await?;
    w.befriend(ada, cleo).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    let (mut bobs, mut cleos) = (connect(&w, bob).await?, connect(&w, cleo).await?);
    assert_eq!((told(&mut bobs).await?, told(&mut cleos).await?), ((cleo, Online), (bob, Online)));
    w.messenger.leave_conversation(cleo, group).await?;
    assert_eq!((told(&mut bobs).await?, told(&mut cleos).await?), ((cleo, Offline), (bob, Offline)));
    Ok(())
}

async fn set_policy(w: &World, user: UserId, policy: PresencePolicy) -> Result<()> {
    let changes = UserChanges { presence_policy: Some(policy), ..UserChanges::default() };
    w.messenger.update_me(user, changes).await.map(drop)
}

async fn a_hidden_user_is_seen_by_nobody_and_sees_others(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    w.group(ada, &[bob]).await?;
    set_policy(&w, ada, PresencePolicy::Hidden).await?;
    let mark = Mark::of(&w, &[ada, bob]).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    assert_eq!(told(&mut adas).await?, (bob, Online));
    assert_eq!(mark.told_before(&w, &mut [&mut bobs]).await?, [[]]);
    Ok(())
}

async fn who_hides_goes_offline_and_who_shows_comes_online(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (_adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    set_policy(&w, ada, PresencePolicy::Hidden).await?;
    assert_eq!(told(&mut bobs).await?, (ada, Offline));
    set_policy(&w, ada, PresencePolicy::Shared).await?;
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    Ok(())
}

async fn a_reconnect_within_the_grace_shows_to_nobody(nodes: &Nodes) -> Outcome {
    let w = nodes.start_with(PresenceOptions { grace: PATIENCE * 10, ..PresenceOptions::default() }).await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let mut bobs = connect(&w, bob).await?;
    let adas = connect(&w, ada).await?;
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    drop(adas);
    for _ in 0..3 {
        drop(connect(&w, ada).await?);
    }
    let _cleos = connect(&w, cleo).await?;
    assert_eq!(told(&mut bobs).await?, (cleo, Online), "and nothing of ada before it");
    Ok(())
}

async fn a_device_that_stays_keeps_the_user_online(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let mark = Mark::of(&w, &[bob]).await?;
    let mut bobs = connect(&w, bob).await?;
    let (stays, goes) = (connect(&w, ada).await?, connect(&w, ada).await?);
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    drop(goes);
    assert_eq!(mark.told_before(&w, &mut [&mut bobs]).await?, [[]]);
    drop(stays);
    assert_eq!(told(&mut bobs).await?, (ada, Offline));
    Ok(())
}

async fn who_reads_late_is_told_what_holds(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob, cleo, dan] = w.friends(["ada", "bob", "cleo", "dan"]).await?;
    let (mut late, mut quick) = (connect(&w, bob).await?, connect(&w, bob).await?);
    let cleos = connect(&w, cleo).await?;
    assert_eq!((told(&mut late).await?, told(&mut quick).await?), ((cleo, Online), (cleo, Online)));
    // While one does not read, another shows that all this was told.
    for _ in 0..5 {
        let adas = connect(&w, ada).await?;
        assert_eq!(told(&mut quick).await?, (ada, Online));
        drop(adas);
        assert_eq!(told(&mut quick).await?, (ada, Offline));
    }
    drop(cleos);
    assert_eq!(told(&mut quick).await?, (cleo, Offline));
    let _dans = connect(&w, dan).await?;
    assert_eq!(told(&mut quick).await?, (dan, Online));
    let mut heard = vec![told(&mut late).await?, told(&mut late).await?];
    heard.sort_unstable_by_key(|(user, _)| *user);
    let mut expected = vec![(cleo, Offline), (dan, Online)];
    expected.sort_unstable_by_key(|(user, _)| *user);
    assert_eq!(heard, expected, "what changed and changed back is not told");
    Ok(())
}

/// Nearly as many events as a queue holds, and signals besides.
async fn presence_closes_no_connection_and_loses_no_event(nodes: &Nodes) -> Outcome {
    const EVENTS: usize = 448;
    let w = start(nodes).await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let direct = w.direct(ada, bob).await?;
    let (mut late, mut quick) = (connect(&w, bob).await?, connect(&w, bob).await?);
    let mut said = 0;
    while said < EVENTS {
        if said % 64 == 0 {
            drop(connect(&w, cleo).await?);
            w.messenger.set_typing(ada, direct).await?;
        }
        w.say(ada, direct, "again").await?;
        said += 1;
    }
    let mut events = 0;
    while events < EVENTS {
        let update = tokio::time::timeout(PATIENCE, quick.next()).await.expect("the events come")?;
        events += usize::from(matches!(update, Update::Event(_)));
    }
    let mut events = 0;
    while events < EVENTS {
        match tokio::time::timeout(PATIENCE, late.next()).await.expect("the events come") {
            Ok(Update::Event(_)) => events += 1,
            Ok(Update::Signal(_)) => assert_eq!(events, EVENTS, "events go first"),
            Ok(_) => {}
            Err(Ended::Closed(reason @ CloseReason::Lagging)) => panic!("closed: {reason:?}"),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}

async fn who_waits_for_events_only_is_online_and_told_nothing(nodes: &Nodes) -> Outcome {
    let w = start(nodes).await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let mut bobs = connect(&w, bob).await?;
    let mut adas = w.messenger.subscribe(w.messenger.cursor(ada).await?).await?.without_signals();
    while !matches!(adas.next().await?, Update::CaughtUp) {}
    assert_eq!(told(&mut bobs).await?, (ada, Online));
    w.messenger.set_typing(bob, direct).await?;
    w.say(bob, direct, "hello").await?;
    let update = tokio::time::timeout(PATIENCE, adas.next()).await.expect("the event comes")?;
    assert!(matches!(update, Update::Event(_)), "{update:?}");
    Ok(())
}
