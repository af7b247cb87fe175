//! What pages cost at the store, whatever the size of what they are cut from:
//! history of a conversation of a million messages, the list of a thousand
//! conversations.
//!
//! The messages are written by SQL, as to send a million would take longer than
//! everything else that is measured.

use std::time::Instant;

use messenger_core::Messenger;
use messenger_core::conversation::Title;
use messenger_core::id::{ConversationId, UserId};
use messenger_core::message::{MessageBody, Seq};
use messenger_core::page::{Limit, PageRequest};
use messenger_core::service::conversations::NewGroup;
use messenger_core::service::history::HistoryAt;
use messenger_core::service::messages::Draft;

use super::ground::Ground;
use super::measure::{Figures, Tally};
use super::options::Options;
use super::report::{Aim, Report};
use super::sql::{self, Numbers};
use crate::Outcome;

/// How long the short and the long history are.
const HISTORIES: [u64; 2] = [1_000, 1_000_000];
/// How many conversations the short and the long list have.
const LISTS: [usize; 2] = [20, 1_000];
/// How often each page is read in a turn, and in how many turns.
const READS: usize = 50;
const TURNS: usize = 6;

/// Which page is read, of which size.
struct Page {
    what: String,
    user: UserId,
    kind: Kind,
    tally: Tally,
}

enum Kind {
    History(ConversationId, HistoryAt),
    List,
}

/// Reads all pages in turns.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    let crowd = ground.crowd().await?;
    let mut pages = histories(ground, &crowd.messenger, crowd.people(1).await?[0].id, options).await?;
    for (person, length) in crowd.people(LISTS.len()).await?.iter().zip(LISTS) {
        fill_list(&crowd.messenger, person.id, length).await?;
        pages.push(Page::new(format!("list of {length}"), person.id, Kind::List));
    }
    let begin = Instant::now();
    for _ in 0..TURNS {
        for page in &mut pages {
            page.read(&crowd.messenger).await?;
        }
    }
    let mut report = Report::apart(options, ground.name(), None);
    report.runs = pages.iter().map(|page| page.tally.figures(&page.what, begin.elapsed())).collect();
    report.aims = aims(ground.name(), &report.runs);
    Ok(report)
}

fn aims(store: &str, runs: &[Figures]) -> Vec<Aim> {
    let [start, middle, end, long_start, long_middle, long_end, short_list, long_list] = runs else { return vec![] };
    let ratio = |long: &Figures, short: &Figures| long.p50_ms / short.p50_ms;
    let pairs = [("start", long_start, start), ("middle", long_middle, middle), ("end", long_end, end)];
    let mut aims: Vec<_> = pairs
        .map(|(place, long, short)| {
            let what = format!("{store}: a page at the {place} of 1,000,000 messages, to one of 1,000");
            Aim::at_most(&what, ratio(long, short), 1.3)
        })
        .into();
    let what = format!("{store}: the list of 1,000 conversations, to that of 20");
    aims.push(Aim::at_most(&what, ratio(long_list, short_list), 15.0));
    aims.push(Aim::at_most(&format!("{store}: ms for the list of 1,000 conversations"), long_list.p50_ms, 8.0));
    aims
}

impl Page {
    fn new(what: String, user: UserId, kind: Kind) -> Self {
        Self { what, user, kind, tally: Tally::default() }
    }

    async fn read(&mut self, messenger: &Messenger) -> Outcome<()> {
        for _ in 0..READS {
            let begin = Instant::now();
            let length = match self.kind {
                Kind::History(conversation, at) => {
                    messenger.list_messages(self.user, conversation, at, Limit::DEFAULT).await?.items.len()
                }
                Kind::List => {
                    let page = PageRequest { cursor: None, limit: Limit::DEFAULT };
                    messenger.list_conversations(self.user, page).await?.items.len()
                }
            };
            self.tally.succeed(begin.elapsed());
            if length < 20 {
                return Err(format!("{}: {length} came", self.what).into());
            }
        }
        Ok(())
    }
}

/// A conversation of each length, and its pages.
async fn histories(ground: &Ground, messenger: &Messenger, user: UserId, options: &Options) -> Outcome<Vec<Page>> {
    let mut pages = vec![];
    for length in HISTORIES {
        let new = NewGroup { title: Title::parse("Long")?, member_ids: vec![], client_id: None };
        let id = messenger.create_group(user, new).await?.into_view().conversation.id;
        ground.execute(statements(ground, id, user, length, options.body_bytes)).await?;
        let middle = Seq::from_stored(i64::try_from(length / 2)?);
        for (place, at) in
            [("start", HistoryAt::After(Seq::ZERO)), ("middle", HistoryAt::Around(middle)), ("end", HistoryAt::Latest)]
        {
            pages.push(Page::new(format!("{place} of {length}"), user, Kind::History(id, at)));
        }
    }
    Ok(pages)
}

/// How many of a conversation's messages have their places not in SQLite's table:
/// as many as there are on average.
const LATEST: u64 = 64;

fn statements(ground: &Ground, id: ConversationId, user: UserId, count: u64, body_bytes: usize) -> String {
    let (id, user, body) = (sql::hex(id.as_uuid()), sql::hex(user.as_uuid()), "m".repeat(body_bytes));
    let (hash, Numbers { expression, tables }) = ("00".repeat(32), Numbers::below(count));
    // Both conversations' ids differ by what comes before the number. SQLite's
    // store says where each message is, and has the places of the latest ones
    // not in their table.
    let (columns, values, rest) = match ground {
        Ground::Sqlite(_) => (
            "id, place, previous",
            format!(
                "unhex(printf('%016X%016X', {count}, numbers.n)),
                 (SELECT coalesce(max(place), 0) FROM messages) + numbers.n + 1,
                 iif(numbers.n, (SELECT coalesce(max(place), 0) FROM messages) + numbers.n, 0)"
            ),
            format!(
                "INSERT INTO message_places (conversation_id, seq, place)
                 SELECT conversation_id, seq, place FROM messages
                 WHERE conversation_id = X'{id}' AND seq <= {count} - {LATEST};
                 UPDATE conversations
                 SET indexed_seq = {count} - {LATEST}, last_place = (SELECT max(place) FROM messages)
                 WHERE id = X'{id}';"
            ),
        ),
        Ground::MySql(_) => {
            ("id", format!("UNHEX(CONCAT(LPAD(HEX({count}), 16, '0'), LPAD(HEX(numbers.n), 16, '0')))"), String::new())
        }
    };
    format!(
        "INSERT INTO messages ({columns}, conversation_id, seq, sender_id, body, client_id, payload_hash, reply_to,
                               created_at, edited_at, deleted_at)
         SELECT {values}, X'{id}', numbers.n + 1, X'{user}', '{body}', NULL, X'{hash}', NULL, numbers.n, NULL, NULL
         FROM (SELECT {expression} AS n FROM {tables}) numbers WHERE numbers.n < {count};
         UPDATE conversations SET last_seq = {count} WHERE id = X'{id}';
         UPDATE memberships SET read_seq = {count} WHERE conversation_id = X'{id}';
         {rest}"
    )
}

/// So many conversations with a message each.
async fn fill_list(messenger: &Messenger, user: UserId, length: usize) -> Outcome<()> {
    for number in 0..length {
        let title = Title::parse(&format!("Group {number}"))?;
        let new = NewGroup { title, member_ids: vec![], client_id: None };
        let id = messenger.create_group(user, new).await?.into_view().conversation.id;
        messenger.send_message(user, id, Draft::new(MessageBody::parse("m")?)).await?;
    }
    Ok(())
}
