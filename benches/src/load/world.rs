//! The users and conversations that requests are about, made over HTTP, so
//! that any messenger can be measured.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use hyper::Method;
use serde_json::{Value, json};

use super::client::{Ask, Client, Target};
use super::options::Options;
use crate::Outcome;

/// The password of every user.
pub const PASSWORD: &str = "a password for measuring";

/// How many connections make the world.
const BUILDERS: usize = 16;

/// How many members a group may begin with, besides its owner.
const MAX_INITIAL_MEMBERS: usize = 100;

/// Someone who asks.
#[derive(Debug, Clone)]
pub struct User {
    /// The id.
    pub id: String,
    /// The name to log in with.
    pub username: String,
    /// The value of `Authorization`.
    pub authorization: Bytes,
}

/// A conversation, and the indexes of its members among the users.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// The id.
    pub id: String,
    /// Who is in it.
    pub members: Vec<usize>,
}

/// What requests are about. Clones share it.
#[derive(Clone)]
pub struct World {
    /// Where it is.
    pub target: Target,
    /// All users.
    pub users: Arc<Vec<User>>,
    /// All conversations.
    pub conversations: Arc<Vec<Conversation>>,
    client_ids: Arc<AtomicU64>,
}

impl World {
    /// Makes it.
    pub async fn make(target: Target, options: &Options) -> Outcome<Self> {
        let count = options.users.max(options.members).max(1);
        let pool = Pool::new(target);
        // Distinct from run to run, for services that outlive one.
        let run = format!("{:x}", std::process::id());
        let users: Vec<User> = stream::iter(0..count)
            .map(|index| pool.register(format!("u{run}.{index}")))
            .buffered(BUILDERS)
            .try_collect()
            .await?;
        let members_of = |conversation: usize| -> Vec<usize> {
            (0..options.members.max(1)).map(|offset| (conversation + offset) % count).collect()
        };
        let pairs: BTreeSet<(usize, usize)> = (0..options.conversations)
            .flat_map(|index| {
                let members = members_of(index);
                let owner = members[0];
                members.into_iter().skip(1).map(move |other| (owner.min(other), owner.max(other)))
            })
            .collect();
        stream::iter(pairs)
            .map(|(one, other)| pool.befriend(&users[one], &users[other]))
            .buffer_unordered(BUILDERS)
            .try_collect::<()>()
            .await?;
        let conversations = stream::iter(0..options.conversations)
            .map(|index| pool.group(&users, members_of(index), index))
            .buffered(BUILDERS)
            .try_collect()
            .await?;
        let world =
            Self { target, users: Arc::new(users), conversations: Arc::new(conversations), client_ids: Arc::default() };
        let history = options.scenario.history(options.history);
        stream::iter(world.conversations.iter().flat_map(|conversation| std::iter::repeat_n(conversation, history)))
            .map(|conversation| pool.expect(world.send(conversation, 0, options.body_bytes)))
            // As many at once as a lane takes well.
            .buffer_unordered(128)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        Ok(world)
    }

    /// The same world, asked for elsewhere.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { target: Target::at(address), ..self.clone() }
    }

    /// A send by one of the conversation's members, under a new client id, as
    /// clients that retry make it.
    pub fn send(&self, conversation: &Conversation, member: usize, body_bytes: usize) -> Ask {
        let sender = &self.users[conversation.members[member % conversation.members.len()]];
        let number = self.client_ids.fetch_add(1, Ordering::Relaxed);
        let body = "m".repeat(body_bytes);
        Ask {
            method: Method::POST,
            path: format!("/v1/conversations/{}/messages", conversation.id),
            authorization: sender.authorization.clone(),
            body: format!(r#"{{"body":"{body}","client_id":"{number}"}}"#).into(),
        }
    }

    /// A read by a user.
    pub fn get(user: &User, path: impl Into<String>) -> Ask {
        Ask { method: Method::GET, path: path.into(), authorization: user.authorization.clone(), body: Bytes::new() }
    }
}

/// Connections that are not in use.
struct Pool {
    target: Target,
    idle: Mutex<Vec<Client>>,
}

impl Pool {
    fn new(target: Target) -> Self {
        Self { target, idle: Mutex::default() }
    }

    async fn expect(&self, ask: Ask) -> Outcome<Value> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut client = idle.unwrap_or_else(|| Client::new(self.target));
        let answer = client.expect(ask).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(client);
        Ok(answer)
    }

    async fn post(&self, user: Option<&User>, path: String, body: Value) -> Outcome<Value> {
        let authorization = user.map_or_else(Bytes::new, |user| user.authorization.clone());
        self.expect(Ask { method: Method::POST, path, authorization, body: body.to_string().into() }).await
    }

    async fn register(&self, username: String) -> Outcome<User> {
        let email = format!("{username}@example.org");
        let registration = json!({"username": username, "email": email, "password": PASSWORD});
        let answer = self.post(None, "/v1/auth/register".to_owned(), registration).await?;
        Ok(User {
            id: text(&answer, "/user/id")?,
            username,
            authorization: format!("Bearer {}", text(&answer, "/tokens/access_token")?).into(),
        })
    }

    async fn befriend(&self, one: &User, other: &User) -> Outcome<()> {
        self.post(Some(one), "/v1/friend-requests".to_owned(), json!({"user_id": other.id})).await?;
        let path = format!("/v1/friend-requests/{}/accept", one.id);
        let authorization = other.authorization.clone();
        self.expect(Ask { method: Method::POST, path, authorization, body: Bytes::new() }).await?;
        Ok(())
    }

    async fn group(&self, users: &[User], members: Vec<usize>, index: usize) -> Outcome<Conversation> {
        let owner = &users[members[0]];
        let others: Vec<_> = members[1..].iter().map(|member| &users[*member].id).collect();
        let (first, rest) = others.split_at(others.len().min(MAX_INITIAL_MEMBERS));
        let new = json!({"kind": "group", "title": format!("Group {index}"), "member_ids": first});
        let id = text(&self.post(Some(owner), "/v1/conversations".to_owned(), new).await?, "/id")?;
        for user in rest {
            self.post(Some(owner), format!("/v1/conversations/{id}/members"), json!({"user_id": user})).await?;
        }
        Ok(Conversation { id, members })
    }
}

fn text(answer: &Value, pointer: &str) -> Outcome<String> {
    let found = answer.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(|| format!("an answer without {pointer}: {answer}").into())
}
