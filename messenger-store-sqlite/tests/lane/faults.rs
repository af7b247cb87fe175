//! What callers are answered when a batch fails, and that the lane goes on.

use messenger_core::error::Error;
use messenger_core::message::{MessageBody, Seq};
use messenger_core::store::{StoreError, UniqueKey};

use crate::faulty_store::Fault;
use crate::world::{CREW, CROWD, Doing, FRIENDS, TestIds, World, at_place, together};

/// Three sends into two conversations.
fn three(world: &World) -> Vec<Doing<'_, messenger_core::message::Message>> {
    vec![world.send(1, CREW, "a"), world.send(2, CROWD, "b"), world.send(3, CREW, "c")]
}

async fn assert_goes_on(world: &World, expected: &[&str]) {
    world.send(1, CREW, "on").await.expect("the lane goes on");
    let bodies = world.bodies(CREW).await;
    assert_eq!(bodies, expected);
    let last_seq = world.conversation(CREW).await.last_seq.get();
    assert_eq!(usize::try_from(last_seq).expect("positive"), bodies.len());
}

#[tokio::test]
async fn a_bad_row_refuses_one_caller() {
    let world = World::new().await;
    world.send(1, CREW, "first").await.expect("sends");
    // The fifth of eight sends gets the id of a stored message.
    world.ids.repeat_at(5);
    let bodies = ["a", "b", "c", "d", "bad", "f", "g", "h"];
    let answers = together(bodies.map(|body| world.send(1, CREW, body)).into()).await;
    for (answer, body) in answers.iter().zip(bodies) {
        match answer {
            Ok(message) => assert_eq!(message.body.as_ref().expect("no tombstone").as_str(), body),
            Err(error) => {
                assert_eq!(body, "bad");
                assert!(matches!(error, Error::Store(StoreError::Unique(UniqueKey::Other))), "{error:?}");
            }
        }
    }
    assert!(answers[4].is_err());
    let seqs: Vec<_> = answers.iter().flatten().map(|message| message.seq.get()).collect();
    assert_eq!(seqs, [2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(world.facts().await.len(), 8);
    assert_goes_on(&world, &["first", "a", "b", "c", "d", "f", "g", "h", "on"]).await;
}

#[tokio::test]
async fn a_conflict_is_tried_again_as_a_whole() {
    let world = World::new().await;
    world.store.fail([Fault::Conflict, Fault::Conflict]);
    let answers = together(three(&world)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!((world.store.begun(), world.store.committed()), (3, 1));
    assert_goes_on(&world, &["a", "c", "on"]).await;
}

#[tokio::test]
async fn conflicts_without_end_are_given_up_and_told_to_all() {
    let world = World::new().await;
    world.store.fail([Fault::Conflict; 8]);
    let answers = together(three(&world)).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::Store(StoreError::Conflict(_)))), "{answer:?}");
    }
    assert_eq!(world.store.begun(), 8);
    assert_goes_on(&world, &["on"]).await;
}

#[tokio::test]
async fn a_backend_that_is_away_is_not_asked_for_each() {
    let world = World::new().await;
    world.store.fail([Fault::Unavailable]);
    let answers = together(three(&world)).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::Store(StoreError::Unavailable(_)))), "{answer:?}");
    }
    assert_eq!(world.store.begun(), 1);
    assert_goes_on(&world, &["on"]).await;
}

#[tokio::test]
async fn a_panic_ends_one_batch() {
    let world = World::new().await;
    world.store.fail([Fault::Panic]);
    let answers = together(three(&world)).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::Internal(_))), "{answer:?}");
    }
    assert_goes_on(&world, &["on"]).await;
}

#[tokio::test]
async fn a_commit_that_was_carried_out_without_an_answer_is_answered() {
    let world = World::new().await;
    world.send(2, CREW, "first").await.expect("sends");
    world.store.fail([Fault::BreakAfterCommit]);
    let (viewer, crew) = at_place(2, CREW);
    let body = MessageBody::parse("edited").expect("valid");
    let mut doing = three(&world);
    doing.push(Box::pin(world.messenger.edit_message(viewer, crew, TestIds::nth(0), body)));
    let answers: Vec<_> = together(doing).await.into_iter().map(|answer| answer.expect("is done")).collect();
    assert_eq!(world.messages(CREW).await, [answers[3].clone(), answers[0].clone(), answers[2].clone()]);
    assert_eq!(world.messages(CROWD).await, [answers[1].clone()]);
    assert_eq!(world.facts().await.len(), 5, "nothing is done twice");
    assert_goes_on(&world, &["edited", "a", "c", "on"]).await;
}

#[tokio::test]
async fn a_commit_that_was_not_carried_out_is_answered_so() {
    let world = World::new().await;
    world.store.fail([Fault::BreakBeforeCommit]);
    let answers = together(three(&world)).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::Store(StoreError::Unavailable(_)))), "{answer:?}");
    }
    assert_goes_on(&world, &["on"]).await;
}

#[tokio::test]
async fn what_cannot_be_told_is_not_told() {
    let world = World::new().await;
    let sent = world.send(1, FRIENDS, "a").await.expect("sends");
    let (viewer, direct) = at_place(1, FRIENDS);
    let edit = |body: &str| {
        let body = MessageBody::parse(body).expect("valid");
        world.messenger.edit_message(viewer, direct, sent.id, body)
    };
    world.store.fail([Fault::BreakBeforeCommit]);
    let answer = edit("b").await;
    assert!(matches!(answer, Err(Error::Store(StoreError::OutcomeUnknown(_)))), "{answer:?}");
    world.store.fail([Fault::BreakAfterCommit]);
    let edited = edit("c").await.expect("its trace is there");
    assert_eq!(world.messages(FRIENDS).await, [edited]);
    world.store.fail([Fault::BreakAfterCommit]);
    let (other, _) = at_place(2, FRIENDS);
    let answer = world.messenger.mark_read(other, direct, Seq::from_stored(1)).await;
    assert!(matches!(answer, Err(Error::Store(StoreError::OutcomeUnknown(_)))), "{answer:?}");
}

#[tokio::test]
async fn an_outcome_that_cannot_be_looked_up_is_unknown() {
    let world = World::new().await;
    world.store.fail([Fault::BreakAfterCommit]);
    world.store.fail_begin_at(2);
    let answers = together(three(&world)).await;
    for answer in answers {
        assert!(matches!(answer, Err(Error::Store(StoreError::OutcomeUnknown(_)))), "{answer:?}");
    }
    assert_goes_on(&world, &["a", "c", "on"]).await;
}
