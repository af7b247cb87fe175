//! A node that is stopped inside a change, with its rows locked. The log's
//! counters are never held by a node, only by the server.

use std::ops::RangeBounds;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::client::Client;
use super::cluster::Cluster;
use super::report::median;
use super::scenario::Clock;
use super::sender::acknowledge;
use crate::live::Failure;

/// The first change waits when it has locked its rows and COMMIT is next.
pub(super) const FAIL_POINT: &str = "mysql::commit::log=1*sleep(3000)->off";

/// How long the fail point is given to be reached: less than it waits.
const REACHED_AFTER: Duration = Duration::from_secs(1);

/// How long others then turn to the node, so that it is stopped with callers of
/// all kinds.
const CROWDED_FOR: Duration = Duration::from_millis(300);

/// A send that waited for the held commit took longer than this.
const HELD_UP: Duration = Duration::from_millis(1_500);

/// By how much the others' sends may be delayed.
const BOUND: Duration = Duration::from_secs(6);

/// For how long the node is stopped: longer than anybody waits for it.
const STOPPED_FOR: Duration = Duration::from_secs(9);

/// Has node 0 commit and stops it there. Until then nobody but one client has
/// turned to it; then others do, and are waiting for it when it is stopped.
pub(super) async fn stop_inside_a_commit(
    cluster: &mut Cluster,
    clients: &[Client],
    clock: &Clock,
) -> Result<(), String> {
    clock.until(20).await;
    let held = &clients[0];
    let conversation = held.conversations[0].clone();
    let path = format!("/v1/conversations/{conversation}/messages");
    let body = serde_json::json!({"body": "held", "client_id": "held"});
    let doors = cluster.doors.clone();
    let send = |node: usize| {
        let person = held.person.at_address(doors.of(node));
        let (path, body) = (path.clone(), body.clone());
        async move { person?.call(reqwest::Method::POST, &path, Some(body)).await }
    };
    let first = tokio::spawn(send(0));
    sleep(REACHED_AFTER).await;
    doors.open(0);
    sleep(CROWDED_FOR).await;
    if first.is_finished() {
        return Err(format!("the commit was not held up: {:?}", first.await));
    }
    // Whoever begins to send from now on, does so on the other node.
    doors.close(0);
    cluster.node(0)?.signal("STOP");
    let stopped = Instant::now();
    // What the held commit has locked, another node's send waits for.
    let waited = retry(|| send(1)).await?;
    let delay = stopped.elapsed();
    println!("  a send to the same conversation on the other node took {:.2} s", delay.as_secs_f64());
    sleep(STOPPED_FOR.saturating_sub(stopped.elapsed())).await;
    cluster.node(0)?.signal("CONT");
    let continued = Instant::now();
    doors.open(0);
    let told = first.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    println!("  the caller that was held up was answered {} {}", told.0, told.1["code"].as_str().unwrap_or("success"));
    if matches!(told.0, 200 | 201) && delay < HELD_UP {
        return Err("the fail point was not reached in time: is the machine busy?".to_owned());
    }
    clock.until(100).await;
    let usual = median(clients.iter().flat_map(|client| sends(client, ..stopped)));
    let slowest = clients.iter().flat_map(|client| sends(client, stopped..continued)).max().unwrap_or_default();
    // Only now: these two are no sends of the others.
    for (status, answer) in [&waited, &told] {
        match status {
            200 | 201 => acknowledge(&mut held.record(), &conversation, "held", answer, stopped),
            503 => {}
            _ => return Err(format!("the held send was answered {status} {answer}")),
        }
    }
    let delay = slowest.max(delay).saturating_sub(usual);
    println!(
        "  the others' sends took {:.2} s before and {:.2} s at most meanwhile: {:.2} s more",
        usual.as_secs_f64(),
        slowest.as_secs_f64(),
        delay.as_secs_f64()
    );
    if delay > BOUND { Err(format!("others were delayed by {delay:?}")) } else { Ok(()) }
}

/// How long a client's sends took that it began in some time. One that is still
/// under way has taken as long as that.
fn sends(client: &Client, time: impl RangeBounds<Instant>) -> Vec<Duration> {
    let record = client.record();
    let done = record.acked.iter().map(|acked| (acked.began, acked.took()));
    let all = done.chain(record.sending.map(|began| (began, began.elapsed())));
    all.filter(|(began, _)| time.contains(began)).map(|(_, took)| took).collect()
}

/// Until it is a success; each try is a repeat of the same send.
async fn retry<F>(send: impl Fn() -> F) -> Result<(u16, serde_json::Value), String>
where
    F: Future<Output = Result<(u16, serde_json::Value), Failure>>,
{
    for _ in 0..100 {
        match send().await {
            Ok((status @ (200 | 201), message)) => return Ok((status, message)),
            Ok((503, _)) => sleep(Duration::from_millis(100)).await,
            Ok((status, problem)) => return Err(format!("a repeat was answered {status} {problem}")),
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("a repeat was never answered".to_owned())
}
