//! Pages through the service: cursors are opaque and belong to one list.

use super::failure::Outcome;
use super::people::page_of;
use super::world::World;
use super::{Case, isolated};
use crate::error::{Error, Result};
use crate::id::UserId;
use crate::page::{Page, PageRequest};
use crate::store::Direction;
use crate::user::UserQuery;

pub(super) const CASES: &[Case] = isolated!("cursors":
    friends_page_without_gaps_or_repeats,
    conversations_page_without_gaps_or_repeats,
    members_page_without_gaps_or_repeats,
    recent_messages_page_without_gaps_or_repeats,
    found_users_page_without_gaps_or_repeats,
    a_full_last_page_has_no_next,
    what_is_inserted_meanwhile_neither_repeats_nor_hides,
    a_cursor_of_another_list_is_refused,
    a_cursor_of_another_viewer_is_refused,
    a_cursor_of_another_query_is_refused,
    a_malformed_cursor_is_refused,
);

async fn walk<T>(limit: i64, mut read: impl AsyncFnMut(PageRequest) -> Result<Page<T>>) -> Result<Vec<T>> {
    let mut all = vec![];
    let mut cursor = None;
    loop {
        let page = read(page_of(limit, cursor)).await?;
        let full = i64::try_from(page.items.len()).expect("few") == limit;
        assert!(page.next_cursor.is_none() || full, "a page with a next one is full");
        all.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(all);
        }
    }
}

/// Ada and her seven friends of the same millisecond.
async fn popular(w: &World) -> Result<(UserId, Vec<UserId>)> {
    let ada = w.user("ada").await?;
    let mut friends = vec![];
    for number in 0..7 {
        let friend = w.user(&format!("friend{number}")).await?;
        w.befriend(ada, friend).await?;
        friends.push(friend);
    }
    friends.sort();
    Ok((ada, friends))
}

fn is_bad_cursor<T>(result: &Result<T>) -> bool {
    matches!(result, Err(Error::BadCursor))
}

async fn friends_page_without_gaps_or_repeats(w: &World) -> Outcome {
    let (ada, mut friends) = popular(w).await?;
    friends.reverse();
    for limit in 1..=8 {
        let walked = walk(limit, async |page| w.messenger.list_friends(ada, None, page).await).await?;
        let ids: Vec<_> = walked.into_iter().map(|friend| friend.user.id).collect();
        assert_eq!(ids, friends, "in pages of {limit}");
    }
    Ok(())
}

async fn conversations_page_without_gaps_or_repeats(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let mut groups = vec![];
    for _ in 0..7 {
        groups.push(w.group(ada, &[]).await?);
    }
    groups.sort_by_key(|id| std::cmp::Reverse(*id));
    for limit in [1, 2, 3, 7, 8] {
        let walked = walk(limit, async |page| w.messenger.list_conversations(ada, page).await).await?;
        let ids: Vec<_> = walked.into_iter().map(|view| view.conversation.id).collect();
        assert_eq!(ids, groups, "in pages of {limit}");
    }
    Ok(())
}

async fn members_page_without_gaps_or_repeats(w: &World) -> Outcome {
    let (ada, friends) = popular(w).await?;
    let group = w.group(ada, &friends).await?;
    let mut members = friends;
    members.push(ada);
    members.sort();
    for limit in [1, 3, 8, 9] {
        let walked = walk(limit, async |page| w.messenger.list_members(ada, group, page).await).await?;
        let ids: Vec<_> = walked.into_iter().map(|member| member.user.id).collect();
        assert_eq!(ids, members, "in pages of {limit}");
    }
    Ok(())
}

async fn recent_messages_page_without_gaps_or_repeats(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let groups = [w.group(ada, &[]).await?, w.group(ada, &[]).await?];
    let mut sent = vec![];
    for number in 0..7 {
        sent.push(w.say(ada, groups[number % 2], "x").await?);
    }
    // Of one millisecond, in which the order is the store's own.
    let at_once = walk(100, async |page| w.messenger.list_recent_messages(ada, page).await).await?;
    for limit in [1, 2, 5, 7, 8] {
        let walked = walk(limit, async |page| w.messenger.list_recent_messages(ada, page).await).await?;
        assert_eq!(walked, at_once, "in pages of {limit}");
    }
    let mut listed = at_once;
    listed.sort_by_key(|message| message.id);
    sent.sort_by_key(|message| message.id);
    assert_eq!(listed, sent);
    Ok(())
}

async fn found_users_page_without_gaps_or_repeats(w: &World) -> Outcome {
    let (ada, _) = popular(w).await?;
    let query = UserQuery::parse("friend").expect("a query");
    for limit in [1, 3, 7, 8] {
        let walked = walk(limit, async |page| w.messenger.search_users(ada, &query, page).await).await?;
        let names: Vec<_> = walked.into_iter().map(|user| user.username.to_string()).collect();
        assert_eq!(names, (0..7).map(|number| format!("friend{number}")).collect::<Vec<_>>(), "in pages of {limit}");
    }
    Ok(())
}

async fn a_full_last_page_has_no_next(w: &World) -> Outcome {
    let (ada, _) = popular(w).await?;
    let page = w.messenger.list_friends(ada, None, page_of(7, None)).await?;
    assert_eq!((page.items.len(), page.next_cursor), (7, None));
    Ok(())
}

async fn what_is_inserted_meanwhile_neither_repeats_nor_hides(w: &World) -> Outcome {
    let (ada, mut friends) = popular(w).await?;
    friends.reverse();
    let first = w.messenger.list_friends(ada, None, page_of(3, None)).await?;
    w.clock.tick();
    let late = w.user("late").await?;
    w.befriend(ada, late).await?;
    w.messenger.unfriend(ada, friends[2]).await?;
    let rest = w.messenger.list_friends(ada, None, page_of(10, first.next_cursor)).await?;
    let ids: Vec<_> = rest.items.into_iter().map(|friend| friend.user.id).collect();
    assert_eq!(ids, friends[3..]);
    Ok(())
}

async fn a_cursor_of_another_list_is_refused(w: &World) -> Outcome {
    let (ada, friends) = popular(w).await?;
    let cursor = w.messenger.list_friends(ada, None, page_of(1, None)).await?.next_cursor;
    assert!(cursor.is_some());
    let page = || page_of(1, cursor.clone());
    let group = w.group(ada, &friends).await?;
    assert!(is_bad_cursor(&w.messenger.list_conversations(ada, page()).await));
    assert!(is_bad_cursor(&w.messenger.list_members(ada, group, page()).await));
    assert!(is_bad_cursor(&w.messenger.list_blocks(ada, page()).await));
    assert!(is_bad_cursor(&w.messenger.list_recent_messages(ada, page()).await));
    assert!(is_bad_cursor(&w.messenger.list_mutual_friends(ada, friends[0], page()).await));
    for direction in [Direction::Incoming, Direction::Outgoing] {
        assert!(is_bad_cursor(&w.messenger.list_friend_requests(ada, direction, page()).await));
    }
    Ok(())
}

async fn a_cursor_of_another_viewer_is_refused(w: &World) -> Outcome {
    let (ada, friends) = popular(w).await?;
    let cursor = w.messenger.list_friends(ada, None, page_of(1, None)).await?.next_cursor;
    let theirs = w.messenger.list_friends(friends[0], None, page_of(1, cursor)).await;
    assert!(is_bad_cursor(&theirs));
    Ok(())
}

async fn a_cursor_of_another_query_is_refused(w: &World) -> Outcome {
    let (ada, _) = popular(w).await?;
    let (one, other) = (UserQuery::parse("friend").expect("a query"), UserQuery::parse("frien").expect("a query"));
    let cursor = w.messenger.search_users(ada, &one, page_of(1, None)).await?.next_cursor;
    assert!(is_bad_cursor(&w.messenger.search_users(ada, &other, page_of(1, cursor.clone())).await));
    assert!(is_bad_cursor(&w.messenger.list_friends(ada, Some(&one), page_of(1, cursor)).await));
    Ok(())
}

async fn a_malformed_cursor_is_refused(w: &World) -> Outcome {
    let (ada, _) = popular(w).await?;
    let real = w.messenger.list_friends(ada, None, page_of(1, None)).await?.next_cursor.expect("there is more");
    let mut flipped = real.clone().into_bytes();
    flipped[0] = if flipped[0] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("ASCII");
    for text in ["", "x", "0", "' OR 1=1 --", "AAAAAAAAAAAAAAAA", "ä", &real[1..], &flipped, &format!("{real}A")] {
        let page = page_of(1, Some(text.to_owned()));
        assert!(is_bad_cursor(&w.messenger.list_friends(ada, None, page).await), "{text:?}");
    }
    Ok(())
}
