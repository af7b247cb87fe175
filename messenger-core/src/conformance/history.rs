//! Reading a conversation's history.

use super::failure::Outcome;
use super::people::page;
use super::rows::seq;
use super::world::World;
use super::{Case, isolated};
use crate::error::Result;
use crate::id::{ConversationId, UserId};
use crate::page::Limit;
use crate::service::history::HistoryAt;

pub(super) const CASES: &[Case] = isolated!("history":
    the_latest_messages_come_in_ascending_order,
    before_and_after_are_exclusive,
    around_a_number_lie_both_sides_and_the_number,
    around_an_end_lies_what_there_is,
    both_ends_are_told,
    an_empty_conversation_has_no_ends,
    walking_back_from_the_end_reaches_every_message,
    walking_on_from_the_beginning_reaches_every_message,
);

async fn write_ten(w: &World, ada: UserId) -> Result<ConversationId> {
    let group = w.group(ada, &[]).await?;
    for number in 1..=10 {
        w.say(ada, group, &number.to_string()).await?;
    }
    Ok(group)
}

/// Numbers, and whether there is more before and after, of a history of ten.
async fn read(w: &World, at: HistoryAt, limit: i64) -> Result<(Vec<i64>, bool, bool)> {
    let ada = w.user("ada").await?;
    let made = w.messenger.list_conversations(ada, page()).await?.items.pop().map(|view| view.conversation.id);
    let group = if let Some(group) = made { group } else { write_ten(w, ada).await? };
    let limit = Limit::parse(limit).expect("a limit");
    let page = w.messenger.list_messages(ada, group, at, limit).await?;
    Ok((page.items.iter().map(|message| message.seq.get()).collect(), page.has_before, page.has_after))
}

async fn the_latest_messages_come_in_ascending_order(w: &World) -> Outcome {
    assert_eq!(read(w, HistoryAt::Latest, 3).await?, (vec![8, 9, 10], true, false));
    assert_eq!(read(w, HistoryAt::Latest, 10).await?, ((1..=10).collect(), false, false));
    Ok(())
}

async fn before_and_after_are_exclusive(w: &World) -> Outcome {
    assert_eq!(read(w, HistoryAt::Before(seq(5)), 3).await?, (vec![2, 3, 4], true, true));
    assert_eq!(read(w, HistoryAt::After(seq(5)), 3).await?, (vec![6, 7, 8], true, true));
    Ok(())
}

async fn around_a_number_lie_both_sides_and_the_number(w: &World) -> Outcome {
    assert_eq!(read(w, HistoryAt::Around(seq(5)), 5).await?, (vec![3, 4, 5, 6, 7], true, true));
    assert_eq!(read(w, HistoryAt::Around(seq(5)), 1).await?, (vec![5], true, true));
    assert_eq!(read(w, HistoryAt::Around(seq(5)), 2).await?, (vec![4, 5], true, true));
    Ok(())
}

async fn around_an_end_lies_what_there_is(w: &World) -> Outcome {
    assert_eq!(read(w, HistoryAt::Around(seq(1)), 4).await?, (vec![1, 2, 3, 4], false, true));
    let (numbers, has_before, has_after) = read(w, HistoryAt::Around(seq(10)), 4).await?;
    assert_eq!((numbers.last(), has_before, has_after), (Some(&10), true, false));
    assert!(numbers.contains(&9));
    Ok(())
}

async fn both_ends_are_told(w: &World) -> Outcome {
    assert_eq!(read(w, HistoryAt::Before(seq(4)), 3).await?, (vec![1, 2, 3], false, true));
    assert_eq!(read(w, HistoryAt::After(seq(7)), 3).await?, (vec![8, 9, 10], true, false));
    assert_eq!(read(w, HistoryAt::Before(seq(1)), 3).await?, (vec![], false, true));
    assert_eq!(read(w, HistoryAt::After(seq(10)), 3).await?, (vec![], true, false));
    Ok(())
}

async fn an_empty_conversation_has_no_ends(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let group = w.group(ada, &[]).await?;
    for at in [HistoryAt::Latest, HistoryAt::Before(seq(1)), HistoryAt::After(seq(0)), HistoryAt::Around(seq(1))] {
        let page = w.messenger.list_messages(ada, group, at, Limit::DEFAULT).await?;
        assert_eq!((page.items, page.has_before, page.has_after), (vec![], false, false), "{at:?}");
    }
    Ok(())
}

async fn walking_back_from_the_end_reaches_every_message(w: &World) -> Outcome {
    let mut all = vec![];
    let mut at = HistoryAt::Latest;
    loop {
        let (numbers, has_before, _) = read(w, at, 3).await?;
        at = HistoryAt::Before(seq(numbers[0]));
        all.splice(0..0, numbers);
        if !has_before {
            break;
        }
    }
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    Ok(())
}

async fn walking_on_from_the_beginning_reaches_every_message(w: &World) -> Outcome {
    let mut all = vec![];
    let mut last = 0;
    loop {
        let (numbers, _, has_after) = read(w, HistoryAt::After(seq(last)), 4).await?;
        last = *numbers.last().expect("there is more");
        all.extend(numbers);
        if !has_after {
            break;
        }
    }
    assert_eq!(all, (1..=10).collect::<Vec<_>>());
    Ok(())
}
