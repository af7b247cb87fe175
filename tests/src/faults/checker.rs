//! Finds in a history what must never happen.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use super::history::{History, Record, State};

const SENT: &str = "message.sent";

/// Everything that is wrong, in words; nothing where all is well.
pub(super) fn check(history: &History) -> Vec<String> {
    let mut wrongs = Vec::new();
    let all = contents(history, &mut wrongs);
    for (record, fresh) in history.records.iter().zip(&history.fresh) {
        let mut said: Vec<String> = record.wrongs.clone();
        said.extend(acknowledged(record, &all));
        said.extend(order(record));
        said.extend(delivered(record, fresh));
        said.extend(shown(record, fresh));
        wrongs.extend(said.into_iter().map(|wrong| format!("{}: {wrong}", record.name)));
    }
    wrongs
}

/// The longest that an acknowledged message was on its way to anyone.
pub(super) fn slowest_delivery(history: &History) -> Duration {
    let acked: HashMap<_, _> =
        history.records.iter().flat_map(|record| &record.acked).map(|acked| (&*acked.message, acked.at)).collect();
    let seen = history.records.iter().flat_map(|record| &record.seen).filter(|seen| seen.kind == SENT);
    let gaps = seen.filter_map(|seen| Some(seen.at.saturating_duration_since(*acked.get(&*seen.message)?)));
    gaps.max().unwrap_or_default()
}

/// What the conversations hold: dense, the same to all members, and each send
/// once.
fn contents(history: &History, wrongs: &mut Vec<String>) -> State {
    let mut all = State::new();
    for (record, fresh) in history.records.iter().zip(&history.fresh) {
        for (id, messages) in fresh {
            match all.get(id) {
                Some(others) if others != messages => {
                    wrongs.push(format!("{} is shown {id} otherwise than others", record.name));
                }
                Some(_) => {}
                None => {
                    all.insert(id.clone(), messages.clone());
                }
            }
        }
    }
    for (id, messages) in &all {
        if !messages.keys().zip(1..).all(|(seq, expected)| *seq == expected) {
            wrongs.push(format!("{id} is not dense: {:?}", messages.keys().collect::<Vec<_>>()));
        }
        let mut keys = HashSet::new();
        for message in messages.values() {
            let key = (message["sender_id"].as_str(), message["client_id"].as_str());
            if key.1.is_some() && !keys.insert(key) {
                wrongs.push(format!("{id} holds {} twice", message["client_id"]));
            }
        }
    }
    all
}

/// What was acknowledged is there, as it was acknowledged.
fn acknowledged(record: &Record, all: &State) -> Vec<String> {
    let lost = record.acked.iter().filter(|acked| {
        let stored = all.get(&acked.conversation).and_then(|messages| messages.get(&acked.seq));
        stored.is_none_or(|stored| {
            stored["id"] != acked.message.as_str() || stored["client_id"] != acked.client_id.as_str()
        })
    });
    lost.map(|acked| format!("{} was acknowledged as {} and is not there", acked.client_id, acked.seq)).collect()
}

/// No event came twice, and new messages came in the order of their seqs,
/// without a hole.
fn order(record: &Record) -> Vec<String> {
    let mut wrongs = Vec::new();
    let mut events = HashSet::new();
    let last = |messages: &BTreeMap<i64, Value>| messages.last_key_value().map_or(0, |(seq, _)| *seq);
    let mut next: BTreeMap<&str, i64> =
        record.start.iter().map(|(id, messages)| (id.as_str(), last(messages) + 1)).collect();
    for seen in &record.seen {
        if !events.insert(&seen.event) {
            wrongs.push(format!("the event {} ({} {}) came twice", seen.event, seen.kind, seen.seq));
        }
        if seen.kind == SENT {
            let expected = next.entry(&seen.conversation).or_insert(1);
            if seen.seq != *expected {
                wrongs.push(format!("in {} came {} when {expected} was next", seen.conversation, seen.seq));
            }
            *expected = seen.seq + 1;
        }
    }
    wrongs
}

/// Everything that is there came.
fn delivered(record: &Record, fresh: &State) -> Vec<String> {
    let came: BTreeSet<_> =
        record.seen.iter().filter(|seen| seen.kind == SENT).map(|seen| (&*seen.conversation, seen.seq)).collect();
    let mut wrongs = Vec::new();
    for (id, messages) in fresh {
        let known = record.start.get(id);
        for seq in messages.keys() {
            if !known.is_some_and(|known| known.contains_key(seq)) && !came.contains(&(id.as_str(), *seq)) {
                wrongs.push(format!("{seq} of {id} never came"));
            }
        }
    }
    wrongs
}

/// What the client shows is what a new snapshot shows.
fn shown(record: &Record, fresh: &State) -> Vec<String> {
    let conversations: BTreeSet<_> = record.shown.keys().chain(fresh.keys()).collect();
    let differ = conversations.into_iter().filter(|id| record.shown.get(*id) != fresh.get(*id));
    differ.map(|id| format!("shows {id} otherwise than a new snapshot")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::history::Acked;
    use serde_json::json;
    use std::time::Instant;

    const ROOM: &str = "room";

    fn message(seq: i64) -> Value {
        json!({"id": format!("m{seq}"), "seq": seq, "sender_id": "ada", "client_id": format!("c{seq}"), "body": "x"})
    }

    fn sent(seq: i64) -> Value {
        json!({"id": format!("e{seq}"), "kind": SENT, "conversation_id": ROOM, "data": message(seq)})
    }

    fn acked(seq: i64) -> Acked {
        Acked {
            conversation: ROOM.to_owned(),
            client_id: format!("c{seq}"),
            message: format!("m{seq}"),
            seq,
            at: Instant::now(),
            began: Instant::now(),
        }
    }

    fn record(name: &str, seqs: &[i64]) -> Record {
        let mut record = Record { name: name.to_owned(), ..Record::default() };
        record.start = State::from([(ROOM.to_owned(), BTreeMap::new())]);
        record.shown = record.start.clone();
        for seq in seqs {
            record.take(&sent(*seq), "");
        }
        record
    }

    /// Ada sends three messages, and both see them.
    fn good() -> History {
        let mut ada = record("ada", &[1, 2, 3]);
        ada.acked = (1..=3).map(acked).collect();
        let bob = record("bob", &[1, 2, 3]);
        let state = State::from([(ROOM.to_owned(), (1..=3).map(|seq| (seq, message(seq))).collect())]);
        History { records: vec![ada, bob], fresh: vec![state.clone(), state] }
    }

    fn assert_found(history: &History, words: &str) {
        let wrongs = check(history);
        assert!(wrongs.iter().any(|wrong| wrong.contains(words)), "{words:?} is in {wrongs:?}");
    }

    #[test]
    fn a_history_without_fault_is_left_alone() {
        assert_eq!(check(&good()), Vec::<String>::new());
    }

    #[test]
    fn a_message_that_one_client_never_got_is_found() {
        for missed in [&[1, 2][..], &[1, 3], &[2, 3]] {
            let mut history = good();
            history.records[1] = record("bob", missed);
            assert_found(&history, "never came");
            assert_found(&history, "otherwise than a new snapshot");
        }
    }

    #[test]
    fn an_event_that_came_twice_is_found() {
        let mut history = good();
        history.records[1] = record("bob", &[1, 2, 2, 3]);
        assert_found(&history, "came twice");
        assert_found(&history, "came 2 when 3 was next");
    }

    #[test]
    fn messages_in_the_wrong_order_are_found() {
        let mut history = good();
        history.records[1] = record("bob", &[1, 3, 2]);
        assert_found(&history, "came 3 when 2 was next");
    }

    #[test]
    fn an_acknowledged_message_that_is_lost_is_found() {
        let mut history = good();
        history.records[0].acked.push(acked(4));
        assert_found(&history, "c4 was acknowledged as 4 and is not there");
    }

    #[test]
    fn an_acknowledgement_of_another_message_is_found() {
        let mut history = good();
        history.records[0].acked[1].seq = 3;
        assert_found(&history, "c2 was acknowledged as 3");
    }

    #[test]
    fn a_message_that_was_stored_twice_is_found() {
        let mut history = good();
        for state in &mut history.fresh {
            let room = state.get_mut(ROOM).expect("the room");
            room.insert(4, json!({"id": "m4", "seq": 4, "sender_id": "ada", "client_id": "c3", "body": "x"}));
        }
        assert_found(&history, "twice");
    }

    #[test]
    fn a_hole_in_a_conversation_is_found() {
        let mut history = good();
        for state in &mut history.fresh {
            state.get_mut(ROOM).expect("the room").remove(&2);
        }
        assert_found(&history, "not dense");
    }

    #[test]
    fn clients_that_are_shown_different_things_are_found() {
        let mut history = good();
        history.fresh[1].get_mut(ROOM).expect("the room").insert(2, json!({"id": "m2", "body": "y"}));
        assert_found(&history, "otherwise than others");
    }

    #[test]
    fn what_a_client_complained_of_is_told() {
        let mut history = good();
        history.records[1].wrong("410");
        assert_found(&history, "bob: 410");
    }
}
