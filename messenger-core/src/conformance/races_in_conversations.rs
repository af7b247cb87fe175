//! Races in conversations: numbers and positions stay dense, and what was
//! repeated stays one.

use std::collections::HashMap;

use super::failure::Outcome;
use super::people::{draft, draft_under, view};
use super::poller::Poller;
use super::race::{REPETITIONS, at_once};
use super::rows::{client_id, seq, title};
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::error::{Error, Refusal, Result};
use crate::event::{Audience, Event, Fact};
use crate::id::{ConversationId, UserId};
use crate::service::conversations::{NewGroup, Opened};
use crate::service::messages::Sent;

pub(super) const CASES: &[Case] = own_database!("races_in_conversations":
    thirty_two_sends_of_one_client_id_are_one_message,
    thirty_two_different_sends_of_one_client_id_store_one,
    thirty_two_openings_are_one_direct_conversation,
    sixteen_creations_of_one_client_id_are_one_group,
    sixty_four_senders_into_eight_conversations_leave_no_gap,
    unread_does_not_drift_in_a_race,
    everyone_leaving_at_once_leaves_nothing_or_one_owner,
);

async fn thirty_two_sends_of_one_client_id_are_one_message(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    for repetition in 0..REPETITIONS {
        let tasks = (0..32).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let draft = draft_under(&format!("key {repetition}"), "hello");
            async move { m.send_message(ada, direct, draft).await }
        });
        let answers = at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        assert_eq!(answers.iter().filter(|sent| matches!(sent, Sent::Stored(_))).count(), 1);
        let messages: Vec<_> = answers.into_iter().map(Sent::into_message).collect();
        assert!(messages.iter().all(|message| *message == messages[0]), "32 equal answers: {messages:?}");
        assert_eq!(messages[0].seq.get(), i64::try_from(repetition)? + 1, "one message");
        let sent = Fact::MessageSent { conversation_id: direct, message_id: messages[0].id };
        let told = here.told(Audience::Conversation(direct)).await?;
        assert_eq!(told.iter().filter(|fact| **fact == sent).count(), 1, "one event");
        assert_eq!(told.len(), repetition + 2, "and no other");
    }
    assert_eq!(here.transcript(direct).await?.len(), REPETITIONS);
    Ok(())
}

async fn thirty_two_different_sends_of_one_client_id_store_one(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    for repetition in 0..5 {
        let tasks = (0..32).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let draft = draft_under(&format!("key {repetition}"), &format!("hello {index}"));
            async move { m.send_message(ada, direct, draft).await }
        });
        let answers = at_once(tasks).await;
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Ok(Sent::Stored(_)))).count(), 1);
        let reused = |answer: &&Result<Sent>| matches!(answer, Err(Error::Refused(Refusal::ClientIdReused)));
        assert_eq!(answers.iter().filter(reused).count(), 31);
    }
    assert_eq!(here.transcript(direct).await?.len(), 5);
    Ok(())
}

async fn thirty_two_openings_are_one_direct_conversation(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..REPETITIONS {
        let [ada, bob] = here.friends([&format!("ada{repetition}"), &format!("bob{repetition}")]).await?;
        let tasks = (0..32).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let (viewer, other) = if index % 3 == 0 { (ada, bob) } else { (bob, ada) };
            async move { m.open_direct_conversation(viewer, other).await }
        });
        let answers = at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        assert_eq!(answers.iter().filter(|opened| matches!(opened, Opened::Created(_))).count(), 1);
        let ids: Vec<_> = answers.into_iter().map(|opened| view(opened).conversation.id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(here.told(Audience::Conversation(ids[0])).await?.len(), 1);
    }
    Ok(())
}

async fn sixteen_creations_of_one_client_id_are_one_group(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    for repetition in 0..20 {
        let tasks = (0..16).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let key = Some(client_id(&format!("key {repetition}")));
            let new = NewGroup { title: title("Crew"), member_ids: vec![bob], client_id: key };
            async move { m.create_group(ada, new).await }
        });
        let answers = at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        assert_eq!(answers.iter().filter(|opened| matches!(opened, Opened::Created(_))).count(), 1);
        let views: Vec<_> = answers.into_iter().map(view).collect();
        assert!(views.iter().all(|view| *view == views[0]), "{views:?}");
    }
    Ok(())
}

async fn sixty_four_senders_into_eight_conversations_leave_no_gap(nodes: &Nodes) -> Outcome {
    crowd(nodes, REPETITIONS).await
}

/// Sixty-four tasks send into eight conversations, over two nodes, while a
/// reader polls the log. What the reader has seen up to a position is all there
/// ever is up to it.
pub(super) async fn crowd(nodes: &Nodes, repetitions: usize) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let users = here.users(["ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal"]).await?;
    let mut places = vec![];
    for owner in users {
        places.push((owner, here.group(owner, &[]).await?));
    }
    let reader = Poller::start(&there);
    for _ in 0..repetitions {
        let tasks = (0..64).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let (user, place) = places[index % 8];
            async move { m.send_message(user, place, draft("x")).await }
        });
        at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
    }
    let seen = reader.finish().await?;
    let log = here.log().await?;
    assert_eq!(seen, log, "who polled has seen all of it, in order");
    here.assert_log_is_dense().await?;
    for (_, place) in places {
        assert_sent_in_order(&here, place, &log, repetitions * 8).await?;
    }
    Ok(())
}

/// Numbers are dense, and positions stand in the numbers' order.
async fn assert_sent_in_order(w: &World, place: ConversationId, log: &[Event], count: usize) -> Outcome {
    let messages = w.transcript(place).await?;
    let numbers: Vec<_> = messages.iter().map(|message| message.seq.get()).collect();
    assert_eq!(numbers, (1..=i64::try_from(count)?).collect::<Vec<_>>());
    let numbers: HashMap<_, _> = messages.iter().map(|message| (message.id, message.seq.get())).collect();
    let told = log.iter().filter_map(|event| match event.event.fact {
        Fact::MessageSent { conversation_id, message_id } if conversation_id == place => Some(numbers[&message_id]),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), (1..=i64::try_from(count)?).collect::<Vec<_>>());
    Ok(())
}

async fn unread_does_not_drift_in_a_race(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let users = here.friends(["ada", "bob", "cleo", "dan"]).await?;
    let group = here.group(users[0], &users[1..]).await?;
    for _ in 0..10 {
        let tasks = (0..32).map(|index| {
            let w = if index % 2 == 0 { here.clone() } else { there.clone() };
            let user = users[index % 4];
            async move { talk_or_read(&w, user, group, index / 4).await }
        });
        at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        let messages = here.transcript(group).await?;
        for user in users {
            let view = here.messenger.conversation(user, group).await?;
            let unread = messages.iter().filter(|m| m.seq > view.read_seq && m.sender_id != user).count();
            assert_eq!(view.unread_count, i64::try_from(unread)?);
        }
    }
    Ok(())
}

async fn talk_or_read(w: &World, user: UserId, group: ConversationId, index: usize) -> Result<()> {
    match index % 3 {
        0 => {
            let last = w.messenger.conversation(user, group).await?.conversation.last_seq;
            w.messenger.mark_read(user, group, last).await.map(drop)
        }
        1 => {
            let message = w.say(user, group, "oops").await?;
            w.messenger.mark_read(user, group, seq(message.seq.get() - 1)).await?;
            w.messenger.delete_message(user, group, message.id).await
        }
        _ => w.say(user, group, "x").await.map(drop),
    }
}

async fn everyone_leaving_at_once_leaves_nothing_or_one_owner(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let users = here.friends(["ada", "bob", "cleo", "dan"]).await?;
    for repetition in 0..20 {
        let group = here.group(users[0], &users[1..]).await?;
        let leaving = if repetition % 2 == 0 { 4 } else { 3 };
        let tasks = users.iter().take(leaving).enumerate().map(|(index, &user)| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            async move { m.leave_conversation(user, group).await }
        });
        at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        if leaving == 4 {
            assert_eq!(here.read().await?.conversations().find_conversations(&[group]).await?, []);
        } else {
            let view = here.messenger.conversation(users[3], group).await?;
            assert_eq!((view.role, view.conversation.members_count), (crate::conversation::Role::Owner, 1));
        }
    }
    Ok(())
}
