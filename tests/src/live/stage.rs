//! What a case begins with: a database, nodes, people.

use messenger_core::presence::PresenceOptions;
use serde_json::json;

use super::Failure;
use super::backend::{Backend, Database};
use super::node::Node;
use super::person::Person;

pub(crate) struct Stage {
    pub(crate) database: Database,
}

impl Stage {
    pub(crate) async fn build(backend: &Backend) -> Result<Self, Failure> {
        Ok(Self { database: backend.database().await? })
    }

    pub(crate) async fn node(&self) -> Result<Node, Failure> {
        self.node_with(PresenceOptions::default()).await
    }

    /// With other times for presence.
    pub(crate) async fn node_with(&self, presence: PresenceOptions) -> Result<Node, Failure> {
        Node::start(self.database.open().await?, presence).await
    }

    pub(crate) async fn discard(self) -> Result<(), Failure> {
        self.database.discard().await
    }
}

/// People who are all friends of the first.
pub(crate) async fn friends<const N: usize>(node: &Node, names: [&str; N]) -> Result<[Person; N], Failure> {
    let mut people = vec![];
    for name in names {
        people.push(Person::register(node, name).await?);
    }
    for person in &people[1..] {
        befriend(&people[0], person).await?;
    }
    people.try_into().map_err(|_| "as many people as names".into())
}

pub(crate) async fn befriend(one: &Person, other: &Person) -> Result<(), Failure> {
    one.post("/v1/friend-requests", json!({"user_id": other.id})).await?;
    other.post(&format!("/v1/friend-requests/{}/accept", one.id), json!({})).await?;
    Ok(())
}

/// The direct conversation of two friends.
pub(crate) async fn direct(one: &Person, other: &Person) -> Result<String, Failure> {
    let made = one.post("/v1/conversations", json!({"kind": "direct", "user_id": other.id})).await?;
    Ok(made["id"].as_str().ok_or("no id")?.to_owned())
}

/// A group of the first one's.
pub(crate) async fn group(owner: &Person, members: &[&Person]) -> Result<String, Failure> {
    let ids: Vec<_> = members.iter().map(|member| &member.id).collect();
    let made = owner.post("/v1/conversations", json!({"kind": "group", "title": "All", "member_ids": ids})).await?;
    Ok(made["id"].as_str().ok_or("no id")?.to_owned())
}
