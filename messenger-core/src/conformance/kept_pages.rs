//! Pages of a history that somebody has kept, and whether they still stand.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::failure::Outcome;
use super::history_of::{Cast, act};
use super::people::{page, refusal};
use super::race::{REPETITIONS, against};
use super::rows::{body, seq};
use super::world::{Nodes, World};
use super::{Case, isolated, own_database};
use crate::cursor::Place;
use crate::error::{Refusal, Result};
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};
use crate::page::Limit;
use crate::service::history::{DatedPage, HistoryAt};

pub(super) const CASES: &[Case] = isolated!("kept_pages":
    a_page_stands_while_nothing_happens,
    what_changes_a_message_ends_its_pages,
    another_conversations_events_end_no_page,
    a_kept_page_is_only_for_members,
    a_place_in_another_history_of_the_log_is_noticed,
    what_stands_is_what_one_would_read,
);

pub(super) const RACES: &[Case] = own_database!("kept_pages":
    a_page_read_while_others_talk_is_as_of_its_date,
);

async fn read(w: &World, who: UserId, place: ConversationId, at: HistoryAt) -> Result<DatedPage> {
    w.messenger.list_dated_messages(who, place, at, Limit::DEFAULT).await
}

async fn latest(w: &World, who: UserId, place: ConversationId) -> Result<DatedPage> {
    read(w, who, place, HistoryAt::Latest).await
}

async fn stands(w: &World, who: UserId, place: ConversationId, kept: &DatedPage) -> Result<bool> {
    w.messenger.stands_as_of(who, place, kept.as_of).await
}

async fn a_page_stands_while_nothing_happens(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let places = [w.group(ada, &[bob]).await?, w.direct(ada, bob).await?];
    for place in places {
        let empty = latest(w, ada, place).await?;
        assert_eq!(empty.page.items, []);
        assert!(stands(w, ada, place, &empty).await?, "without a message");
        w.say(ada, place, "hello").await?;
        assert!(!stands(w, ada, place, &empty).await?);
        let kept = latest(w, ada, place).await?;
        assert_eq!(kept.page, w.messenger.list_messages(ada, place, HistoryAt::Latest, Limit::DEFAULT).await?);
        for who in [ada, bob, ada] {
            assert!(stands(w, who, place, &kept).await?, "for every member");
        }
    }
    Ok(())
}

async fn what_changes_a_message_ends_its_pages(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let place = w.direct(ada, bob).await?;
    let first = w.say(ada, place, "hello").await?.id;
    let mut kept = latest(w, bob, place).await?;
    for change in ["send", "edit", "delete"] {
        match change {
            "send" => drop(w.say(bob, place, "hello, Ada").await?),
            "edit" => drop(w.messenger.edit_message(ada, place, first, body("hello, Bob")).await?),
            _ => w.messenger.delete_message(ada, place, first).await?,
        }
        assert!(!stands(w, bob, place, &kept).await?, "{change}");
        let now = latest(w, bob, place).await?;
        assert_ne!(now.page, kept.page, "{change}");
        kept = now;
    }
    Ok(())
}

async fn another_conversations_events_end_no_page(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let (place, other) = (w.direct(ada, bob).await?, w.group(ada, &[bob]).await?);
    w.say(ada, place, "hello").await?;
    let kept = latest(w, bob, place).await?;
    w.say(ada, other, "to all").await?;
    assert!(stands(w, bob, place, &kept).await?);
    Ok(())
}

/// I7.
async fn a_kept_page_is_only_for_members(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let place = w.group(ada, &[bob]).await?;
    w.say(ada, place, "among us").await?;
    w.messenger.remove_member(ada, place, bob).await?;
    let kept = latest(w, ada, place).await?;
    for who in [bob, cleo] {
        assert_eq!(refusal(stands(w, who, place, &kept).await), Refusal::ConversationNotFound);
        assert_eq!(refusal(latest(w, who, place).await), Refusal::ConversationNotFound);
    }
    assert!(stands(w, ada, place, &kept).await?);
    Ok(())
}

/// A backup was restored, or a failover lost what came last: the position is
/// there again, and another event is at it.
async fn a_place_in_another_history_of_the_log_is_noticed(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let place = w.group(ada, &[]).await?;
    w.say(ada, place, "hello").await?;
    let Place { position, tag } = latest(w, ada, place).await?.as_of;
    assert!(w.messenger.stands_as_of(ada, place, Place { position, tag }).await?);
    assert!(!w.messenger.stands_as_of(ada, place, Place { position, tag: tag ^ 1 }).await?);
    Ok(())
}

async fn what_stands_is_what_one_would_read(w: &World) -> Outcome {
    let cast = Cast::assemble(w, &["ada", "bob", "cleo"]).await?;
    let questions = [HistoryAt::Latest, HistoryAt::Before(seq(4)), HistoryAt::After(seq(2)), HistoryAt::Around(seq(3))];
    let mut kept: BTreeMap<(ConversationId, usize), DatedPage> = BTreeMap::new();
    let mut stood = 0;
    for _ in 0..250 {
        let done = act(w, &cast).await;
        for &who in cast.users() {
            for view in w.messenger.list_conversations(who, page()).await?.items {
                let place = view.conversation.id;
                for (number, &at) in questions.iter().enumerate() {
                    let now = read(w, who, place, at).await?;
                    if let Some(kept) = kept.get(&(place, number))
                        && stands(w, who, place, kept).await?
                    {
                        assert_eq!(*kept, now, "{at:?} after {done}");
                        stood += 1;
                    }
                    kept.insert((place, number), now);
                }
            }
        }
    }
    assert!(stood > 100, "{stood} pages stood");
    Ok(())
}

async fn a_page_read_while_others_talk_is_as_of_its_date(nodes: &Nodes) -> Outcome {
    const MESSAGES: usize = 6;
    let (here, there) = (nodes.start().await?, nodes.start().await?);
    let ada = here.user("ada").await?;
    for _ in 0..REPETITIONS {
        let place = here.group(ada, &[]).await?;
        let (speaker, reader) = (here.clone(), there.clone());
        let talk = async move {
            for _ in 0..MESSAGES {
                speaker.say(ada, place, "x").await?;
            }
            Ok(())
        };
        // Both are empty at first.
        let reads = async move {
            let mut pages = vec![];
            loop {
                for skipped in [0, 3] {
                    let page = read(&reader, ada, place, HistoryAt::After(seq(skipped))).await?;
                    pages.push((usize::try_from(skipped).unwrap_or(0), page));
                }
                if pages.last().is_some_and(|(skipped, last)| skipped + last.page.items.len() == MESSAGES) {
                    return Ok(pages);
                }
            }
        };
        let reads = timeout(Duration::from_secs(30), reads);
        let (talked, pages): (Result<()>, std::result::Result<Result<Vec<_>>, _>) = against(talk, reads).await;
        talked?;
        let told = here.log_of(Audience::Conversation(place)).await?;
        for (skipped, DatedPage { page, as_of }) in pages?? {
            let until = told.iter().filter(|event| event.position <= as_of.position);
            let sent = until.filter(|event| matches!(event.event.fact, Fact::MessageSent { .. })).count();
            assert_eq!(page.items.len(), sent.saturating_sub(skipped), "after {skipped} when {sent} were told");
        }
    }
    Ok(())
}
