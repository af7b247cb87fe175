//! Faults between COMMIT and its answer: nothing is doubled, and nothing is
//! answered falsely. And commits that are slow while others are not.

use super::failure::Outcome;
use super::people::{draft, draft_under};
use super::race::at_once;
use super::races_in_conversations::crowd;
use super::world::{Nodes, World};
use super::{Case, alone};
use crate::error::{Error, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::Relationship;
use crate::id::{ConversationId, UserId};
use crate::message::Message;
use crate::service::messages::Sent;
use crate::store::StoreError;

pub(super) const CASES: &[Case] = alone!("faults":
    a_send_that_was_not_committed_is_not_answered_as_sent,
    a_send_that_was_committed_is_answered_as_sent,
    a_change_that_was_not_committed_may_be_made_again,
    a_change_that_was_committed_is_not_answered_as_refused,
    sends_that_are_repeated_until_answered_are_stored_once,
    sends_that_are_not_repeated_are_what_their_answer_says,
    a_slow_commit_leaves_no_gap_for_a_reader,
);

const BEFORE: &str = "commit::before";
const AFTER: &str = "commit::after";
const SLOW: &str = "commit::slow";

fn outcome_unknown<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::Store(StoreError::OutcomeUnknown(_))))
}

async fn stage(nodes: &Nodes) -> Result<(World, World, UserId, UserId, ConversationId), super::Failure> {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    Ok((here, there, ada, bob, direct))
}

/// One event for every message.
async fn assert_told_once(w: &World, place: ConversationId, messages: &[Message]) -> Outcome {
    let told = w.told(Audience::Conversation(place)).await?;
    for message in messages {
        let sent = Fact::MessageSent { conversation_id: place, message_id: message.id };
        assert_eq!(told.iter().filter(|fact| **fact == sent).count(), 1);
    }
    assert_eq!(told.len(), messages.len() + 1, "and one for the conversation");
    w.assert_log_is_dense().await?;
    Ok(())
}

async fn a_send_that_was_not_committed_is_not_answered_as_sent(nodes: &Nodes) -> Outcome {
    let (here, there, ada, _, direct) = stage(nodes).await?;
    for key in ["one", "two", "three"] {
        let stored = here.transcript(direct).await?;
        let fault = nodes.fail_at(BEFORE, "1*return");
        let lost = here.send(ada, direct, draft_under(key, "hello")).await;
        drop(fault);
        assert!(matches!(lost, Err(Error::Store(StoreError::Unavailable(_)))), "it is known not to be there: {lost:?}");
        assert_eq!(there.transcript(direct).await?, stored);
        let again = there.send(ada, direct, draft_under(key, "hello")).await?;
        assert!(matches!(again, Sent::Stored(_)), "{again:?}");
    }
    assert_told_once(&here, direct, &here.transcript(direct).await?).await
}

async fn a_send_that_was_committed_is_answered_as_sent(nodes: &Nodes) -> Outcome {
    let (here, there, ada, _, direct) = stage(nodes).await?;
    for key in ["one", "two", "three"] {
        let fault = nodes.fail_at(AFTER, "1*return");
        let sent = here.send(ada, direct, draft_under(key, "hello")).await?;
        drop(fault);
        let Sent::Stored(message) = sent else { panic!("{sent:?}") };
        assert_eq!(there.transcript(direct).await?.last(), Some(&message));
        assert_eq!(there.send(ada, direct, draft_under(key, "hello")).await?, Sent::Repeated(message));
    }
    assert_eq!(here.transcript(direct).await?.len(), 3);
    assert_told_once(&here, direct, &here.transcript(direct).await?).await
}

async fn a_change_that_was_not_committed_may_be_made_again(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.users(["ada", "bob"]).await?;
    let fault = nodes.fail_at(BEFORE, "1*return");
    let lost = here.messenger.request_friendship(ada, bob).await;
    drop(fault);
    assert!(outcome_unknown(&lost), "{lost:?}");
    assert_eq!(there.relationship(ada, bob).await?, Relationship::None);
    assert_eq!(there.log_length().await?, 0);
    there.messenger.request_friendship(ada, bob).await?;
    Ok(())
}

async fn a_change_that_was_committed_is_not_answered_as_refused(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.users(["ada", "bob"]).await?;
    let fault = nodes.fail_at(AFTER, "1*return");
    let lost = here.messenger.request_friendship(ada, bob).await;
    drop(fault);
    assert!(outcome_unknown(&lost), "it is neither done nor refused: {lost:?}");
    assert_eq!(there.relationship(ada, bob).await?, Relationship::OutgoingRequest);
    assert_eq!(there.log_length().await?, 2, "told to both, once");
    let again = there.messenger.request_friendship(ada, bob).await;
    assert!(matches!(again, Err(Error::Refused(Refusal::FriendRequestExists))), "{again:?}");
    Ok(())
}

/// Many senders, while a third of all commits lose their answer, half of them
/// before they are carried out and half after.
async fn sends_that_are_repeated_until_answered_are_stored_once(nodes: &Nodes) -> Outcome {
    let (here, there, ada, bob, direct) = stage(nodes).await?;
    let faults = [nodes.fail_at(BEFORE, "15%return"), nodes.fail_at(AFTER, "20%return")];
    let tasks = (0..16).map(|index| {
        let (w, sender) = if index % 2 == 0 { (here.clone(), ada) } else { (there.clone(), bob) };
        async move {
            let mut answers = vec![];
            for number in 0..6 {
                let draft = draft_under(&format!("{index} {number}"), &format!("hello {index} {number}"));
                answers.push(send_until_answered(&w, sender, direct, &draft).await);
            }
            answers
        }
    });
    let mut answers: Vec<_> = at_once(tasks).await.into_iter().flatten().collect();
    drop(faults);
    answers.sort_by_key(|message| message.seq);
    let transcript = here.transcript(direct).await?;
    assert_eq!(transcript.len(), 16 * 6);
    assert_eq!(answers, transcript, "every answer is a message, and every message was answered");
    assert_told_once(&there, direct, &transcript).await
}

async fn send_until_answered(
    w: &World,
    sender: UserId,
    place: ConversationId,
    draft: &crate::service::messages::Draft,
) -> Message {
    for _ in 0..100 {
        match w.messenger.send_message(sender, place, draft.clone()).await {
            Ok(sent) => return sent.into_message(),
            Err(Error::Store(error)) if error.is_transient() => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    panic!("no answer after a hundred attempts")
}

async fn sends_that_are_not_repeated_are_what_their_answer_says(nodes: &Nodes) -> Outcome {
    let (here, there, ada, bob, direct) = stage(nodes).await?;
    let faults = [nodes.fail_at(BEFORE, "25%return"), nodes.fail_at(AFTER, "25%return")];
    let tasks = (0..16).map(|index| {
        let (w, sender) = if index % 2 == 0 { (here.clone(), ada) } else { (there.clone(), bob) };
        async move {
            let mut answers = vec![];
            for number in 0..6 {
                let text = format!("hello {index} {number}");
                answers.push((text.clone(), w.messenger.send_message(sender, direct, draft(&text)).await));
            }
            answers
        }
    });
    let answers: Vec<_> = at_once(tasks).await.into_iter().flatten().collect();
    drop(faults);
    let transcript = here.transcript(direct).await?;
    for (text, answer) in answers {
        let stored: Vec<_> =
            transcript.iter().filter(|m| m.body.as_ref().is_some_and(|body| body.as_str() == text)).collect();
        match answer {
            Ok(sent) => assert_eq!(stored, [&sent.into_message()], "it was answered as sent"),
            Err(Error::Store(StoreError::OutcomeUnknown(_))) => assert!(stored.len() <= 1, "{stored:?}"),
            Err(Error::Store(_)) => assert!(stored.is_empty(), "it was answered as not sent: {stored:?}"),
            Err(error) => panic!("{error:?}"),
        }
    }
    assert_told_once(&there, direct, &transcript).await
}

/// Now and then a commit holds the log's counters for long.
async fn a_slow_commit_leaves_no_gap_for_a_reader(nodes: &Nodes) -> Outcome {
    let _slow = nodes.fail_at(SLOW, "2%return(40)");
    crowd(nodes, 10).await
}
