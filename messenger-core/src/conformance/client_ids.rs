//! A repeated send is the same send (I5).

use super::failure::Outcome;
use super::people::{draft_under, refusal};
use super::rows::body;
use super::world::World;
use super::{Case, isolated};
use crate::error::Refusal;
use crate::id::MessageId;
use crate::service::messages::{Draft, Sent};

pub(super) const CASES: &[Case] = isolated!("client_ids":
    a_repeated_send_is_the_same_send,
    a_repeat_gets_the_message_as_it_is_now,
    a_repeat_after_deleting_gets_the_tombstone,
    another_body_is_refused,
    another_reply_is_refused,
    the_edited_body_is_another_payload,
    a_client_id_is_the_senders_and_the_conversations,
    a_client_id_is_told_apart_by_case_and_space,
    a_refused_send_does_not_use_up_its_client_id,
    a_repeat_after_unfriending_gets_the_message,
    a_repeat_after_removal_gets_what_anyone_else_would,
    a_repeat_after_coming_back_gets_the_message,
    a_repeat_counts_and_tells_nothing,
);

async fn a_repeated_send_is_the_same_send(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let Sent::Stored(first) = w.send(ada, direct, draft_under("key", "hello")).await? else { panic!("not stored") };
    w.clock.tick();
    for _ in 0..3 {
        assert_eq!(w.send(ada, direct, draft_under("key", "hello")).await?, Sent::Repeated(first.clone()));
    }
    assert_eq!(w.transcript(direct).await?, [first]);
    Ok(())
}

async fn a_repeat_gets_the_message_as_it_is_now(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let first = w.send(ada, direct, draft_under("key", "hello")).await?.into_message();
    let edited = w.messenger.edit_message(ada, direct, first.id, body("goodbye")).await?;
    assert_eq!(w.send(ada, direct, draft_under("key", "hello")).await?, Sent::Repeated(edited));
    Ok(())
}

async fn a_repeat_after_deleting_gets_the_tombstone(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let first = w.send(ada, direct, draft_under("key", "hello")).await?.into_message();
    w.messenger.delete_message(ada, direct, first.id).await?;
    let again = w.send(ada, direct, draft_under("key", "hello")).await?;
    let Sent::Repeated(tombstone) = again else { panic!("{again:?}") };
    assert_eq!((tombstone.id, tombstone.body), (first.id, None));
    assert_eq!(w.transcript(direct).await?.len(), 1);
    let other = w.send(ada, direct, draft_under("key", "other")).await;
    assert_eq!(refusal(other), Refusal::ClientIdReused, "it is compared with what was first sent");
    Ok(())
}

async fn another_body_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.send(ada, direct, draft_under("key", "hello")).await?;
    for other in ["Hello", "hello ", "hell", "héllo"] {
        assert_eq!(refusal(w.send(ada, direct, draft_under("key", other)).await), Refusal::ClientIdReused, "{other}");
    }
    Ok(())
}

async fn another_reply_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let one = w.say(bob, direct, "one").await?.id;
    let two = w.say(bob, direct, "two").await?.id;
    let reply = |reply_to| Draft { reply_to, ..draft_under("key", "hello") };
    let first = w.send(ada, direct, reply(Some(one))).await?.into_message();
    assert_eq!(w.send(ada, direct, reply(Some(one))).await?, Sent::Repeated(first));
    for other in [Some(two), None, Some(MessageId::from_uuid(w.uuid()))] {
        assert_eq!(refusal(w.send(ada, direct, reply(other)).await), Refusal::ClientIdReused, "{other:?}");
    }
    Ok(())
}

async fn the_edited_body_is_another_payload(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let first = w.send(ada, direct, draft_under("key", "hello")).await?.into_message();
    w.messenger.edit_message(ada, direct, first.id, body("goodbye")).await?;
    assert_eq!(refusal(w.send(ada, direct, draft_under("key", "goodbye")).await), Refusal::ClientIdReused);
    Ok(())
}

async fn a_client_id_is_the_senders_and_the_conversations(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (direct, group) = (w.direct(ada, bob).await?, w.group(ada, &[bob]).await?);
    for (sender, place) in [(ada, direct), (bob, direct), (ada, group)] {
        let sent = w.send(sender, place, draft_under("key", "x")).await?;
        assert!(matches!(sent, Sent::Stored(_)), "{sent:?}");
    }
    Ok(())
}

async fn a_client_id_is_told_apart_by_case_and_space(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    for key in ["key", "Key", "key ", " key", "ke", "ke_", "%"] {
        let sent = w.send(ada, direct, draft_under(key, key)).await?;
        assert!(matches!(sent, Sent::Stored(_)), "{key:?}: {sent:?}");
    }
    Ok(())
}

async fn a_refused_send_does_not_use_up_its_client_id(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.messenger.unfriend(ada, bob).await?;
    let refused = w.send(ada, direct, draft_under("key", "one")).await;
    assert_eq!(refusal(refused), Refusal::NotFriends(vec![bob]));
    w.befriend(ada, bob).await?;
    let sent = w.send(ada, direct, draft_under("key", "two")).await?;
    assert!(matches!(sent, Sent::Stored(_)), "{sent:?}");
    Ok(())
}

async fn a_repeat_after_unfriending_gets_the_message(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let first = w.send(ada, direct, draft_under("key", "hello")).await?.into_message();
    w.messenger.block(bob, ada).await?;
    // The answer was lost and the retry comes late: it was stored, so it is
    // answered, although a new message would be refused.
    assert_eq!(w.send(ada, direct, draft_under("key", "hello")).await?, Sent::Repeated(first));
    Ok(())
}

async fn a_repeat_after_removal_gets_what_anyone_else_would(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    w.send(bob, group, draft_under("key", "hello")).await?;
    w.messenger.remove_member(ada, group, bob).await?;
    for text in ["hello", "other"] {
        let again = w.send(bob, group, draft_under("key", text)).await;
        assert_eq!(refusal(again), Refusal::ConversationNotFound, "{text}");
    }
    Ok(())
}

async fn a_repeat_after_coming_back_gets_the_message(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let first = w.send(bob, group, draft_under("key", "hello")).await?.into_message();
    w.messenger.remove_member(ada, group, bob).await?;
    w.messenger.add_member(ada, group, bob).await?;
    assert_eq!(w.send(bob, group, draft_under("key", "hello")).await?, Sent::Repeated(first));
    Ok(())
}

async fn a_repeat_counts_and_tells_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.send(ada, direct, draft_under("key", "hello")).await?;
    let before = (w.log_length().await?, w.messenger.conversation(ada, direct).await?, w.unread(bob, direct).await?);
    w.clock.tick();
    w.send(ada, direct, draft_under("key", "hello")).await?;
    let after = (w.log_length().await?, w.messenger.conversation(ada, direct).await?, w.unread(bob, direct).await?);
    assert_eq!(after, before);
    Ok(())
}
