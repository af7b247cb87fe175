//! The people of a scenario, and where they talk.

use std::net::SocketAddr;

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use super::history::{Record, State};
use crate::live::Failure;
use crate::live::person::Person;

/// How many members a small group has.
const GROUP: usize = 8;

/// Someone before anything happens.
pub(super) struct Member {
    pub(super) person: Person,
    pub(super) conversations: Vec<String>,
    pub(super) record: Record,
}

/// Registers people, who then all have one group of everyone, a small group,
/// and a direct conversation with a neighbour.
pub(super) async fn gather(address: SocketAddr, count: usize) -> Result<Vec<Member>, Failure> {
    let names: Vec<_> = (0..count).map(|index| format!("user{index}")).collect();
    let people = try_join_all(names.iter().map(|name| Person::register_at(address, name))).await?;
    befriend(&people[0], &people[1..]).await?;
    group(&people[0], &people[1..]).await?;
    for few in people.chunks(GROUP) {
        befriend(&few[0], &few[1..]).await?;
        group(&few[0], &few[1..]).await?;
    }
    for two in people.chunks_exact(2) {
        befriend(&two[0], &two[1..]).await?;
        two[0].post("/v1/conversations", json!({"kind": "direct", "user_id": two[1].id})).await?;
    }
    try_join_all(people.into_iter().map(enter)).await
}

/// Makes friends of those who are not yet.
async fn befriend(one: &Person, others: &[Person]) -> Result<(), Failure> {
    try_join_all(others.iter().map(|other| async move {
        let (status, _) =
            one.call(reqwest::Method::POST, "/v1/friend-requests", Some(json!({"user_id": other.id}))).await?;
        if status == 201 {
            other.post(&format!("/v1/friend-requests/{}/accept", one.id), json!({})).await?;
        }
        Ok::<_, Failure>(())
    }))
    .await?;
    Ok(())
}

async fn group(owner: &Person, others: &[Person]) -> Result<(), Failure> {
    let ids: Vec<_> = others.iter().map(|other| &other.id).collect();
    owner.post("/v1/conversations", json!({"kind": "group", "title": "All", "member_ids": ids})).await?;
    Ok(())
}

/// Takes a snapshot, and what it shows.
async fn enter(person: Person) -> Result<Member, Failure> {
    let (cursor, start) = snapshot(&person).await?;
    let record = Record { name: person.name.clone(), shown: start.clone(), start, cursor, ..Record::default() };
    let conversations = record.start.keys().cloned().collect();
    Ok(Member { person, conversations, record })
}

/// What a client shows that begins anew, and the cursor from which it goes on.
pub(super) async fn snapshot(person: &Person) -> Result<(String, State), Failure> {
    let snapshot = person.get("/v1/snapshot").await?;
    let cursor = snapshot["cursor"].as_str().ok_or("a snapshot without its cursor")?.to_owned();
    let mut state = State::new();
    for conversation in snapshot["conversations"]["items"].as_array().ok_or("no conversations")? {
        let id = conversation["id"].as_str().ok_or("no id")?;
        state.insert(id.to_owned(), history(person, id).await?);
    }
    Ok((cursor, state))
}

async fn history(person: &Person, id: &str) -> Result<std::collections::BTreeMap<i64, Value>, Failure> {
    let mut messages = std::collections::BTreeMap::new();
    let mut after = 0;
    loop {
        let page = person.get(&format!("/v1/conversations/{id}/messages?after={after}&limit=100")).await?;
        for message in page["items"].as_array().ok_or("no items")? {
            after = message["seq"].as_i64().ok_or("no seq")?;
            messages.insert(after, message.clone());
        }
        if page["has_after"] != true {
            return Ok(messages);
        }
    }
}
