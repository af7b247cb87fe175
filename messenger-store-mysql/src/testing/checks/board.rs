//! What nodes tell each other.

use std::time::Duration;

use messenger_core::id::{ConversationId, NodeId, UserId};
use messenger_core::store::{NodeHead, NodeState, Note, Post, SignalBoard, Standing, Store as _, StoreResult};
use uuid::Uuid;

use super::fixture::Fixture;
use crate::MySqlStore;

const LONG: Duration = Duration::from_mins(10);

fn node(number: u128) -> NodeId {
    NodeId::from_uuid(Uuid::from_u128(number))
}

fn user(number: u128) -> UserId {
    UserId::from_uuid(Uuid::from_u128(number))
}

fn board(store: &MySqlStore) -> &dyn SignalBoard {
    store.board().expect("this store has one")
}

async fn post(store: &MySqlStore, number: u128, first: i64, notes: &[Note]) -> StoreResult<Standing> {
    let post = Post { node_id: node(number), first, notes, forget_below: 0, lifetime: LONG };
    board(store).post(post).await
}

async fn heads(store: &MySqlStore) -> Vec<NodeHead> {
    let mut nodes = store.poll().await.expect("polls").nodes;
    nodes.sort_unstable_by_key(|head| head.node_id);
    nodes
}

async fn online(store: &MySqlStore, number: u128) -> Option<(i64, Vec<UserId>)> {
    let mut found = board(store).read_online(node(number)).await.expect("reads");
    if let Some((_, users)) = &mut found {
        users.sort_unstable();
    }
    found
}

/// What one node puts up, in order, and who is online on it then.
pub(crate) async fn notes_are_read_in_order_and_keep_the_list_in_step(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let board = board(&store);
    board.join(node(1), None, &[user(1), user(2)], LONG).await.expect("joins");
    assert_eq!(heads(&store).await, [NodeHead { node_id: node(1), head: 0, state: NodeState::Alive }]);
    let typing = Note::Typing(user(9), ConversationId::from_uuid(Uuid::from_u128(5)));
    let notes = [Note::Online(user(3)), Note::Online(user(1)), Note::Offline(user(2)), typing, Note::Offline(user(8))];
    assert_eq!(post(&store, 1, 1, &notes).await.expect("posts"), Standing::Present);
    assert_eq!(
        post(&store, 1, 6, &[Note::Offline(user(3)), Note::Online(user(3))]).await.expect("posts"),
        Standing::Present
    );
    assert_eq!(online(&store, 1).await, Some((7, vec![user(1), user(3)])));
    assert_eq!(heads(&store).await[0].head, 7);
    let read = board.read_notes(node(1), 0, 5).await.expect("reads");
    assert_eq!(read, (1..).zip(notes).collect::<Vec<_>>());
    let read = board.read_notes(node(1), 6, 5).await.expect("reads");
    assert_eq!(read, [(7, Note::Online(user(3)))]);
    let forgetful = Post { node_id: node(1), first: 8, notes: &[typing], forget_below: 6, lifetime: LONG };
    board.post(forgetful).await.expect("posts");
    let numbers = board.read_notes(node(1), 0, 5).await.expect("reads").into_iter().map(|(number, _)| number);
    assert_eq!(numbers.collect::<Vec<_>>(), [6, 7, 8]);
    // More than one statement holds.
    let many: Vec<_> = (100..700).map(|number| Note::Online(user(number))).collect();
    post(&store, 1, 9, &many).await.expect("posts");
    assert_eq!(online(&store, 1).await.map(|(head, users)| (head, users.len())), Some((608, 602)));
    store.close().await;
    fixture.drop_database().await;
}

/// Whoever is not on the board can put nothing up.
pub(crate) async fn a_node_that_is_not_on_the_board_is_told_so(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let board = board(&store);
    assert_eq!(post(&store, 1, 1, &[Note::Online(user(1))]).await.expect("answers"), Standing::Removed);
    assert_eq!(board.beat(node(1), LONG).await.expect("answers"), Standing::Removed);
    assert_eq!((online(&store, 1).await, heads(&store).await), (None, vec![]));
    board.join(node(1), None, &[user(1)], LONG).await.expect("joins");
    assert_eq!(board.beat(node(1), LONG).await.expect("answers"), Standing::Present);
    board.join(node(2), Some(node(1)), &[user(1)], LONG).await.expect("joins in its place");
    assert_eq!((online(&store, 1).await, online(&store, 2).await), (None, Some((0, vec![user(1)]))));
    for _ in 0..2 {
        board.leave(node(2)).await.expect("leaves");
    }
    assert_eq!((online(&store, 2).await, heads(&store).await), (None, vec![]));
    store.close().await;
    fixture.drop_database().await;
}

/// A node that gives no sign of life goes, with everything of it.
pub(crate) async fn a_node_lives_as_long_as_it_said(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let board = board(&store);
    board.join(node(1), None, &[user(1)], Duration::ZERO).await.expect("joins");
    board.join(node(2), None, &[user(2)], LONG).await.expect("joins");
    let states = |heads: Vec<NodeHead>| heads.into_iter().map(|head| head.state).collect::<Vec<_>>();
    assert_eq!(states(heads(&store).await), [NodeState::Expired, NodeState::Alive]);
    assert_eq!(board.beat(node(1), LONG).await.expect("answers"), Standing::Present, "late is not too late");
    board.remove_expired().await.expect("removes");
    assert_eq!(states(heads(&store).await), [NodeState::Alive, NodeState::Alive]);
    assert_eq!(board.beat(node(1), Duration::ZERO).await.expect("answers"), Standing::Present);
    board.remove_expired().await.expect("removes");
    assert_eq!((online(&store, 1).await, online(&store, 2).await), (None, Some((0, vec![user(2)]))));
    store.close().await;
    fixture.drop_database().await;
}

/// One statement tells of the log and of the nodes what two would.
pub(crate) async fn a_poll_tells_of_the_log_too(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    board(&store).join(node(1), None, &[], LONG).await.expect("joins");
    let heads = store.poll().await.expect("polls");
    assert_eq!(heads.log, store.poll_log().await.expect("polls"));
    assert_eq!((heads.log.len(), heads.nodes.len()), (8, 1));
    store.close().await;
    fixture.drop_database().await;
}
