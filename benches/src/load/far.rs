//! Catching up in a log that is full of what happened to others: a member of
//! many conversations, a few of which changed.
//!
//! What happened to others is written to the log by SQL, as sending two million
//! messages would take longer than everything else that is measured.

use std::time::Instant;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use messenger_core::clock::{Clock as _, SystemClock};
use messenger_core::conversation::Title;
use messenger_core::id::{IdGenerator as _, SystemIds};
use messenger_core::message::MessageBody;
use messenger_core::service::conversations::NewGroup;
use messenger_core::service::messages::Draft;

use super::ground::Ground;
use super::measure::Tally;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report};
use super::socket::{Frame, Socket};
use super::sql::{self, Numbers};
use crate::Outcome;

/// Of how many conversations the one who catches up is a member.
const CONVERSATIONS: usize = 1_000;
/// How many of them changed, and how often each.
const CHANGED: usize = 50;
const CHANGES: usize = 10;
/// In how many parts the others' events are written, with what concerns the
/// member in between.
const PARTS: usize = 10;

/// Measures all rounds.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    let others = options.others.unwrap_or(0);
    let crowd = ground.crowd().await?;
    let people = crowd.people(2).await?;
    let [member, other] = &people[..] else { return Err("two people were asked for".into()) };
    crowd.befriend(member.id, other.id).await?;
    let groups: Vec<_> = stream::iter(0..CONVERSATIONS)
        .map(|number| {
            let messenger = crowd.messenger.clone();
            async move {
                let title = Title::parse(&format!("Group {number}"))?;
                let new = NewGroup { title, member_ids: vec![member.id], client_id: None };
                Outcome::Ok(messenger.create_group(other.id, new).await?.into_view().conversation.id)
            }
        })
        .buffered(4)
        .try_collect()
        .await?;
    let cursor = crowd.messenger.cursor(member.id).await?.encode();
    for part in 0..PARTS {
        progress(options, part);
        write_others(ground, others / PARTS as u64).await?;
        for group in groups.iter().skip(part).step_by(CONVERSATIONS / CHANGED).take(CHANGED / PARTS) {
            for _ in 0..CHANGES {
                let body = MessageBody::parse(&"m".repeat(options.body_bytes))?;
                crowd.messenger.send_message(other.id, *group, Draft::new(body)).await?;
            }
        }
    }
    drop(crowd);
    let node = Node::start(&ground.url(), None).await?;
    let mut report = Report::apart(options, ground.name(), None);
    let mut tally = Tally::default();
    let begin = Instant::now();
    // The first one reads what no cache holds yet; it is told by itself.
    let cold = catch_up(&node, &member.user, &cursor).await?;
    for _ in 0..options.rounds.max(1) {
        tally.succeed(catch_up(&node, &member.user, &cursor).await?);
    }
    let mut figures = tally.figures("resume", begin.elapsed());
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    figures.notes.insert("events of others in the log".to_owned(), others as f64);
    figures.notes.insert("ms the first time".to_owned(), cold.as_secs_f64() * 1_000.0);
    let what = format!("{}: ms to catch up on {} events among {} of others", ground.name(), CHANGED * CHANGES, others);
    report.aims = vec![Aim::at_most(&what, figures.p50_ms, 100.0)];
    report.runs.push(figures);
    Ok(report)
}

/// From before the connection is made to the mark that says that all is told.
async fn catch_up(node: &Node, user: &super::world::User, cursor: &str) -> Outcome<std::time::Duration> {
    let begin = Instant::now();
    let mut socket = Socket::connect(node.address, user, Some(cursor), 0, None).await?;
    let mut events = 0;
    loop {
        match socket.next().await? {
            Frame::Text(text) if text.starts_with(br#"{"type":"event""#) => events += 1,
            Frame::Text(text) if text.starts_with(br#"{"type":"caught_up""#) => break,
            Frame::Text(_) => {}
            other => return Err(format!("{other:?} before it caught up").into()),
        }
    }
    if events != CHANGED * CHANGES {
        return Err(format!("{events} events came, not {}", CHANGED * CHANGES).into());
    }
    Ok(begin.elapsed())
}

fn progress(options: &Options, part: usize) {
    if !options.quiet {
        eprint!("\r\x1b[Kwriting what happened to others: {part} of {PARTS}");
        if part + 1 == PARTS {
            eprint!("\r\x1b[K");
        }
    }
}

/// Writes events of a conversation that nobody of ours is in, in every
/// partition, as a commit does: under the counters' locks.
async fn write_others(ground: &Ground, count: u64) -> Outcome<()> {
    let partitions = ground.partitions().await?;
    for partition in &partitions {
        ground.execute(statements(*partition, count / partitions.len() as u64)).await?;
    }
    Ok(())
}

/// The statements that add `count` events to a partition, as all stores
/// understand them.
fn statements(partition: u16, count: u64) -> String {
    let now = SystemClock.now();
    let id = sql::hex(SystemIds.new_uuid(now));
    // A node purges what is old as soon as it starts.
    let at = now.as_millis();
    let Numbers { expression, tables } = Numbers::below(count);
    format!(
        "UPDATE log_partitions SET head = head + {count} WHERE partition_id = {partition};
         INSERT INTO events (partition_id, position, audience_kind, audience_id, kind, conversation_id, subject_id,
                             other_id, at, actor_id, tag)
         SELECT {partition}, log_partitions.head - numbers.n, 'conversation', X'{id}', 'message.sent', X'{id}', X'{id}',
                NULL, {at}, X'{id}', numbers.n
         FROM (SELECT {expression} AS n FROM {tables}) numbers CROSS JOIN log_partitions
         WHERE numbers.n < {count} AND log_partitions.partition_id = {partition};"
    )
}
