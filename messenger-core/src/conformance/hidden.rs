//! Nobody sees what they may not (I7): to whoever is not, or no longer, a
//! member, a conversation does not exist, whatever they try.

use super::failure::Outcome;
use super::people::{draft, page, refusal};
use super::rows::{body, seq, title};
use super::world::World;
use super::{Case, isolated};
use crate::conversation::Role;
use crate::error::{Refusal, Result};
use crate::id::{ConversationId, MessageId, UserId};
use crate::page::Limit;
use crate::service::conversations::ConversationChanges;
use crate::service::history::HistoryAt;

pub(super) const CASES: &[Case] = isolated!("hidden":
    a_stranger_gets_nothing_of_a_conversation,
    the_removed_get_nothing_of_a_conversation,
    who_left_gets_nothing_of_a_conversation,
    nobody_gets_anything_of_an_unknown_conversation,
    a_refused_change_leaves_no_trace,
    lists_show_only_ones_own,
);

/// Every use case that names a conversation, tried by an outsider.
async fn tries(w: &World, who: UserId, place: ConversationId, message: MessageId, other: UserId) -> Vec<Refusal> {
    let m = &w.messenger;
    let changes = || ConversationChanges { title: Some(title("Mine")) };
    vec![
        refusal(m.conversation(who, place).await),
        refusal(m.update_conversation(who, place, changes()).await),
        refusal(m.list_members(who, place, page()).await),
        refusal(m.add_member(who, place, other).await),
        refusal(m.add_member(who, place, who).await),
        refusal(m.change_role(who, place, other, Role::Admin).await),
        refusal(m.remove_member(who, place, other).await),
        refusal(m.leave_conversation(who, place).await),
        refusal(m.send_message(who, place, draft("hello")).await),
        refusal(m.message(who, place, message).await),
        refusal(m.edit_message(who, place, message, body("mine")).await),
        refusal(m.delete_message(who, place, message).await),
        refusal(m.list_messages(who, place, HistoryAt::Latest, Limit::DEFAULT).await),
        refusal(m.list_messages(who, place, HistoryAt::Around(seq(1)), Limit::DEFAULT).await),
        refusal(m.mark_read(who, place, seq(1)).await),
        refusal(m.mark_read(who, place, seq(99)).await),
        refusal(m.set_typing(who, place).await),
    ]
}

async fn assert_hidden(w: &World, who: UserId, place: ConversationId, message: MessageId, other: UserId) {
    for (index, refusal) in tries(w, who, place, message, other).await.into_iter().enumerate() {
        assert_eq!(refusal, Refusal::ConversationNotFound, "attempt {index}");
    }
}

/// A group of Ada's and Bob's with a message of Bob's.
async fn group(w: &World, ada: UserId, bob: UserId) -> Result<(ConversationId, MessageId)> {
    let group = w.group(ada, &[bob]).await?;
    Ok((group, w.say(bob, group, "among us").await?.id))
}

async fn a_stranger_gets_nothing_of_a_conversation(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let (place, message) = group(w, ada, bob).await?;
    assert_hidden(w, cleo, place, message, ada).await;
    let direct = w.direct(ada, bob).await?;
    let said = w.say(ada, direct, "between us").await?.id;
    assert_hidden(w, cleo, direct, said, ada).await;
    Ok(())
}

async fn the_removed_get_nothing_of_a_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (place, own_message) = group(w, ada, bob).await?;
    w.messenger.remove_member(ada, place, bob).await?;
    assert_hidden(w, bob, place, own_message, ada).await;
    Ok(())
}

async fn who_left_gets_nothing_of_a_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (place, message) = group(w, ada, bob).await?;
    w.messenger.leave_conversation(ada, place).await?;
    assert_hidden(w, ada, place, message, bob).await;
    Ok(())
}

async fn nobody_gets_anything_of_an_unknown_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (_, message) = group(w, ada, bob).await?;
    assert_hidden(w, ada, ConversationId::from_uuid(w.uuid()), message, bob).await;
    Ok(())
}

async fn a_refused_change_leaves_no_trace(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let (place, message) = group(w, ada, bob).await?;
    let before = (w.log().await?, w.messenger.conversation(ada, place).await?, w.transcript(place).await?);
    w.clock.tick();
    tries(w, cleo, place, message, ada).await;
    let after = (w.log().await?, w.messenger.conversation(ada, place).await?, w.transcript(place).await?);
    assert_eq!(after, before);
    Ok(())
}

async fn lists_show_only_ones_own(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    group(w, ada, bob).await?;
    w.say(ada, w.direct(ada, bob).await?, "between us").await?;
    assert_eq!(w.messenger.list_conversations(cleo, page()).await?.items, []);
    assert_eq!(w.messenger.list_recent_messages(cleo, page()).await?.items, []);
    Ok(())
}
