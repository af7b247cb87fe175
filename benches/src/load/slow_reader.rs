//! One of many connections stops reading: what the others notice of it, how it
//! ends, and whether anything is missing when it is back.

use std::collections::BTreeSet;
use std::time::Duration;

use super::arrivals::{Arrivals, Course, Sender, number_of};
use super::ground::Ground;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report};
use super::socket::{Frame, Socket, text_after};
use crate::Outcome;

/// How many connections read, each of another member.
const READERS: usize = 20;

/// Messages a second.
const RATE: u32 = 100;

/// Large ones, so that the buffers in between are soon full.
const BODY_BYTES: usize = 8_000;

/// Longer than the server waits for one that does not read.
const STOPPED: Duration = Duration::from_secs(15);

/// The code that asks a client to go on from its cursor.
const RESUME: u16 = 4000;

/// How long nothing may come when it reads again.
const PATIENCE: Duration = Duration::from_secs(20);

/// Measures both courses.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    let crowd = ground.crowd().await?;
    let people = crowd.people(READERS + 2).await?;
    let conversation = crowd.group(&people).await?.as_uuid().to_string();
    drop(crowd);
    let node = Node::start(&ground.url(), None).await?;
    let senders = [Sender { authorization: people[0].user.authorization.clone(), conversation }];
    let slow_one = &people[1].user;
    let mut sockets = vec![];
    for (number, person) in people[2..].iter().enumerate() {
        let mut socket = Socket::connect(node.address, &person.user, None, number, None).await?;
        socket.catch_up().await?;
        sockets.push(socket);
    }
    let mut arrivals = Arrivals::at(sockets);
    let mut report = Report::apart(options, ground.name(), Some(RATE));
    let mut slow = None;
    let count = STOPPED.as_secs() * u64::from(RATE);
    for label in ["without", "with"] {
        if label == "with" {
            let mut socket = Socket::connect(node.address, slow_one, None, 0, Some(4 * 1024)).await?;
            socket.catch_up().await?;
            slow = Some(socket);
        }
        let course = Course { label: label.to_owned(), rate: RATE, count, body_bytes: BODY_BYTES };
        let (begin, failed) = course.run(node.address, &senders).await?;
        if failed > 0 {
            return Err(format!("{failed} sends failed").into());
        }
        let warm_up = u64::from(RATE);
        let tally = arrivals.tally(&course, begin, READERS as u64, warm_up).await?;
        report.runs.push(tally.figures(label, STOPPED));
    }
    let slow = slow.ok_or("nobody was slow")?;
    let (seen, ended) = back_again(slow, &node, slow_one, count).await?;
    let [without, with] = &mut report.runs[..] else { return Err("two courses were run".into()) };
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    with.notes.insert("messages seen before the slow one was cut off".to_owned(), seen as f64);
    with.notes.insert("code that the slow one was closed with".to_owned(), f64::from(ended));
    let ratio = with.p99_ms / without.p99_ms.max(f64::EPSILON);
    report.aims = vec![Aim::at_most("slow reader: the others' p99 with it, to without it", ratio, 1.5)];
    Ok(report)
}

/// Reads on, to the end of the connection, and goes on from the last cursor.
/// Fails unless it is told to, and every message is there once; answers how
/// many came over the first connection, and the code that ended it.
async fn back_again(mut slow: Socket, node: &Node, user: &super::world::User, count: u64) -> Outcome<(usize, u16)> {
    let (mut seen, mut cursor, mut before) = (BTreeSet::new(), None, 0);
    let mut code = None;
    loop {
        let frame = tokio::time::timeout(PATIENCE, slow.next()).await;
        match frame.map_err(|_| "nothing more comes, and the slow one was not closed")?? {
            Frame::Text(text) => {
                if let Some(number) = text_after(text, br#""client_id":""#).and_then(|id| number_of(id, "with"))
                    && !seen.insert(number)
                {
                    return Err(format!("message {number} came twice").into());
                }
                if let Some(last) = text_after(text, br#""cursor":""#) {
                    cursor = Some(last.to_owned());
                }
                if code.is_some() && text.starts_with(br#"{"type":"caught_up""#) {
                    break;
                }
            }
            Frame::Close(resume @ RESUME) if code.is_none() => {
                code = Some(resume);
                before = seen.len();
                slow = Socket::connect(node.address, user, cursor.as_deref(), 0, None).await?;
            }
            other => return Err(format!("{other:?} where {RESUME} or the rest was to come").into()),
        }
    }
    if seen.len() as u64 != count {
        return Err(format!("{} of {count} messages came", seen.len()).into());
    }
    Ok((before, code.unwrap_or(0)))
}
