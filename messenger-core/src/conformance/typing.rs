//! Typing: who may say it, and who is told.

use std::time::Duration;

use super::failure::{Failure, Outcome};
use super::people::refusal;
use super::world::{Nodes, World};
use super::{Case, isolated, own_database};
use crate::conversation::Role;
use crate::error::Refusal;
use crate::id::{ConversationId, UserId};
use crate::live::{Subscription, Update};
use crate::presence::{Signal, TYPING_INTERVAL};
use crate::service::users::UserChanges;
use crate::user::DmPolicy;

pub(super) const CASES: &[Case] = isolated!("typing":
    whoever_may_send_may_type,
    a_stranger_may_not_type,
    who_left_may_not_type,
    who_is_no_longer_a_friend_may_not_type,
    neither_side_of_a_block_may_type,
    who_accepts_everyone_is_typed_to,
    typing_is_not_logged,
);

pub(super) const LIVE_CASES: &[Case] = own_database!("typing":
    the_other_members_are_told,
    the_typists_own_devices_are_not_told,
    who_goes_on_typing_is_passed_on_every_three_seconds,
    neither_side_of_a_block_is_told_in_a_group,
    who_was_removed_is_not_told,
    who_joined_is_told,
    typing_moves_no_cursor,
    who_reads_nothing_is_not_closed_for_signals,
);

async fn whoever_may_send_may_type(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    for place in [w.direct(ada, bob).await?, group] {
        for who in [ada, bob, ada] {
            w.messenger.set_typing(who, place).await?;
        }
    }
    w.messenger.unfriend(ada, bob).await?;
    w.messenger.set_typing(bob, group).await?;
    Ok(())
}

async fn a_stranger_may_not_type(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    for place in [w.direct(ada, bob).await?, w.group(ada, &[bob]).await?, ConversationId::from_uuid(w.uuid())] {
        assert_eq!(refusal(w.messenger.set_typing(cleo, place).await), Refusal::ConversationNotFound);
    }
    Ok(())
}

async fn who_left_may_not_type(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    w.messenger.leave_conversation(bob, group).await?;
    w.messenger.remove_member(ada, group, cleo).await?;
    for who in [bob, cleo] {
        assert_eq!(refusal(w.messenger.set_typing(who, group).await), Refusal::ConversationNotFound);
    }
    Ok(())
}

async fn who_is_no_longer_a_friend_may_not_type(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.messenger.unfriend(ada, bob).await?;
    assert_eq!(refusal(w.messenger.set_typing(ada, direct).await), Refusal::NotFriends(vec![bob]));
    assert_eq!(refusal(w.messenger.set_typing(bob, direct).await), Refusal::NotFriends(vec![ada]));
    Ok(())
}

async fn neither_side_of_a_block_may_type(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    accept_everyone(w, ada).await?;
    accept_everyone(w, bob).await?;
    w.messenger.block(ada, bob).await?;
    assert_eq!(refusal(w.messenger.set_typing(ada, direct).await), Refusal::NotFriends(vec![bob]));
    assert_eq!(refusal(w.messenger.set_typing(bob, direct).await), Refusal::NotFriends(vec![ada]));
    Ok(())
}

async fn who_accepts_everyone_is_typed_to(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.messenger.unfriend(ada, bob).await?;
    accept_everyone(w, bob).await?;
    w.messenger.set_typing(ada, direct).await?;
    assert_eq!(refusal(w.messenger.set_typing(bob, direct).await), Refusal::NotFriends(vec![ada]));
    Ok(())
}

async fn typing_is_not_logged(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let before = (w.log().await?, w.messenger.conversation(ada, direct).await?);
    w.clock.tick();
    w.messenger.set_typing(ada, direct).await?;
    assert_eq!((w.log().await?, w.messenger.conversation(ada, direct).await?), before);
    Ok(())
}

async fn accept_everyone(w: &World, user: UserId) -> Outcome {
    let changes = UserChanges { dm_policy: Some(DmPolicy::Everyone), ..UserChanges::default() };
    w.messenger.update_me(user, changes).await?;
    Ok(())
}

/// A connection that has caught up.
pub(super) async fn connect(w: &World, user: UserId) -> Result<Subscription, Failure> {
    let mut subscription = w.messenger.subscribe(w.messenger.cursor(user).await?).await?;
    while !matches!(subscription.next().await?, Update::CaughtUp) {}
    Ok(subscription)
}

/// A bound on what has to come, not on how fast.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Who types where, as far as a connection is told next.
async fn told(subscription: &mut Subscription) -> Result<(UserId, ConversationId), Failure> {
    loop {
        let update = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("something is told");
        if let Update::Signal(Signal::Typing { user_id, conversation_id, .. }) = update? {
            return Ok((user_id, conversation_id));
        }
    }
}

async fn the_other_members_are_told(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let (direct, group) = (w.direct(ada, bob).await?, w.group(ada, &[bob, cleo]).await?);
    let (mut bobs, mut cleos) = (connect(&w, bob).await?, connect(&w, cleo).await?);
    let mut bobs_second = connect(&w, bob).await?;
    w.messenger.set_typing(ada, direct).await?;
    w.messenger.set_typing(ada, group).await?;
    for device in [&mut bobs, &mut bobs_second] {
        assert_eq!([told(device).await?, told(device).await?], [(ada, direct), (ada, group)]);
    }
    assert_eq!(told(&mut cleos).await?, (ada, group), "and nothing of what is between others");
    Ok(())
}

async fn the_typists_own_devices_are_not_told(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let mut adas = connect(&w, ada).await?;
    w.messenger.set_typing(ada, direct).await?;
    w.messenger.set_typing(bob, direct).await?;
    assert_eq!(told(&mut adas).await?, (bob, direct));
    Ok(())
}

async fn who_goes_on_typing_is_passed_on_every_three_seconds(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (direct, group) = (w.direct(ada, bob).await?, w.group(ada, &[bob]).await?);
    let mut bobs = connect(&w, bob).await?;
    w.messenger.set_typing(ada, direct).await?;
    assert_eq!(told(&mut bobs).await?, (ada, direct));
    for _ in 0..5 {
        w.messenger.set_typing(ada, direct).await?;
    }
    // Another conversation counts for itself, and comes after what was dropped.
    w.messenger.set_typing(ada, group).await?;
    assert_eq!(told(&mut bobs).await?, (ada, group));
    w.clock.advance(TYPING_INTERVAL);
    w.messenger.set_typing(ada, direct).await?;
    assert_eq!(told(&mut bobs).await?, (ada, direct));
    Ok(())
}

async fn neither_side_of_a_block_is_told_in_a_group(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(cleo, &[ada, bob]).await?;
    let (mut adas, mut bobs) = (connect(&w, ada).await?, connect(&w, bob).await?);
    w.messenger.block(ada, bob).await?;
    for who in [ada, bob, cleo] {
        w.messenger.set_typing(who, group).await?;
    }
    for device in [&mut adas, &mut bobs] {
        assert_eq!(told(device).await?, (cleo, group));
    }
    Ok(())
}

async fn who_was_removed_is_not_told(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let (group, other) = (w.group(ada, &[bob, cleo]).await?, w.group(ada, &[cleo]).await?);
    let mut cleos = connect(&w, cleo).await?;
    w.messenger.set_typing(bob, group).await?;
    assert_eq!(told(&mut cleos).await?, (bob, group));
    w.messenger.remove_member(ada, group, cleo).await?;
    w.messenger.set_typing(ada, group).await?;
    w.messenger.set_typing(ada, other).await?;
    assert_eq!(told(&mut cleos).await?, (ada, other));
    Ok(())
}

async fn who_joined_is_told(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let mut cleos = connect(&w, cleo).await?;
    w.messenger.add_member(ada, group, cleo).await?;
    w.messenger.change_role(ada, group, cleo, Role::Admin).await?;
    w.messenger.set_typing(bob, group).await?;
    assert_eq!(told(&mut cleos).await?, (bob, group));
    Ok(())
}

async fn typing_moves_no_cursor(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let mut bobs = connect(&w, bob).await?;
    let before = bobs.cursor();
    w.messenger.set_typing(ada, direct).await?;
    assert_eq!(told(&mut bobs).await?, (ada, direct));
    assert_eq!(bobs.cursor(), before);
    Ok(())
}

/// More signals than a queue of events holds.
async fn who_reads_nothing_is_not_closed_for_signals(nodes: &Nodes) -> Outcome {
    let w = nodes.start().await?;
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let mut bobs = connect(&w, bob).await?;
    for _ in 0..600 {
        w.clock.advance(TYPING_INTERVAL);
        w.messenger.set_typing(ada, direct).await?;
    }
    w.say(ada, direct, "at last").await?;
    let mut events = 0;
    while events == 0 {
        let update = tokio::time::timeout(PATIENCE, bobs.next()).await.expect("the event comes")?;
        events += usize::from(matches!(update, Update::Event(_)));
    }
    Ok(())
}
