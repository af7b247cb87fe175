//! Following the log: who sees what (I7), and when a cursor is of no use.

use std::time::Duration;

use super::failure::Outcome;
use super::world::World;
use super::{Case, isolated};
use crate::cursor::{Cursor, Place};
use crate::delivery::EventData;
use crate::error::{Error, Result};
use crate::event::Position;
use crate::id::UserId;
use crate::page::Limit;

pub(super) const CASES: &[Case] = isolated!("following":
    what_happens_after_a_cursor_is_seen_once,
    nothing_happened_moves_no_cursor,
    a_page_of_one_at_a_time_comes_to_the_same,
    a_stranger_sees_nothing,
    who_joins_sees_nothing_from_before,
    who_was_removed_sees_the_removal_and_nothing_else,
    who_came_back_is_not_told_of_having_left,
    an_edited_message_is_seen_as_it_is_now,
    a_deleted_message_is_seen_without_its_body,
    a_request_that_was_hidden_since_is_gone_for_its_addressee,
    those_who_know_a_user_see_the_profile_change,
    a_cursor_of_another_epoch_is_refused,
    a_cursor_beyond_the_head_is_refused,
    a_cursor_on_another_event_is_refused,
    a_cursor_below_the_floor_is_refused,
    a_cursor_from_before_the_first_event_is_refused_after_a_purge,
    a_cursor_at_the_floor_goes_on,
    a_purge_keeps_what_is_young,
    a_purge_keeps_the_last_event,
);

/// The kinds of what a user sees after a cursor, and where they stand then.
async fn seen(w: &World, cursor: &Cursor) -> Result<(Vec<&'static str>, Cursor)> {
    let page = w.messenger.events_after(cursor.user_id, cursor, Limit::DEFAULT).await?;
    Ok((page.events.iter().map(crate::delivery::Delivery::kind).collect(), page.cursor))
}

async fn must_resync(w: &World, cursor: &Cursor) {
    let refused = w.messenger.events_after(cursor.user_id, cursor, Limit::DEFAULT).await;
    assert!(matches!(refused, Err(Error::ResyncRequired)), "{refused:?}");
    let refused = w.messenger.check_cursor(cursor).await;
    assert!(matches!(refused, Err(Error::ResyncRequired)), "{refused:?}");
}

/// Some partition in which something has happened.
fn somewhere(cursor: &Cursor) -> (crate::event::Partition, Place) {
    cursor.places.iter().find(|(_, place)| place.position > Position::ZERO).expect("something has happened")
}

async fn what_happens_after_a_cursor_is_seen_once(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let start = w.messenger.cursor(bob).await?;
    w.say(ada, direct, "1").await?;
    let (kinds, cursor) = seen(w, &start).await?;
    assert_eq!(kinds, ["message.sent"]);
    assert_eq!(seen(w, &cursor).await?.0, [""; 0]);
    Ok(())
}

async fn nothing_happened_moves_no_cursor(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let start = w.messenger.cursor(ada).await?;
    assert_eq!(seen(w, &start).await?, (vec![], start));
    Ok(())
}

async fn a_page_of_one_at_a_time_comes_to_the_same(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let start = w.messenger.cursor(ada).await?;
    w.befriend(ada, bob).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(bob, direct, "1").await?;
    w.say(ada, direct, "2").await?;
    let (at_once, end) = seen(w, &start).await?;
    let (mut one_by_one, mut cursor) = (vec![], start);
    while cursor != end {
        let page = w.messenger.events_after(ada, &cursor, Limit::parse(1)?).await?;
        one_by_one.extend(page.events.iter().map(crate::delivery::Delivery::kind));
        cursor = page.cursor;
    }
    assert_eq!(one_by_one, at_once);
    assert_eq!(at_once.len(), 6);
    Ok(())
}

async fn a_stranger_sees_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let eve = w.user("eve").await?;
    let start = w.messenger.cursor(eve).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "secret").await?;
    w.messenger.block(ada, eve).await?;
    assert_eq!(seen(w, &start).await?.0, [""; 0]);
    Ok(())
}

async fn who_joins_sees_nothing_from_before(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let start = w.messenger.cursor(bob).await?;
    let group = w.group(ada, &[]).await?;
    w.say(ada, group, "before").await?;
    w.messenger.add_member(ada, group, bob).await?;
    w.say(ada, group, "after").await?;
    assert_eq!(seen(w, &start).await?.0, ["member.added", "conversation.updated", "message.sent"]);
    Ok(())
}

async fn who_was_removed_sees_the_removal_and_nothing_else(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let start = w.messenger.cursor(bob).await?;
    w.say(ada, group, "before").await?;
    w.messenger.remove_member(ada, group, bob).await?;
    w.say(ada, group, "after").await?;
    assert_eq!(seen(w, &start).await?.0, ["member.removed"]);
    Ok(())
}

async fn who_came_back_is_not_told_of_having_left(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let group = w.group(ada, &[bob]).await?;
    let start = w.messenger.cursor(bob).await?;
    w.messenger.remove_member(ada, group, bob).await?;
    w.messenger.add_member(ada, group, bob).await?;
    let page = w.messenger.events_after(bob, &start, Limit::DEFAULT).await?;
    let removal = page.events.iter().find(|event| event.kind() == "member.removed").expect("it is told");
    assert_eq!(removal.data, None, "it no longer holds");
    Ok(())
}

async fn an_edited_message_is_seen_as_it_is_now(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let start = w.messenger.cursor(bob).await?;
    let said = w.say(ada, direct, "first").await?;
    let now = w.messenger.edit_message(ada, direct, said.id, super::rows::body("second")).await?;
    let page = w.messenger.events_after(bob, &start, Limit::DEFAULT).await?;
    for event in page.events {
        assert_eq!(event.data, Some(EventData::Message(now.clone())), "{}", event.kind());
    }
    Ok(())
}

async fn a_deleted_message_is_seen_without_its_body(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let start = w.messenger.cursor(bob).await?;
    let said = w.say(ada, direct, "regretted").await?;
    w.messenger.delete_message(ada, direct, said.id).await?;
    let page = w.messenger.events_after(bob, &start, Limit::DEFAULT).await?;
    assert_eq!(page.events.len(), 2);
    for event in page.events {
        let Some(EventData::Message(message)) = event.data else { panic!("a message") };
        assert_eq!(message.body, None);
    }
    Ok(())
}

async fn a_request_that_was_hidden_since_is_gone_for_its_addressee(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let (of_ada, of_bob) = (w.messenger.cursor(ada).await?, w.messenger.cursor(bob).await?);
    w.messenger.request_friendship(ada, bob).await?;
    w.messenger.block(bob, ada).await?;
    let data = async |cursor: &Cursor, kind: &str| -> Result<_> {
        let page = w.messenger.events_after(cursor.user_id, cursor, Limit::DEFAULT).await?;
        Ok(page.events.into_iter().find(|event| event.kind() == kind).expect("it is told").data)
    };
    assert_eq!(data(&of_bob, "friend_request.received").await?, None);
    assert!(data(&of_ada, "friend_request.sent").await?.is_some(), "the requester learns nothing");
    Ok(())
}

async fn those_who_know_a_user_see_the_profile_change(w: &World) -> Outcome {
    let [ada, friend] = w.friends(["ada", "friend"]).await?;
    let [fellow, asked, asking, blocker, stranger] =
        w.users(["fellow", "asked", "asking", "blocker", "stranger"]).await?;
    w.befriend(friend, fellow).await?;
    w.group(friend, &[ada, fellow]).await?;
    w.messenger.request_friendship(ada, asked).await?;
    w.messenger.request_friendship(asking, ada).await?;
    w.messenger.block(blocker, ada).await?;
    let mut cursors = vec![];
    for user in [ada, friend, fellow, asked, asking, blocker, stranger] {
        cursors.push(w.messenger.cursor(user).await?);
    }
    let display_name = Some(crate::user::DisplayName::parse("Augusta")?);
    let changes = crate::service::users::UserChanges { display_name, ..Default::default() };
    w.messenger.update_me(ada, changes).await?;
    let mut told: Vec<UserId> = vec![];
    for cursor in &cursors {
        if seen(w, cursor).await?.0 == ["user.updated"] {
            told.push(cursor.user_id);
        }
    }
    assert_eq!(told, [ada, friend, fellow, asked, asking, blocker]);
    Ok(())
}

async fn a_cursor_of_another_epoch_is_refused(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let mut cursor = w.messenger.cursor(ada).await?;
    cursor.epoch ^= 1;
    must_resync(w, &cursor).await;
    Ok(())
}

async fn a_cursor_beyond_the_head_is_refused(w: &World) -> Outcome {
    let [ada, _] = w.friends(["ada", "bob"]).await?;
    let mut cursor = w.messenger.cursor(ada).await?;
    let (partition, place) = somewhere(&cursor);
    cursor.places.set(partition, Place { position: place.position.next(), ..place });
    must_resync(w, &cursor).await;
    Ok(())
}

async fn a_cursor_on_another_event_is_refused(w: &World) -> Outcome {
    let [ada, _] = w.friends(["ada", "bob"]).await?;
    let mut cursor = w.messenger.cursor(ada).await?;
    let (partition, place) = somewhere(&cursor);
    cursor.places.set(partition, Place { tag: place.tag ^ 1, ..place });
    must_resync(w, &cursor).await;
    Ok(())
}

async fn a_cursor_below_the_floor_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "old").await?;
    let old = w.messenger.cursor(ada).await?;
    w.say(ada, direct, "newer").await?;
    w.clock.advance(Duration::from_hours(2));
    w.say(ada, direct, "young").await?;
    w.messenger.purge_events(Duration::from_hours(1)).await?;
    must_resync(w, &old).await;
    Ok(())
}

/// It stands on no event whose tag could tell, so the floor alone does.
async fn a_cursor_from_before_the_first_event_is_refused_after_a_purge(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let start = w.messenger.cursor(ada).await?;
    assert!(start.places.iter().all(|(_, place)| place == Place::START), "nothing has happened yet");
    w.befriend(ada, bob).await?;
    w.clock.advance(Duration::from_hours(2));
    assert!(w.messenger.purge_events(Duration::from_hours(1)).await? > 0);
    must_resync(w, &start).await;
    Ok(())
}

async fn a_cursor_at_the_floor_goes_on(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "old").await?;
    let last = w.messenger.cursor(ada).await?;
    w.clock.advance(Duration::from_hours(2));
    w.say(ada, direct, "young").await?;
    assert!(w.messenger.purge_events(Duration::from_hours(1)).await? > 0);
    assert_eq!(seen(w, &last).await?.0, ["message.sent"]);
    assert_eq!(w.messenger.purge_events(Duration::from_hours(1)).await?, 0, "twice is once");
    Ok(())
}

async fn a_purge_keeps_what_is_young(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let start = w.messenger.cursor(ada).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(ada, direct, "young").await?;
    assert_eq!(w.messenger.purge_events(Duration::from_hours(1)).await?, 0);
    assert_eq!(seen(w, &start).await?.0, ["conversation.created", "message.sent"]);
    Ok(())
}

async fn a_purge_keeps_the_last_event(w: &World) -> Outcome {
    let [ada, _] = w.friends(["ada", "bob"]).await?;
    let last = w.messenger.cursor(ada).await?;
    w.clock.advance(Duration::from_hours(2));
    w.messenger.purge_events(Duration::ZERO).await?;
    assert_eq!(seen(w, &last).await?.0, [""; 0]);
    let mut snapshot = w.read().await?;
    let heads = snapshot.events().log_heads().await?;
    let floors = snapshot.events().log_floors().await?;
    assert_eq!(heads, floors);
    Ok(())
}
