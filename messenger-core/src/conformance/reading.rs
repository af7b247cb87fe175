//! Unread cannot drift (I6).

use super::failure::Outcome;
use super::people::invalid_fields;
use super::rows::seq;
use super::world::World;
use super::{Case, isolated};
use crate::error::Result;
use crate::event::{Audience, Fact};
use crate::id::{ConversationId, UserId};
use crate::message::Seq;

pub(super) const CASES: &[Case] = isolated!("reading":
    messages_of_others_are_unread,
    ones_own_messages_are_never_unread,
    sending_does_not_move_the_marker,
    reading_moves_the_marker_and_the_count,
    a_marker_never_moves_back,
    a_marker_below_itself_tells_nothing,
    a_marker_above_the_last_message_is_refused,
    a_marker_between_own_messages_counts_those_after_it,
    tombstones_count,
    an_advance_is_told_to_the_conversation,
    an_advance_in_a_large_group_is_told_to_the_reader_only,
    unread_is_what_a_count_of_all_messages_says,
);

async fn read_to(w: &World, who: UserId, place: ConversationId, number: i64) -> Result<(i64, i64)> {
    let state = w.messenger.mark_read(who, place, seq(number)).await?;
    Ok((state.read_seq.get(), state.unread_count))
}

async fn messages_of_others_are_unread(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(ada, &[bob, cleo]).await?;
    w.say(ada, group, "1").await?;
    w.say(bob, group, "2").await?;
    let unread = [w.unread(ada, group).await?, w.unread(bob, group).await?, w.unread(cleo, group).await?];
    assert_eq!(unread, [1, 1, 2]);
    Ok(())
}

async fn ones_own_messages_are_never_unread(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    for _ in 0..3 {
        w.say(ada, direct, "x").await?;
    }
    assert_eq!(w.unread(ada, direct).await?, 0);
    Ok(())
}

async fn sending_does_not_move_the_marker(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(bob, direct, "1").await?;
    w.say(ada, direct, "2").await?;
    let view = w.messenger.conversation(ada, direct).await?;
    assert_eq!((view.read_seq, view.unread_count), (Seq::ZERO, 1));
    Ok(())
}

async fn reading_moves_the_marker_and_the_count(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    for _ in 0..5 {
        w.say(bob, direct, "x").await?;
    }
    assert_eq!(read_to(w, ada, direct, 3).await?, (3, 2));
    let view = w.messenger.conversation(ada, direct).await?;
    assert_eq!((view.read_seq, view.unread_count), (seq(3), 2));
    assert_eq!(read_to(w, ada, direct, 5).await?, (5, 0));
    Ok(())
}

async fn a_marker_never_moves_back(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    for _ in 0..3 {
        w.say(bob, direct, "x").await?;
    }
    read_to(w, ada, direct, 2).await?;
    for number in [1, 0, 2] {
        assert_eq!(read_to(w, ada, direct, number).await?, (2, 1), "to {number}");
    }
    Ok(())
}

async fn a_marker_below_itself_tells_nothing(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(bob, direct, "x").await?;
    read_to(w, ada, direct, 1).await?;
    let log = w.log_length().await?;
    read_to(w, ada, direct, 0).await?;
    read_to(w, ada, direct, 1).await?;
    assert_eq!(w.log_length().await?, log);
    Ok(())
}

async fn a_marker_above_the_last_message_is_refused(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(bob, direct, "x").await?;
    assert_eq!(invalid_fields(w.messenger.mark_read(ada, direct, seq(2)).await), ["seq"]);
    assert_eq!(w.unread(ada, direct).await?, 1);
    Ok(())
}

async fn a_marker_between_own_messages_counts_those_after_it(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    for sender in [bob, ada, bob, ada, ada, bob] {
        w.say(sender, direct, "x").await?;
    }
    assert_eq!(w.unread(ada, direct).await?, 3);
    for (number, unread) in [(1, 2), (2, 2), (3, 1), (4, 1), (5, 1), (6, 0)] {
        assert_eq!(read_to(w, ada, direct, number).await?, (number, unread));
    }
    Ok(())
}

async fn tombstones_count(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    let theirs = w.say(bob, direct, "theirs").await?;
    let own = w.say(ada, direct, "own").await?;
    w.say(bob, direct, "theirs too").await?;
    let before = w.unread(ada, direct).await?;
    w.messenger.delete_message(bob, direct, theirs.id).await?;
    w.messenger.delete_message(ada, direct, own.id).await?;
    assert_eq!((before, w.unread(ada, direct).await?), (2, 2));
    assert_eq!(read_to(w, ada, direct, 1).await?, (1, 1));
    Ok(())
}

async fn an_advance_is_told_to_the_conversation(w: &World) -> Outcome {
    let [ada, bob] = w.friends(["ada", "bob"]).await?;
    let direct = w.direct(ada, bob).await?;
    w.say(bob, direct, "x").await?;
    read_to(w, ada, direct, 1).await?;
    let advanced = Fact::ReadAdvanced { conversation_id: direct, user_id: ada };
    assert_eq!(w.told(Audience::Conversation(direct)).await?.last(), Some(&advanced));
    Ok(())
}

async fn an_advance_in_a_large_group_is_told_to_the_reader_only(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let members: Vec<_> = (0..50).map(|number| w.new_user(&format!("member{number}"))).collect();
    w.put(&members).await?;
    let group = w.put_group(&std::iter::once(&ada).chain(&members).collect::<Vec<_>>()).await?;
    w.say(members[0].id, group.id, "hello all").await?;
    let before = w.told(Audience::Conversation(group.id)).await?;
    read_to(w, ada.id, group.id, 1).await?;
    assert_eq!(w.told(Audience::Conversation(group.id)).await?, before);
    let advanced = Fact::ReadAdvanced { conversation_id: group.id, user_id: ada.id };
    assert_eq!(w.told(Audience::User(ada.id)).await?, [advanced]);
    Ok(())
}

/// A random history, after each step of which the counts are what counting
/// all messages gives.
async fn unread_is_what_a_count_of_all_messages_says(w: &World) -> Outcome {
    let users = w.friends(["ada", "bob", "cleo"]).await?;
    let group = w.group(users[0], &users[1..]).await?;
    let mut markers = [0; 3];
    for step in 0..60 {
        let dice = w.ids.next_u64();
        let index = (dice % 3) as usize;
        let messages = w.transcript(group).await?;
        let length = i64::try_from(messages.len()).expect("few");
        match (dice >> 8) % 4 {
            0 if length > 0 => {
                let number = (dice >> 16).cast_signed().rem_euclid(length + 1);
                read_to(w, users[index], group, number).await?;
                markers[index] = number.max(markers[index]);
            }
            1 if length > 0 => {
                let message = &messages[(dice >> 16) as usize % messages.len()];
                w.messenger.delete_message(message.sender_id, group, message.id).await?;
            }
            _ => drop(w.say(users[index], group, "x").await?),
        }
        let messages = w.transcript(group).await?;
        for (user, marker) in users.iter().zip(markers) {
            let unread = messages.iter().filter(|m| m.seq.get() > marker && m.sender_id != *user).count();
            let unread = i64::try_from(unread).expect("few");
            assert_eq!(w.unread(*user, group).await?, unread, "after step {step}");
        }
    }
    Ok(())
}
