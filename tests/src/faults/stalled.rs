//! A node that is stopped inside a commit, with the log's counters locked.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::client::Client;
use super::cluster::Cluster;
use super::scenario::Clock;
use super::sender::acknowledge;
use crate::live::Failure;

/// The first commit waits between the counters' lock and COMMIT.
pub(super) const FAIL_POINT: &str = "mysql::commit::counters=1*sleep(2000)->off";

/// How long the fail point is given to be reached: less than it waits.
const REACHED_AFTER: Duration = Duration::from_millis(700);

/// By how much the others' sends may be delayed.
const BOUND: Duration = Duration::from_secs(6);

/// For how long the node is stopped: longer than anybody waits for it.
const STOPPED_FOR: Duration = Duration::from_secs(9);

/// Starts node 0 with the fail point, has it commit, and stops it there. Until
/// then nobody but one client has turned to it.
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
        let person = held.person.at_address(doors.of(node).socket);
        let (path, body) = (path.clone(), body.clone());
        async move { person?.call(reqwest::Method::POST, &path, Some(body)).await }
    };
    let first = tokio::spawn(send(0));
    sleep(REACHED_AFTER).await;
    if first.is_finished() {
        return Err("the commit was not held up".to_owned());
    }
    cluster.node(0)?.signal("STOP");
    let stopped = Instant::now();
    // From now on clients turn to it too, and get no answer.
    doors.open(0);
    // What the held commit has locked, another node's send waits for.
    let waited = retry(|| send(1)).await?;
    let delay = stopped.elapsed();
    println!("  a send to the same conversation on the other node took {:.2} s", delay.as_secs_f64());
    sleep(STOPPED_FOR.saturating_sub(stopped.elapsed())).await;
    let others = clients.iter().filter_map(|client| client.record().counts.slowest_send.get(&1).copied()).max();
    let slowest = others.unwrap_or_default().max(delay);
    println!("  the others' sends were delayed by {:.2} s at most", slowest.as_secs_f64());
    cluster.node(0)?.signal("CONT");
    let told = first.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    println!("  the caller that was held up was answered {} {}", told.0, told.1["code"].as_str().unwrap_or("success"));
    for (status, answer) in [&waited, &told] {
        match status {
            200 | 201 => acknowledge(&mut held.record(), &conversation, "held", answer, stopped.elapsed()),
            503 => {}
            _ => return Err(format!("the held send was answered {status} {answer}")),
        }
    }
    if slowest > BOUND { Err(format!("others were delayed by {slowest:?}")) } else { Ok(()) }
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
