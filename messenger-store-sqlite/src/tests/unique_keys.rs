//! A value that is taken is refused by the name of its key.

use std::future::Future;
use std::pin::Pin;

use messenger_core::conversation::Role;
use messenger_core::friendship::{PairChange, PendingRequest, Visibility};
use messenger_core::session::{RefreshTokenHash, StoredRefreshToken};
use messenger_core::store::{StoreError, StoreResult, Transaction, UniqueKey};
use messenger_core::user::Username;

use super::fixtures::*;

type Attempt<'t> = Pin<Box<dyn Future<Output = StoreResult<()>> + Send + 't>>;

async fn assert_taken(key: UniqueKey, attempt: impl for<'t> FnOnce(&'t mut dyn Transaction) -> Attempt<'t>) {
    let test = TestStore::open().await.with_users(3).await;
    let mut tx = test.begin().await;
    let crew = group(50, user_id(1));
    tx.conversations().insert_conversation(&crew).await.expect("inserts");
    tx.conversations().insert_conversation(&direct(51, pair(1, 2))).await.expect("inserts");
    tx.conversations().insert_memberships(&[membership(&crew, user_id(1), Role::Owner)]).await.expect("inserts");
    tx.messages().insert_messages(&[message(60, crew.id, 1, user_id(1))]).await.expect("inserts");
    tx.commit(&[]).await.expect("commits");

    let mut tx = test.begin().await;
    match attempt(tx.as_mut()).await {
        Err(StoreError::Unique(found)) => assert_eq!(found, key),
        other => panic!("{key:?} was expected, {other:?} was found"),
    }
    assert!(tx.commit(&[]).await.is_err(), "the transaction can only be rolled back");
}

#[tokio::test]
async fn a_taken_user_id() {
    let mut other = user(1);
    (other.username, other.email) = (Username::parse("other").expect("valid"), None);
    assert_taken(UniqueKey::UserId, |tx| Box::pin(async move { tx.users().insert_user(&other).await })).await;
}

#[tokio::test]
async fn a_taken_username() {
    let mut other = user(9);
    other.username = user(1).username;
    assert_taken(UniqueKey::Username, |tx| Box::pin(async move { tx.users().insert_user(&other).await })).await;
}

#[tokio::test]
async fn a_taken_email() {
    let mut other = user(9);
    other.email = user(1).email;
    assert_taken(UniqueKey::Email, |tx| Box::pin(async move { tx.users().insert_user(&other).await })).await;
    let mut second = user(2);
    second.email = user(1).email;
    assert_taken(UniqueKey::Email, |tx| Box::pin(async move { tx.users().update_user(&user(2), &second).await })).await;
}

#[tokio::test]
async fn a_second_direct_conversation() {
    assert_taken(UniqueKey::DirectConversation, |tx| {
        Box::pin(async move { tx.conversations().insert_conversation(&direct(52, pair(1, 2))).await })
    })
    .await;
}

#[tokio::test]
async fn a_used_client_id_of_a_group() {
    let mut other = group(50, user_id(1));
    other.id = conversation_id(52);
    assert_taken(UniqueKey::GroupClientId, |tx| {
        Box::pin(async move { tx.conversations().insert_conversation(&other).await })
    })
    .await;
}

#[tokio::test]
async fn a_member_twice() {
    let member = membership(&group(50, user_id(1)), user_id(1), Role::Member);
    assert_taken(UniqueKey::Membership, |tx| {
        Box::pin(async move { tx.conversations().insert_memberships(&[member]).await })
    })
    .await;
}

#[tokio::test]
async fn a_used_client_id_of_a_message() {
    let mut other = message(61, conversation_id(50), 2, user_id(1));
    other.message.client_id = Some(client_id("message 60"));
    assert_taken(UniqueKey::MessageClientId, |tx| {
        Box::pin(async move { tx.messages().insert_messages(&[other]).await })
    })
    .await;
}

#[tokio::test]
async fn a_taken_seq() {
    let other = message(61, conversation_id(50), 1, user_id(1));
    assert_taken(UniqueKey::MessageSeq, |tx| Box::pin(async move { tx.messages().insert_messages(&[other]).await }))
        .await;
}

#[tokio::test]
async fn any_other_taken_id() {
    let other = message(60, conversation_id(50), 2, user_id(2));
    assert_taken(UniqueKey::Other, |tx| Box::pin(async move { tx.messages().insert_messages(&[other]).await })).await;

    let session = session(70, user_id(1));
    let token =
        StoredRefreshToken { hash: RefreshTokenHash::from_stored([7; 32]), session_id: session.id, generation: 1 };
    assert_taken(UniqueKey::Other, |tx| {
        Box::pin(async move {
            tx.sessions().insert_session(&session).await?;
            tx.sessions().insert_refresh_token(&token).await?;
            tx.sessions().insert_refresh_token(&token).await
        })
    })
    .await;
}

#[tokio::test]
async fn a_bond_or_a_block_twice() {
    let request = PairChange::InsertRequest(PendingRequest {
        requester: user_id(1),
        created_at: at(1),
        visibility: Visibility::Shown,
    });
    let friendship = PairChange::InsertFriendship { since: at(1) };
    let block = PairChange::InsertBlock { blocker: user_id(2), since: at(1) };
    for (first, second) in
        [(request, request), (friendship, friendship), (block, block), (request, friendship), (friendship, request)]
    {
        assert_taken(UniqueKey::Friendship, |tx| {
            Box::pin(async move {
                tx.friendships().apply_pair_changes(pair(1, 2), &[first]).await?;
                tx.friendships().apply_pair_changes(pair(1, 2), &[second]).await
            })
        })
        .await;
    }
}
