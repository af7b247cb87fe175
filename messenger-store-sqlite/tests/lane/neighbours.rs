//! Changes that share a transaction, and see each other in it.

use messenger_core::error::{Error, Refusal};
use messenger_core::event::Fact;
use messenger_core::message::{MessageBody, Seq};
use messenger_core::service::messages::{Draft, Sent};

use crate::fixtures::conversation_id;
use crate::world::{CREW, CROWD, FRIENDS, STRANGERS, TestIds, World, at_place, draft, keyed, together};

fn seqs(messages: &[messenger_core::message::Message]) -> Vec<i64> {
    messages.iter().map(|message| message.seq.get()).collect()
}

fn refusal<T: std::fmt::Debug>(answer: &Result<T, Error>) -> &Refusal {
    match answer {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn what_waits_together_shares_one_commit_and_is_numbered_as_it_came() {
    let world = World::new().await;
    world.send(1, CREW, "first").await.expect("sends");
    assert_eq!((world.store.begun(), world.store.committed()), (1, 1), "a lone send waits for nobody");

    let sends = vec![
        world.send(1, CREW, "a"),
        world.send(2, CROWD, "b"),
        world.send(3, CREW, "c"),
        world.send(1, FRIENDS, "d"),
        world.send(1, CREW, "e"),
    ];
    let answers: Vec<_> = together(sends).await.into_iter().map(|answer| answer.expect("sends")).collect();
    assert_eq!((world.store.begun(), world.store.committed()), (2, 2));
    assert_eq!(seqs(&answers), [2, 1, 3, 1, 4]);
    assert_eq!(world.bodies(CREW).await, ["first", "a", "c", "e"]);
    assert_eq!(world.messages(CREW).await[1..], [&answers[0], &answers[2], &answers[4]].map(Clone::clone));
    assert_eq!(world.conversation(CREW).await.last_seq.get(), 4);
    assert_eq!(world.membership(CREW, 1).await.expect("a member").own_after_read, 3);
    assert_eq!(world.membership(CREW, 3).await.expect("a member").own_after_read, 1);
    let sent = |n, conversation| Fact::MessageSent {
        conversation_id: conversation_id(conversation),
        message_id: TestIds::nth(n),
    };
    assert_eq!(
        world.facts().await,
        [sent(0, CREW), sent(1, CREW), sent(2, CROWD), sent(3, CREW), sent(4, FRIENDS), sent(5, CREW)]
    );
}

#[tokio::test]
async fn a_refused_change_leaves_its_neighbours_alone() {
    let world = World::new().await;
    let reply = |id| Draft { reply_to: Some(id), ..draft("re") };
    let (one, crew) = at_place(1, CREW);
    let messenger = &world.messenger;
    let answers = together(vec![
        world.send(1, CREW, "a"),
        world.send(3, STRANGERS, "b"),
        world.send(2, STRANGERS, "not a member"),
        world.send(9, CREW, "nobody"),
        world.send(1, 99, "nowhere"),
        Box::pin(async { messenger.send_message(one, crew, reply(TestIds::nth(77))).await.map(Sent::into_message) }),
        Box::pin(async { messenger.send_message(one, crew, reply(TestIds::nth(0))).await.map(Sent::into_message) }),
    ])
    .await;
    assert_eq!(answers[0].as_ref().expect("sends").seq.get(), 1);
    assert_eq!(*refusal(&answers[1]), Refusal::NotFriends(vec![at_place(1, CREW).0]));
    for answer in &answers[2..5] {
        assert_eq!(*refusal(answer), Refusal::ConversationNotFound);
    }
    assert_eq!(*refusal(&answers[5]), Refusal::MessageNotFound);
    assert_eq!(answers[6].as_ref().expect("answers a message of the same batch").seq.get(), 2);
    assert_eq!(world.store.begun(), 1);
    assert_eq!(world.bodies(CREW).await, ["a", "re"]);
    assert_eq!(world.facts().await.len(), 2);
}

#[tokio::test]
async fn a_batch_that_changes_nothing_commits_nothing() {
    let world = World::new().await;
    let sent = world.send(1, CREW, "a").await.expect("sends");
    let (viewer, crew) = at_place(1, CREW);
    let body = MessageBody::parse("a").expect("valid");
    let same = Box::pin(world.messenger.edit_message(viewer, crew, sent.id, body));
    let answers = together(vec![same, world.send(3, STRANGERS, "b"), world.send(9, CREW, "c")]).await;
    assert_eq!(*answers[0].as_ref().expect("the same is no change"), sent);
    assert!(answers[1].is_err() && answers[2].is_err());
    assert_eq!((world.store.begun(), world.store.committed()), (2, 1));
    world.send(1, CREW, "b").await.expect("the store is free again");
}

#[tokio::test]
async fn a_key_that_comes_twice_at_once_is_one_message() {
    let world = World::new().await;
    let (viewer, crew) = at_place(1, CREW);
    let send = |draft| -> crate::world::Doing<'_, Sent> { Box::pin(world.messenger.send_message(viewer, crew, draft)) };
    let answers =
        together(vec![send(keyed("a", "k")), send(keyed("a", "k")), send(keyed("other", "k")), send(keyed("a", "k"))])
            .await;
    let Ok(Sent::Stored(first)) = &answers[0] else { panic!("not stored: {:?}", answers[0]) };
    for repeat in [&answers[1], &answers[3]] {
        assert_eq!(*repeat.as_ref().expect("the same"), Sent::Repeated(first.clone()));
    }
    assert_eq!(*refusal(&answers[2]), Refusal::ClientIdReused);
    assert_eq!(world.messages(CREW).await, std::slice::from_ref(first));
    assert_eq!(world.facts().await.len(), 1);
}

#[tokio::test]
async fn a_refused_send_does_not_use_up_its_key() {
    let world = World::new().await;
    let (viewer, crew) = at_place(1, CREW);
    let refused = Draft { reply_to: Some(TestIds::nth(77)), ..keyed("a", "k") };
    let send = |draft| -> crate::world::Doing<'_, Sent> { Box::pin(world.messenger.send_message(viewer, crew, draft)) };
    let answers = together(vec![send(refused), send(keyed("b", "k"))]).await;
    assert_eq!(*refusal(&answers[0]), Refusal::MessageNotFound);
    assert!(matches!(&answers[1], Ok(Sent::Stored(_))), "{:?}", answers[1]);
}

#[tokio::test]
async fn changes_of_one_message_see_each_other() {
    let world = World::new().await;
    let (viewer, crew) = at_place(1, CREW);
    let id = TestIds::nth(0);
    let messenger = &world.messenger;
    let edit = |body: &str| -> crate::world::Doing<'_, String> {
        let body = MessageBody::parse(body).expect("valid");
        Box::pin(async move {
            let message = messenger.edit_message(viewer, crew, id, body).await?;
            Ok(message.body.expect("no tombstone").to_string())
        })
    };
    let answers = together(vec![
        Box::pin(async { messenger.send_message(viewer, crew, keyed("a", "k")).await.map(|_| String::new()) }),
        edit("b"),
        Box::pin(async {
            let sent = messenger.send_message(viewer, crew, keyed("a", "k")).await?;
            Ok(sent.into_message().body.expect("no tombstone").to_string())
        }),
        Box::pin(async { messenger.delete_message(viewer, crew, id).await.map(|()| "deleted".to_owned()) }),
        edit("c"),
        Box::pin(async { messenger.delete_message(viewer, crew, id).await.map(|()| "deleted".to_owned()) }),
    ])
    .await;
    assert_eq!(world.store.begun(), 1, "one batch");
    let texts: Vec<_> = answers.iter().map(|answer| answer.as_deref().unwrap_or("refused")).collect();
    assert_eq!(texts, ["", "b", "b", "deleted", "refused", "deleted"]);
    assert_eq!(*refusal(&answers[4]), Refusal::MessageDeleted);
    let stored = world.messages(CREW).await.pop().expect("a tombstone");
    assert_eq!((stored.body, stored.seq.get()), (None, 1));
    assert!(stored.edited_at.is_some() && stored.deleted_at.is_some());
    assert_eq!(world.facts().await.len(), 3, "sent, edited, deleted");
}

#[tokio::test]
async fn markers_are_moved_once_and_told_once() {
    let world = World::new().await;
    let (viewer, crew) = at_place(1, CREW);
    let messenger = &world.messenger;
    let read = |seq| -> crate::world::Doing<'_, (i64, i64)> {
        Box::pin(async move {
            let state = messenger.mark_read(viewer, crew, Seq::from_stored(seq)).await?;
            Ok((state.read_seq.get(), state.unread_count))
        })
    };
    for (user, body) in [(1, "a"), (2, "b"), (1, "c"), (2, "d")] {
        world.send(user, CREW, body).await.expect("sends");
    }
    let send = |user| -> crate::world::Doing<'_, (i64, i64)> {
        let sent = world.send(user, CREW, "x");
        Box::pin(async move { sent.await.map(|_| (0, 0)) })
    };
    let answers = together(vec![read(1), read(3), send(1), send(2), read(2), read(4), read(5), read(9)]).await;
    let answered: Vec<_> = answers[..7].iter().map(|answer| *answer.as_ref().expect("reads")).collect();
    assert_eq!(answered, [(1, 2), (3, 1), (0, 0), (0, 0), (3, 2), (4, 1), (5, 1)]);
    assert!(matches!(&answers[7], Err(Error::Invalid(_))), "{:?}", answers[7]);
    let membership = world.membership(CREW, 1).await.expect("a member");
    assert_eq!((membership.read_seq.get(), membership.own_after_read), (5, 0));
    let advanced = Fact::ReadAdvanced { conversation_id: crew, user_id: viewer };
    let facts = world.facts().await;
    assert_eq!(facts.iter().filter(|fact| **fact == advanced).count(), 1);
    assert_eq!(facts.last(), Some(&advanced), "after the messages that it covers");
}
