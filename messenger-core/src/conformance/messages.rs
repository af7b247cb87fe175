//! Sending, editing and deleting.

use std::time::Duration;

use super::failure::Outcome;
use super::people::{draft, page, refusal};
use super::rows::body;
use super::world::World;
use super::{Case, isolated};
use crate::conversation::Role;
use crate::error::Refusal;
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, MessageId};
use crate::service::messages::{Draft, Sent};

pub(super) const CASES: &[Case] = isolated!("messages":
    a_message_is_stored_as_sent,
    numbers_are_dense_in_each_conversation,
    a_message_is_told_to_its_conversation,
    a_reply_names_a_message_of_the_same_conversation,
    a_reply_across_conversations_is_refused,
    a_reply_to_a_tombstone_is_a_reply,
    an_edit_replaces_the_body,
    an_edit_that_changes_nothing_tells_nothing,
    only_the_sender_edits,
    a_deleted_message_is_a_tombstone,
    deleting_twice_is_deleting_once,
    a_deleted_message_cannot_be_edited,
    owner_and_admins_delete_others_messages,
    in_a_direct_conversation_each_deletes_their_own,
    a_message_of_another_conversation_does_not_exist_here,
    recent_messages_come_from_all_conversations,
    a_clock_that_steps_back_does_not_reorder_anything,
);

async fn a_message_is_stored_as_sent(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let at = w.clock.tick();
    let sent = w.send(ada, direct, draft(" \u{0}שלום 👩‍👧 \r\n")).await?;
    let Sent::Stored(message) = sent else { panic!("{sent:?}") };
    assert_eq!((message.conversation_id, message.sender_id, message.created_at), (direct, ada, at));
    assert_eq!((message.client_id.as_ref(), message.reply_to), (None, None));
    assert_eq!((message.edited_at, message.deleted_at), (None, None));
    assert_eq!(w.messenger.message(bob, direct, message.id).await?, message);
    Ok(())
}

async fn numbers_are_dense_in_each_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (one, two) = (w.direct(ada, bob).await?, w.group(ada, &[bob]).await?);
    for number in 1..=3 {
        assert_eq!(w.say(ada, one, "x").await?.seq.get(), number);
        assert_eq!(w.say(bob, two, "y").await?.seq.get(), number);
    }
    assert_eq!(w.messenger.conversation(ada, two).await?.conversation.last_seq.get(), 3);
    Ok(())
}

async fn a_message_is_told_to_its_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let before = w.log_length().await?;
    let at = w.clock.tick();
    let message = w.say(ada, direct, "hello").await?;
    let told = w.log_of(Audience::Conversation(direct)).await?;
    let event = told.last().expect("it is told").event;
    let fact = Fact::MessageSent { conversation_id: direct, message_id: message.id };
    assert_eq!((event.fact, event.at, event.actor_id), (fact, at, ada));
    assert_eq!(w.log_length().await?, before + 1);
    Ok(())
}

async fn a_reply_names_a_message_of_the_same_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let question = w.say(ada, direct, "Why?").await?;
    let answer = Draft { reply_to: Some(question.id), ..draft("Because.") };
    let answer = w.send(bob, direct, answer).await?.into_message();
    assert_eq!(answer.reply_to, Some(question.id));
    assert_eq!(w.messenger.message(ada, direct, answer.id).await?, answer);
    Ok(())
}

async fn a_reply_across_conversations_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (direct, group) = (w.direct(ada, bob).await?, w.group(ada, &[bob]).await?);
    let elsewhere = w.say(ada, group, "elsewhere").await?.id;
    for reply_to in [elsewhere, MessageId::from_uuid(w.uuid())] {
        let reply = Draft { reply_to: Some(reply_to), ..draft("?") };
        assert_eq!(refusal(w.send(ada, direct, reply).await), Refusal::MessageNotFound);
    }
    assert_eq!(w.transcript(direct).await?, []);
    Ok(())
}

async fn a_reply_to_a_tombstone_is_a_reply(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "oops").await?;
    w.messenger.delete_message(ada, direct, said.id).await?;
    let reply = Draft { reply_to: Some(said.id), ..draft("too late") };
    assert_eq!(w.send(bob, direct, reply).await?.into_message().reply_to, Some(said.id));
    Ok(())
}

async fn an_edit_replaces_the_body(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "helo").await?;
    let at = w.clock.tick();
    let edited = w.messenger.edit_message(ada, direct, said.id, body("hello")).await?;
    assert_eq!((edited.body.as_ref(), edited.edited_at), (Some(&body("hello")), Some(at)));
    assert_eq!((edited.seq, edited.created_at), (said.seq, said.created_at));
    assert_eq!(w.messenger.message(bob, direct, said.id).await?, edited);
    let told = Fact::MessageEdited { conversation_id: direct, message_id: said.id };
    assert_eq!(w.told(Audience::Conversation(direct)).await?.last(), Some(&told));
    Ok(())
}

async fn an_edit_that_changes_nothing_tells_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "hello").await?;
    let log = w.log_length().await?;
    w.clock.tick();
    assert_eq!(w.messenger.edit_message(ada, direct, said.id, body("hello")).await?, said);
    assert_eq!(w.log_length().await?, log);
    Ok(())
}

async fn only_the_sender_edits(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let said = w.say(bob, group, "mine").await?;
    let edited = w.messenger.edit_message(ada, group, said.id, body("yours")).await;
    assert_eq!(refusal(edited), Refusal::NotAllowed, "not even the owner");
    assert_eq!(w.messenger.message(ada, group, said.id).await?, said);
    Ok(())
}

async fn a_deleted_message_is_a_tombstone(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "oops").await?;
    let at = w.clock.tick();
    w.messenger.delete_message(ada, direct, said.id).await?;
    let left = w.messenger.message(bob, direct, said.id).await?;
    assert_eq!((left.body, left.deleted_at, left.seq), (None, Some(at), said.seq));
    assert_eq!(w.say(bob, direct, "next").await?.seq, said.seq.next());
    let told = Fact::MessageDeleted { conversation_id: direct, message_id: said.id };
    assert!(w.told(Audience::Conversation(direct)).await?.contains(&told));
    Ok(())
}

async fn deleting_twice_is_deleting_once(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "oops").await?;
    w.messenger.delete_message(ada, direct, said.id).await?;
    let (before, log) = (w.transcript(direct).await?, w.log_length().await?);
    w.clock.tick();
    w.messenger.delete_message(ada, direct, said.id).await?;
    assert_eq!((w.transcript(direct).await?, w.log_length().await?), (before, log));
    Ok(())
}

async fn a_deleted_message_cannot_be_edited(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "oops").await?;
    w.messenger.delete_message(ada, direct, said.id).await?;
    let edited = w.messenger.edit_message(ada, direct, said.id, body("undo")).await;
    assert_eq!(refusal(edited), Refusal::MessageDeleted);
    Ok(())
}

async fn owner_and_admins_delete_others_messages(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    w.messenger.change_role(ada, group, bob, Role::Admin).await?;
    for (deleter, sender) in [(ada, cleo), (bob, cleo), (bob, ada), (cleo, cleo)] {
        let said = w.say(sender, group, "x").await?;
        w.messenger.delete_message(deleter, group, said.id).await?;
        assert!(w.messenger.message(cleo, group, said.id).await?.deleted_at.is_some());
    }
    let said = w.say(bob, group, "x").await?;
    assert_eq!(refusal(w.messenger.delete_message(cleo, group, said.id).await), Refusal::NotAllowed);
    Ok(())
}

async fn in_a_direct_conversation_each_deletes_their_own(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "mine").await?;
    assert_eq!(refusal(w.messenger.delete_message(bob, direct, said.id).await), Refusal::NotAllowed);
    Ok(())
}

async fn a_message_of_another_conversation_does_not_exist_here(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (direct, group) = (w.direct(ada, bob).await?, w.group(ada, &[bob]).await?);
    let said = w.say(ada, group, "here").await?.id;
    assert_eq!(refusal(w.messenger.message(ada, direct, said).await), Refusal::MessageNotFound);
    let edited = w.messenger.edit_message(ada, direct, said, body("there")).await;
    assert_eq!(refusal(edited), Refusal::MessageNotFound);
    assert_eq!(refusal(w.messenger.delete_message(ada, direct, said).await), Refusal::MessageNotFound);
    let nowhere = ConversationId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.message(ada, nowhere, said).await), Refusal::ConversationNotFound);
    Ok(())
}

async fn recent_messages_come_from_all_conversations(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let places = [w.direct(ada, bob).await?, w.group(bob, &[ada]).await?, w.group(cleo, &[bob]).await?];
    let mut expected = vec![];
    for place in [places[0], places[1], places[2], places[1]] {
        w.clock.tick();
        let message = w.say(bob, place, "x").await?;
        if place != places[2] {
            expected.insert(0, message);
        }
    }
    assert_eq!(w.messenger.list_recent_messages(ada, page()).await?.items, expected);
    Ok(())
}

async fn a_clock_that_steps_back_does_not_reorder_anything(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.clock.advance(Duration::from_mins(1));
    let first = w.say(ada, direct, "first").await?;
    let shown = w.messenger.conversation(ada, direct).await?.conversation.updated_at;
    w.clock.step_back(Duration::from_hours(1));
    let second = w.say(ada, direct, "second").await?;
    assert!(second.created_at < first.created_at && second.seq > first.seq);
    assert_eq!(w.transcript(direct).await?, [first, second]);
    assert_eq!(w.messenger.conversation(ada, direct).await?.conversation.updated_at, shown);
    Ok(())
}
