//! Which requests are made.

use std::collections::HashMap;

use bytes::Bytes;
use hyper::Method;
use serde_json::json;

use super::client::{Ask, Client};
use super::options::{Options, Scenario};
use super::world::{PASSWORD, World};
use crate::Outcome;

/// A kind of read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Read {
    /// The newest 50 messages of a conversation.
    History,
    /// The first page of the conversation list.
    List,
    /// One's own account.
    Me,
}

impl Read {
    const ALL: [Self; 3] = [Self::History, Self::List, Self::Me];
}

/// The requests of one connection, one after another.
pub struct Requests {
    world: World,
    scenario: Scenario,
    body_bytes: usize,
    connection: usize,
    count: usize,
}

impl Requests {
    /// Those of the connection with this number.
    pub fn new(world: World, options: &Options, connection: usize) -> Self {
        Self { world, scenario: options.scenario, body_bytes: options.body_bytes, connection, count: 0 }
    }

    /// The next one. Connections walk over all conversations, each from
    /// another place on.
    pub fn next_ask(&mut self) -> Ask {
        let turn = self.count;
        self.count += 1;
        let place = self.connection * 31 + turn;
        match self.scenario {
            Scenario::Send | Scenario::Overload | Scenario::Memory => self.send(place),
            Scenario::History => self.read(Read::History, place),
            Scenario::List => self.read(Read::List, place),
            Scenario::Login => self.login(place),
            // Of ten requests one sends, five read history, three the list.
            Scenario::Mixed | Scenario::Storm => match turn % 10 {
                0 => self.send(place),
                1..=5 => self.read(Read::History, place),
                6..=8 => self.read(Read::List, place),
                _ => self.read(Read::Me, place),
            },
            // The others make requests of their own.
            Scenario::Me
            | Scenario::Changes
            | Scenario::Scale
            | Scenario::Start
            | Scenario::Fanout
            | Scenario::Resume
            | Scenario::Idle
            | Scenario::Latency
            | Scenario::SlowReader => self.read(Read::Me, place),
        }
    }

    fn send(&self, place: usize) -> Ask {
        let conversation = &self.world.conversations[place % self.world.conversations.len()];
        self.world.send(conversation, self.connection, self.body_bytes)
    }

    fn login(&self, place: usize) -> Ask {
        let user = &self.world.users[place % self.world.users.len()];
        let login = json!({"login": user.username, "password": PASSWORD});
        let path = "/v1/auth/login".to_owned();
        Ask { method: Method::POST, path, authorization: Bytes::new(), body: login.to_string().into() }
    }

    fn read(&self, read: Read, place: usize) -> Ask {
        ask(&self.world, read, place)
    }
}

fn ask(world: &World, read: Read, place: usize) -> Ask {
    match read {
        Read::History => {
            let conversation = &world.conversations[place % world.conversations.len()];
            let user = &world.users[conversation.members[place % conversation.members.len()]];
            World::get(user, format!("/v1/conversations/{}/messages?limit=50", conversation.id))
        }
        Read::List => World::get(&world.users[place % world.users.len()], "/v1/conversations"),
        Read::Me => World::get(&world.users[place % world.users.len()], "/v1/me"),
    }
}

/// What the service answers to each kind of read.
pub async fn answers(world: &World) -> Outcome<HashMap<Read, Bytes>> {
    let mut client = Client::new(world.target);
    let mut answers = HashMap::new();
    for read in Read::ALL {
        answers.insert(read, client.ask(ask(world, read, 0)).await?.body);
    }
    Ok(answers)
}
