//! Callers that go away, and messengers and runtimes that end.

use std::sync::Arc;

use messenger_core::Messenger;
use messenger_store_sqlite::SqliteStore;

use crate::world::{CREW, World, at_place, draft};

#[tokio::test]
async fn a_caller_that_goes_away_does_not_disturb() {
    let world = Arc::new(World::new().await);
    let gate = world.store.close_gate();
    let send = |body: &'static str| {
        let world = world.clone();
        tokio::spawn(async move { world.send(1, CREW, body).await })
    };
    let under_way = send("under way");
    world.store.until_waiting(1).await;
    let (gone, stays) = (send("gone"), send("stays"));
    while world.ids.made() < 3 {
        tokio::task::yield_now().await;
    }
    under_way.abort();
    gone.abort();
    assert!(under_way.await.is_err() && gone.await.is_err(), "both were aborted");
    drop(gate);
    stays.await.expect("ends well").expect("sends");
    // What was begun is done; what had not been begun is left out.
    assert_eq!(world.bodies(CREW).await, ["under way", "stays"]);
}

#[tokio::test]
async fn the_lane_ends_with_the_messenger_after_what_it_took() {
    let world = World::new().await;
    let gate = world.store.close_gate();
    let messenger = world.messenger.clone();
    let (viewer, crew) = at_place(1, CREW);
    let caller = tokio::spawn(async move { messenger.send_message(viewer, crew, draft("a")).await });
    world.store.until_waiting(1).await;
    caller.abort();
    assert!(caller.await.is_err(), "aborted");
    let store = Arc::downgrade(&world.store);
    let files = world.into_files();
    assert_eq!(store.strong_count(), 1, "the lane holds it for the time of a batch");
    drop(gate);
    while store.strong_count() > 0 {
        tokio::task::yield_now().await;
    }
    let messenger = Messenger::new(files.store.clone());
    let sent = messenger.send_message(viewer, crew, draft("b")).await.expect("sends").into_message();
    assert_eq!(sent.seq.get(), 2, "what was taken was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_messenger_frees_its_file() {
    let world = World::new().await;
    let directory = world.into_files().into_directory();
    let (viewer, crew) = at_place(1, CREW);
    for n in 1..=50 {
        let store = SqliteStore::open(directory.path().join("messenger.db")).await.expect("nobody has it open");
        let messenger = Messenger::new(store);
        let sent = messenger.send_message(viewer, crew, draft("a")).await.expect("sends").into_message();
        assert_eq!(sent.seq.get(), n);
    }
}

#[test]
fn a_messenger_outlives_the_runtime_that_it_was_used_on() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let first = runtime();
    let world = first.block_on(async {
        let world = World::new().await;
        world.send(1, CREW, "a").await.expect("sends");
        world
    });
    drop(first);
    runtime().block_on(async {
        world.send(1, CREW, "b").await.expect("sends");
        assert_eq!(world.bodies(CREW).await, ["a", "b"]);
    });
}

#[test]
fn a_lane_with_a_thread_of_its_own_outlives_the_runtime_that_it_was_started_on() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (viewer, crew) = at_place(1, CREW);
    let first = runtime();
    let (files, messenger) = first.block_on(async {
        let files = World::new().await.into_files();
        let messenger = Messenger::new(files.store.clone());
        messenger.send_message(viewer, crew, draft("a")).await.expect("sends");
        (files, messenger)
    });
    drop(first);
    // A conflict, after which the lane pauses before it tries again.
    let other_process = rusqlite::Connection::open(files.path()).expect("opens");
    other_process.execute("UPDATE users SET bio = 'changed'", []).expect("writes");
    runtime().block_on(async {
        let sent = messenger.send_message(viewer, crew, draft("b")).await.expect("sends").into_message();
        assert_eq!(sent.seq.get(), 2);
    });
}
