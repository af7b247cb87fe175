//! Many at once, on threads of their own.

use messenger_core::lane::LaneOptions;

use crate::fixtures::{TestStore, conversation_id, group, membership, user_id};
use crate::world::draft;
use messenger_core::Messenger;
use messenger_core::conversation::{Conversation, Role};
use messenger_core::event::{Audience, Fact, Partition, Position};
use messenger_core::message::MessageRange;
use messenger_core::store::Store as _;
use messenger_store_sqlite::{SqliteOptions, SqliteStore};
use std::sync::Arc;

const SENDERS: u128 = 128;
const GROUPS: u128 = 8;
const SENDS: usize = 10;

/// A store in which every sender is in every group.
async fn crowded(partitions: u16) -> TestStore {
    let files = TestStore::open_with(|path| SqliteOptions {
        partitions: messenger_core::event::PartitionCount::try_new(partitions).expect("not zero"),
        ..SqliteOptions::new(path)
    })
    .await
    .with_users(SENDERS)
    .await;
    let mut tx = files.begin().await;
    let mut events = Vec::new();
    for n in 0..GROUPS {
        let members_count = i64::try_from(SENDERS).expect("few");
        let group = Conversation { members_count, ..group(1_000 + n, user_id(1)) };
        let members: Vec<_> = (1..=SENDERS).map(|user| membership(&group, user_id(user), Role::Member)).collect();
        tx.conversations().insert_conversation(&group).await.expect("inserts");
        tx.conversations().insert_memberships(&members).await.expect("inserts");
        let conversation_id = group.id;
        events.push(crate::fixtures::event(
            Audience::Conversation(conversation_id),
            Fact::ConversationCreated { conversation_id },
        ));
    }
    tx.commit(&events).await.expect("commits");
    files
}

async fn positions(store: &SqliteStore, partitions: u16) -> Vec<Vec<i64>> {
    let mut snapshot = store.read().await.expect("reads");
    let mut positions = Vec::new();
    for partition in 0..partitions {
        let partition = Partition::from_stored(partition);
        let events = snapshot.events().list_events(partition, Position::ZERO, 10_000).await.expect("reads");
        positions.push(events.iter().map(|event| event.position.get()).collect());
    }
    positions
}

/// All send at once; answers how many transactions it took.
async fn send_all(files: &TestStore, options: LaneOptions) -> usize {
    let store = Arc::new(crate::faulty_store::FaultyStore::new(files.store.clone()));
    let messenger = Messenger::builder(store.clone()).lanes(options).build();
    let tasks: Vec<_> = (1..=SENDERS)
        .map(|sender| {
            let messenger = messenger.clone();
            tokio::spawn(async move {
                let group = conversation_id(1_000 + sender % GROUPS);
                let mut seqs = Vec::new();
                for _ in 0..SENDS {
                    let sent = messenger.send_message(user_id(sender), group, draft("hello")).await.expect("sends");
                    seqs.push(sent.into_message().seq);
                }
                assert!(seqs.is_sorted(), "own messages in their order: {seqs:?}");
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("ends well");
    }
    store.committed()
}

async fn assert_dense(files: &TestStore, partitions: u16) {
    let mut snapshot = files.store.read().await.expect("reads");
    let each = i64::try_from(SENDS).expect("few") * i64::try_from(SENDERS / GROUPS).expect("few");
    for n in 0..GROUPS {
        let id = conversation_id(1_000 + n);
        let messages = snapshot.messages().list_messages(id, MessageRange::Latest, 10_000).await.expect("reads");
        let seqs: Vec<_> = messages.iter().map(|message| message.seq.get()).collect();
        assert_eq!(seqs, (1..=each).collect::<Vec<_>>());
        let found = snapshot.conversations().find_conversations(&[id]).await.expect("reads");
        assert_eq!(found[0].last_seq.get(), each);
    }
    let positions = positions(&files.store, partitions).await;
    for positions in &positions {
        let last = i64::try_from(positions.len()).expect("few");
        assert_eq!(*positions, (1..=last).collect::<Vec<_>>());
    }
    let events: usize = positions.iter().map(Vec::len).sum();
    assert_eq!(events, usize::try_from(GROUPS).expect("few") + sends());
}

fn sends() -> usize {
    SENDS * usize::try_from(SENDERS).expect("few")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_and_positions_are_dense_under_many_senders() {
    let files = crowded(1).await;
    let transactions = send_all(&files, LaneOptions::default()).await;
    assert!(transactions < sends() / 2, "{transactions} transactions for {} sends", sends());
    assert_dense(&files, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_lanes_share_the_partitions() {
    let files = crowded(8).await;
    send_all(&files, LaneOptions { count: 3, ..LaneOptions::default() }).await;
    assert_dense(&files, 8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_of_one_are_a_transaction_each() {
    let files = crowded(1).await;
    let transactions = send_all(&files, LaneOptions { batch_limit: 1, ..LaneOptions::default() }).await;
    assert_eq!(transactions, sends());
    assert_dense(&files, 1).await;
}
