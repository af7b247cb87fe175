//! Batches of any size do what their operations would do one by one.

use std::collections::HashSet;

use messenger_core::event::{Event, Fact, NewEvent};
use messenger_core::lane::LaneOptions;
use messenger_core::message::{MessageBody, Seq};
use messenger_core::service::messages::Draft;
use proptest::prelude::*;

use crate::fixtures::client_id;
use crate::world::{CONVERSATIONS, Doing, TestIds, USERS, World, at_place, draft, together};

/// Something that someone wants. Messages are named by how manieth send they
/// are, so also by those that are still to come, or were refused.
#[derive(Debug, Clone)]
enum Wish {
    Send { body: u8, key: Option<u8>, reply_to: Option<u64> },
    Edit { nth: u64, body: u8 },
    Delete { nth: u64 },
    MarkRead { seq: i64 },
}

#[derive(Debug, Clone)]
struct Op {
    user: u128,
    conversation: u128,
    wish: Wish,
}

fn wish() -> impl Strategy<Value = Wish> {
    let nth = 0..24_u64;
    prop_oneof![
        4 => (0..3_u8, prop::option::of(0..3_u8), prop::option::weighted(0.2, nth.clone()))
            .prop_map(|(body, key, reply_to)| Wish::Send { body, key, reply_to }),
        2 => (nth.clone(), 0..3_u8).prop_map(|(nth, body)| Wish::Edit { nth, body }),
        1 => nth.prop_map(|nth| Wish::Delete { nth }),
        3 => (0..7_i64).prop_map(|seq| Wish::MarkRead { seq }),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    // Mostly one group and few people, so that operations meet.
    let user = prop_oneof![6 => prop::sample::select(&USERS[..2]), 2 => prop::sample::select(&USERS[..]), 1 => Just(9)];
    let conversation = prop_oneof![
        6 => prop::sample::select(&CONVERSATIONS[..1]),
        4 => prop::sample::select(&CONVERSATIONS[..]),
        1 => Just(99),
    ];
    (user, conversation, wish()).prop_map(|(user, conversation, wish)| Op { user, conversation, wish })
}

fn body(n: u8) -> MessageBody {
    MessageBody::parse(&format!("body {n}")).expect("valid")
}

/// Does it, and says what was answered.
fn perform<'a>(world: &'a World, op: &'a Op) -> Doing<'a, String> {
    let (viewer, conversation) = at_place(op.user, op.conversation);
    let messenger = &world.messenger;
    Box::pin(async move {
        Ok(match &op.wish {
            Wish::Send { body: n, key, reply_to } => {
                let draft = Draft {
                    client_id: key.map(|key| client_id(&format!("key {key}"))),
                    reply_to: reply_to.map(TestIds::nth),
                    ..draft(body(*n).as_str())
                };
                format!("{:?}", messenger.send_message(viewer, conversation, draft).await)
            }
            Wish::Edit { nth, body: n } => {
                let edited = messenger.edit_message(viewer, conversation, TestIds::nth(*nth), body(*n)).await;
                format!("{edited:?}")
            }
            Wish::Delete { nth } => {
                format!("{:?}", messenger.delete_message(viewer, conversation, TestIds::nth(*nth)).await)
            }
            Wish::MarkRead { seq } => {
                format!("{:?}", messenger.mark_read(viewer, conversation, Seq::from_stored(*seq)).await)
            }
        })
    })
}

/// What a batch says of what was said one by one: of each marker the last move.
fn coalesced(events: Vec<Event>) -> Vec<NewEvent> {
    let mut moved = HashSet::new();
    let mut kept: Vec<_> = events
        .into_iter()
        .rev()
        .map(|event| event.event)
        .filter(|event| !matches!(event.fact, Fact::ReadAdvanced { .. }) || moved.insert(event.fact))
        .collect();
    kept.reverse();
    kept
}

/// Everything that was stored, but for the log.
async fn state(world: &World) -> Vec<String> {
    let mut state = Vec::new();
    for conversation in CONVERSATIONS {
        state.push(format!("{:?}", world.conversation(conversation).await));
        for message in world.messages(conversation).await {
            state.push(format!("{message:?}"));
        }
        for user in USERS {
            state.push(format!("{:?}", world.membership(conversation, user).await));
        }
    }
    state
}

/// What holds of every conversation, whatever happened (I4, I6).
async fn assert_sound(world: &World) {
    for conversation in CONVERSATIONS {
        let stored = world.conversation(conversation).await;
        let messages = world.messages(conversation).await;
        let seqs: Vec<_> = messages.iter().map(|message| message.seq.get()).collect();
        assert_eq!(seqs, (1..=stored.last_seq.get()).collect::<Vec<_>>());
        for membership in USERS.map(|user| world.membership(conversation, user)) {
            let Some(membership) = membership.await else { continue };
            let own = messages
                .iter()
                .filter(|message| message.sender_id == membership.user_id && message.seq > membership.read_seq);
            assert_eq!(i64::try_from(own.count()).expect("few"), membership.own_after_read);
        }
    }
}

async fn compare(batches: Vec<Vec<Op>>) {
    let batched = World::new().await;
    let single = World::with_lanes(LaneOptions { batch_limit: 1, ..LaneOptions::default() }).await;
    let mut heads = [5, 5];
    for (number, batch) in batches.iter().enumerate() {
        let answers = together(batch.iter().map(|op| perform(&batched, op)).collect()).await;
        let mut expected = Vec::new();
        for op in batch {
            expected.push(perform(&single, op).await.expect("says what was answered"));
        }
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("says what was answered")).collect();
        assert_eq!(answers, expected, "the answers to batch {number}");
        assert_eq!(batched.store.begun(), number + 1, "a batch is one transaction");
        let told = batched.events_after(heads[0]).await;
        let told_singly = single.events_after(heads[1]).await;
        heads[0] += i64::try_from(told.len()).expect("few");
        heads[1] += i64::try_from(told_singly.len()).expect("few");
        let told: Vec<_> = told.into_iter().map(|event| event.event).collect();
        assert_eq!(told, coalesced(told_singly), "the events of batch {number}");
        assert_eq!(state(&batched).await, state(&single).await, "the state after batch {number}");
        batched.clock.advance();
        single.clock.advance();
    }
    assert_sound(&batched).await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_batch_does_what_its_operations_do_one_by_one(
        batches in prop::collection::vec(prop::collection::vec(op(), 1..40), 1..5)
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(compare(batches));
    }
}
