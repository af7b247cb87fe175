//! Two nodes on one database.

use std::time::Duration;

use super::accounts::register;
use super::failure::Outcome;
use super::people::{draft_under, page, refusal};
use super::world::Nodes;
use super::{Case, own_database};
use crate::error::Refusal;
use crate::event::Audience;
use crate::service::messages::Sent;

pub(super) const CASES: &[Case] = own_database!("nodes":
    what_one_node_commits_the_other_reads_at_once,
    both_nodes_count_one_conversation,
    a_send_that_is_repeated_on_the_other_node_is_the_same_send,
    a_logout_on_one_node_counts_on_the_other,
    a_session_that_a_node_knows_ends_with_a_logout_on_another,
    a_session_that_ended_before_a_node_followed_the_log_is_not_known_to_it,
    what_was_committed_is_there_after_all_nodes_stopped,
);

async fn what_one_node_commits_the_other_reads_at_once(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = there.direct(bob, ada).await?;
    for _ in 0..20 {
        let said = here.say(ada, direct, "here").await?;
        assert_eq!(there.messenger.message(bob, direct, said.id).await?, said);
        let answered = there.say(bob, direct, "there").await?;
        assert_eq!(here.messenger.conversation(ada, direct).await?.last_message, Some(answered));
    }
    Ok(())
}

async fn both_nodes_count_one_conversation(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    for number in 1..=20 {
        let (node, who) = if number % 3 == 0 { (&here, ada) } else { (&there, bob) };
        assert_eq!(node.say(who, direct, "x").await?.seq.get(), number);
    }
    assert_eq!(here.log_of(Audience::Conversation(direct)).await?, there.log_of(Audience::Conversation(direct)).await?);
    there.assert_log_is_dense().await?;
    Ok(())
}

async fn a_send_that_is_repeated_on_the_other_node_is_the_same_send(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    let stored = here.send(ada, direct, draft_under("key", "hello")).await?.into_message();
    assert_eq!(there.send(ada, direct, draft_under("key", "hello")).await?, Sent::Repeated(stored));
    Ok(())
}

async fn a_logout_on_one_node_counts_on_the_other(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let tokens = register(&here, "ada").await?.tokens;
    let viewer = there.messenger.authenticate(&tokens.access_token).await?;
    here.messenger.logout(&viewer).await?;
    assert_eq!(refusal(there.messenger.authenticate(&tokens.access_token).await), Refusal::InvalidToken);
    assert_eq!(refusal(there.messenger.refresh(&tokens.refresh_token).await), Refusal::InvalidRefreshToken);
    Ok(())
}

async fn a_session_that_a_node_knows_ends_with_a_logout_on_another(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    for node in [&here, &there] {
        node.messenger.follow().await?;
    }
    for name in ["ada", "bob", "cleo"] {
        let tokens = register(&here, name).await?.tokens;
        let viewer = here.messenger.authenticate(&tokens.access_token).await?;
        // Until the other node certainly takes it from what it knows.
        for _ in 0..20 {
            assert_eq!(there.messenger.authenticate(&tokens.access_token).await?, viewer);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        here.messenger.logout(&viewer).await?;
        assert_eq!(
            refusal(here.messenger.authenticate(&tokens.access_token).await),
            Refusal::InvalidToken,
            "at once where it ended"
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            refusal(there.messenger.authenticate(&tokens.access_token).await),
            Refusal::InvalidToken,
            "within a second elsewhere"
        );
    }
    Ok(())
}

async fn a_session_that_ended_before_a_node_followed_the_log_is_not_known_to_it(nodes: &Nodes) -> Outcome {
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let tokens = register(&here, "ada").await?.tokens;
    let viewer = there.messenger.authenticate(&tokens.access_token).await?;
    here.messenger.logout(&viewer).await?;
    there.messenger.follow().await?;
    for _ in 0..20 {
        assert_eq!(refusal(there.messenger.authenticate(&tokens.access_token).await), Refusal::InvalidToken);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

async fn what_was_committed_is_there_after_all_nodes_stopped(nodes: &Nodes) -> Outcome {
    let here = nodes.start().await?;
    let [ada, bob] = here.friends(["ada", "bob"]).await?;
    let direct = here.direct(ada, bob).await?;
    here.say(ada, direct, "before").await?;
    let (log, views) = (here.log().await?, here.messenger.list_conversations(bob, page()).await?);
    drop(here);
    let again = nodes.start().await?;
    assert_eq!((again.log().await?, again.messenger.list_conversations(bob, page()).await?), (log, views));
    assert_eq!(again.say(bob, direct, "after").await?.seq.get(), 2);
    again.assert_log_is_dense().await?;
    Ok(())
}
