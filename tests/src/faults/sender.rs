//! Sends, and sends again until it is answered: with the same client id.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::client::{Client, Stage};
use super::history::{Acked, Record};
use crate::live::Failure;

/// How long a single request may take. More than the service lets itself take
/// for a lock, less than a client would want.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a send may go unanswered in all.
const ANSWERED_WITHIN: Duration = Duration::from_mins(1);
/// Between two sends, on average half of it.
const PAUSE_MS: u64 = 600;

/// Sends until it is time to settle.
pub(super) async fn send(mut client: Client) {
    for number in 0.. {
        let pause = Duration::from_millis(client.random.below(PAUSE_MS));
        tokio::select! {
            () = client.until(Stage::Settling) => return,
            () = sleep(pause) => {}
        }
        let conversations = client.conversations.clone();
        let conversation = client.random.pick(&conversations);
        let key = format!("{}-{number}", client.person.name);
        client.record().sending = Some(Instant::now());
        let acknowledged = deliver(&mut client, conversation, &key, &format!("message {number}")).await;
        client.record().sending = None;
        if acknowledged && client.random.below(10) == 0 {
            change_last(&mut client).await;
        }
    }
}

/// Sends one message until it is acknowledged; false when it never is.
pub(super) async fn deliver(client: &mut Client, conversation: &str, key: &str, body: &str) -> bool {
    let path = format!("/v1/conversations/{conversation}/messages");
    let since = Instant::now();
    loop {
        let address = client.doors.pick(&mut client.random);
        let Ok(person) = client.person.at_address(address) else { return false };
        let call = person.call(Method::POST, &path, Some(json!({"body": body, "client_id": key})));
        let answer = timeout(PATIENCE, call).await;
        // By itself: a lock in the head of a match is held to its end.
        let judged = judge(&mut client.record(), (conversation, key), since, answer.ok());
        match judged {
            Judged::Acknowledged => {
                return true;
            }
            Judged::Refused => return false,
            Judged::Unanswered => client.record().counts.retries += 1,
        }
        if since.elapsed() > ANSWERED_WITHIN {
            client.record().wrong(format!("{key} was not acknowledged within {ANSWERED_WITHIN:?}"));
            return false;
        }
        sleep(Duration::from_millis(50 + client.random.below(200))).await;
    }
}

enum Judged {
    Acknowledged,
    Refused,
    /// Nobody knows what became of it.
    Unanswered,
}

/// What an answer means, if there was one in time.
fn judge(
    record: &mut Record,
    (conversation, key): (&str, &str),
    began: Instant,
    answer: Option<Result<(u16, Value), Failure>>,
) -> Judged {
    match answer {
        Some(Ok((200 | 201, message))) => {
            acknowledge(record, conversation, key, &message, began);
            Judged::Acknowledged
        }
        None | Some(Ok((503, _))) => Judged::Unanswered,
        Some(Ok((status, problem))) => {
            record.wrong(format!("a send was refused: {status} {problem}"));
            Judged::Refused
        }
        Some(Err(error)) => {
            record.counts.cut_off += u64::from(is_cut_off(&*error));
            Judged::Unanswered
        }
    }
}

/// Notes a success answer.
pub(super) fn acknowledge(record: &mut Record, conversation: &str, key: &str, message: &Value, began: Instant) {
    let (Some(id), Some(seq)) = (message["id"].as_str(), message["seq"].as_i64()) else {
        record.wrong(format!("a success without a message: {message}"));
        return;
    };
    record.acked.push(Acked {
        conversation: conversation.to_owned(),
        client_id: key.to_owned(),
        message: id.to_owned(),
        seq,
        began,
        at: Instant::now(),
    });
}

/// Edits or deletes what was sent last, once: whatever becomes of it, all must
/// come to show the same.
async fn change_last(client: &mut Client) {
    let Some(last) = client.record().acked.last().cloned() else { return };
    let address = client.doors.pick(&mut client.random);
    let Ok(person) = client.person.at_address(address) else { return };
    let path = format!("/v1/conversations/{}/messages/{}", last.conversation, last.message);
    let call = if client.random.below(3) == 0 {
        person.call(Method::DELETE, &path, None)
    } else {
        person.call(Method::PATCH, &path, Some(json!({"body": "edited"})))
    };
    if let Ok(Ok((status @ 400..=499, problem))) = timeout(PATIENCE, call).await {
        client.record().wrong(format!("a change was refused: {status} {problem}"));
    }
}

/// Whether the connection was made, and ended before the answer.
pub(super) fn is_cut_off(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<reqwest::Error>().is_some_and(|error| !error.is_connect())
}
