//! Races among people: whatever comes first, the end is one that the rules
//! allow.

use super::accounts::register;
use super::failure::Outcome;
use super::people::username;
use super::race::{REPETITIONS, against, at_once};
use super::world::{Nodes, World};
use super::{Case, own_database};
use crate::error::{Error, Refusal, Result};
use crate::event::{Audience, Fact};
use crate::friendship::Relationship;
use crate::id::UserId;
use crate::service::friendships::FriendRequestSent;
use crate::service::users::NewUser;

pub(super) const CASES: &[Case] = own_database!("races_among_people":
    crossing_requests_make_one_friendship,
    thirty_two_requests_are_one_request,
    accept_against_cancel_has_one_winner,
    accept_against_decline_has_one_winner,
    block_against_accept_ends_in_a_block,
    two_blocks_at_once_both_stand,
    ensuring_a_user_at_once_makes_one,
    thirty_two_refreshes_of_one_token_leave_one_working_session,
    logout_against_refresh_ends_the_session,
);

/// Two strangers who have not been there before.
async fn strangers(w: &World, repetition: usize) -> Result<[UserId; 2]> {
    w.users([&format!("ada{repetition}"), &format!("bob{repetition}")]).await
}

fn refused<T>(result: &Result<T>, with: &Refusal) -> bool {
    matches!(result, Err(Error::Refused(refusal)) if refusal == with)
}

async fn crossing_requests_make_one_friendship(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..REPETITIONS {
        let [ada, bob] = strangers(&here, repetition).await?;
        let (one, other) = (here.messenger.clone(), there.messenger.clone());
        let (first, second) = against(async move { one.request_friendship(ada, bob).await }, async move {
            other.request_friendship(bob, ada).await
        })
        .await;
        let friends = [first?, second?].iter().filter(|sent| matches!(sent, FriendRequestSent::Friends(_))).count();
        assert_eq!(friends, 1, "one of the two made the friendship");
        for (user, other) in [(ada, bob), (bob, ada)] {
            assert_eq!(here.relationship(user, other).await?, Relationship::Friends);
            let told = here.told(Audience::User(user)).await?;
            let started = Fact::FriendshipStarted { user_id: other };
            assert_eq!(told.iter().filter(|fact| **fact == started).count(), 1);
        }
    }
    Ok(())
}

async fn thirty_two_requests_are_one_request(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..5 {
        let [ada, bob] = strangers(&here, repetition).await?;
        let tasks = (0..32).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            async move { m.request_friendship(ada, bob).await }
        });
        let answers = at_once(tasks).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(answers.iter().filter(|answer| refused(answer, &Refusal::FriendRequestExists)).count(), 31);
        assert_eq!(here.told(Audience::User(bob)).await?.len(), 1);
    }
    Ok(())
}

async fn accept_against_cancel_has_one_winner(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..REPETITIONS {
        let [ada, bob] = strangers(&here, repetition).await?;
        here.messenger.request_friendship(ada, bob).await?;
        let (one, other) = (here.messenger.clone(), there.messenger.clone());
        let (accepted, cancelled) = against(async move { one.accept_friend_request(bob, ada).await }, async move {
            other.cancel_friend_request(ada, bob).await
        })
        .await;
        let end = here.relationship(ada, bob).await?;
        match (&accepted, &cancelled) {
            (Ok(_), lost) if refused(lost, &Refusal::FriendRequestNotFound) => assert_eq!(end, Relationship::Friends),
            (lost, Ok(())) if refused(lost, &Refusal::FriendRequestNotFound) => assert_eq!(end, Relationship::None),
            both => panic!("{both:?}"),
        }
        let closed = Fact::FriendRequestClosed { requester_id: ada, addressee_id: bob };
        let told = here.told(Audience::User(bob)).await?;
        assert_eq!(told.iter().filter(|fact| **fact == closed).count(), 1, "the request ended once");
    }
    Ok(())
}

async fn accept_against_decline_has_one_winner(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..REPETITIONS {
        let [ada, bob] = strangers(&here, repetition).await?;
        here.messenger.request_friendship(ada, bob).await?;
        let (one, other) = (here.messenger.clone(), there.messenger.clone());
        let (accepted, declined) = against(async move { one.accept_friend_request(bob, ada).await }, async move {
            other.decline_friend_request(bob, ada).await
        })
        .await;
        let end = here.relationship(ada, bob).await?;
        match (&accepted, &declined) {
            (Ok(_), lost) if refused(lost, &Refusal::FriendRequestNotFound) => assert_eq!(end, Relationship::Friends),
            (lost, Ok(())) if refused(lost, &Refusal::FriendRequestNotFound) => assert_eq!(end, Relationship::None),
            both => panic!("{both:?}"),
        }
    }
    Ok(())
}

async fn block_against_accept_ends_in_a_block(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..REPETITIONS {
        let [ada, bob] = strangers(&here, repetition).await?;
        here.messenger.request_friendship(ada, bob).await?;
        // Half of the time the requester blocks, half of the time the addressee.
        let (blocker, blocked) = if repetition % 2 == 0 { (ada, bob) } else { (bob, ada) };
        let (one, other) = (here.messenger.clone(), there.messenger.clone());
        let (accepted, blocking) = against(async move { one.accept_friend_request(bob, ada).await }, async move {
            other.block(blocker, blocked).await
        })
        .await;
        blocking?;
        assert_eq!(here.relationship(blocker, blocked).await?, Relationship::Blocked);
        let told = here.told(Audience::User(blocked)).await?;
        let count = |fact| told.iter().filter(|told| **told == fact).count();
        let started = count(Fact::FriendshipStarted { user_id: blocker });
        assert_eq!(started, count(Fact::FriendshipEnded { user_id: blocker }), "who began also ended: {told:?}");
        match &accepted {
            Ok(_) => assert_eq!(started, 1),
            lost if refused(lost, &Refusal::FriendRequestNotFound) => assert_eq!(started, 0),
            other => panic!("{other:?}"),
        }
        assert_ne!(here.relationship(blocked, blocker).await?, Relationship::Friends);
    }
    Ok(())
}

async fn two_blocks_at_once_both_stand(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..10 {
        let [ada, bob] = strangers(&here, repetition).await?;
        here.befriend(ada, bob).await?;
        let (one, other) = (here.messenger.clone(), there.messenger.clone());
        let (first, second) =
            against(async move { one.block(ada, bob).await }, async move { other.block(bob, ada).await }).await;
        first?;
        second?;
        for (user, other) in [(ada, bob), (bob, ada)] {
            assert_eq!(here.relationship(user, other).await?, Relationship::Blocked);
            let ended = Fact::FriendshipEnded { user_id: other };
            let told = here.told(Audience::User(user)).await?;
            assert_eq!(told.iter().filter(|fact| **fact == ended).count(), 1);
        }
    }
    Ok(())
}

async fn ensuring_a_user_at_once_makes_one(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..20 {
        let tasks = (0..16).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let name = username(&format!("ada{repetition}"));
            async move { m.ensure_user(NewUser { id: None, username: name, display_name: None, email: None }).await }
        });
        let users = at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        assert!(users.iter().all(|user| *user == users[0]), "{users:?}");
    }
    Ok(())
}

async fn thirty_two_refreshes_of_one_token_leave_one_working_session(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let signed_in = register(&here, "ada").await?;
    let viewer = here.messenger.authenticate(&signed_in.tokens.access_token).await?;
    let mut token = signed_in.tokens.refresh_token;
    for _ in 0..REPETITIONS {
        let spent = token.clone();
        let tasks = (0..32).map(|index| {
            let m = if index % 2 == 0 { here.messenger.clone() } else { there.messenger.clone() };
            let token = token.clone();
            async move { m.refresh(&token).await }
        });
        let answers = at_once(tasks).await.into_iter().collect::<Result<Vec<_>>>()?;
        for tokens in &answers {
            assert_eq!(there.messenger.authenticate(&tokens.access_token).await?, viewer, "one session");
        }
        let sessions = here.messenger.list_sessions(&viewer, super::people::page()).await?.items;
        assert_eq!(sessions.len(), 1);
        // Whichever answer the client kept, it goes on with it.
        let kept = &answers[usize::try_from(here.ids.next_u64() % 32).expect("few")].refresh_token;
        token = here.messenger.refresh(kept).await?.refresh_token;
        assert_ne!(token, spent);
    }
    Ok(())
}

async fn logout_against_refresh_ends_the_session(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for repetition in 0..10 {
        let signed_in = register(&here, &format!("ada{repetition}")).await?;
        let viewer = here.messenger.authenticate(&signed_in.tokens.access_token).await?;
        let token = signed_in.tokens.refresh_token;
        let (one, other) = (here.messenger.clone(), there.messenger.clone());
        let (ended, refreshed) =
            against(async move { one.logout(&viewer).await }, async move { other.refresh(&token).await }).await;
        ended?;
        match refreshed {
            Ok(tokens) => {
                let access = here.messenger.authenticate(&tokens.access_token).await;
                assert!(refused(&access, &Refusal::InvalidToken), "{access:?}");
                let again = here.messenger.refresh(&tokens.refresh_token).await;
                assert!(refused(&again, &Refusal::InvalidRefreshToken), "{again:?}");
            }
            lost => assert!(refused(&lost, &Refusal::InvalidRefreshToken), "{lost:?}"),
        }
        let ended = Fact::SessionEnded { session_id: viewer.session_id };
        assert_eq!(here.told(Audience::User(viewer.user_id)).await?, [ended]);
    }
    Ok(())
}
