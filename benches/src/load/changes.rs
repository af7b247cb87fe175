//! Changes that no lane carries: friend requests, profiles, membership. Each is
//! a transaction of its own, and what limits them is how long a partition's
//! counter is held. So the same is measured on a log with one partition.

use hyper::Method;
use serde_json::{Value, json};

use super::client::{Ask, Target};
use super::crowd::Person;
use super::ground::Ground;
use super::measure::Figures;
use super::node::Node;
use super::options::Options;
use super::report::{Aim, Report};
use super::run::run_each;
use crate::Outcome;

/// How many times the rate of one partition we want.
const WANTED: f64 = 2.5;

/// A database, its nodes, and who changes what.
struct Place {
    nodes: Vec<Node>,
    pairs: Vec<Pair>,
}

/// Two users, and the group of the first.
#[derive(Clone)]
struct Pair {
    one: Person,
    other: Person,
    group: String,
}

/// Measures all rounds, in turns.
pub async fn measure(ground: &Ground, options: &Options) -> Outcome<Report> {
    let narrow = ground.beside_in_one_partition().await?;
    let measured = in_turns(ground, &narrow, options).await;
    narrow.discard().await?;
    measured
}

async fn in_turns(wide: &Ground, narrow: &Ground, options: &Options) -> Outcome<Report> {
    let mut report = Report::apart(options, wide.name(), None);
    let (wide, narrow) = (Place::on(wide, options).await?, Place::on(narrow, options).await?);
    for round in 1..=options.rounds.max(1) {
        report.runs.push(wide.run(options, "changes", round).await?);
        report.ceilings.push(narrow.run(options, "one partition", round).await?);
    }
    if let Some(ratio) = report.ratio() {
        let what = format!("changes on {} nodes: to the same in one partition", wide.nodes.len());
        report.aims.push(Aim::at_least(&what, ratio, WANTED));
    }
    Ok(report)
}

impl Place {
    async fn on(ground: &Ground, options: &Options) -> Outcome<Self> {
        let crowd = ground.crowd().await?;
        let people = crowd.people(2 * options.connections).await?;
        let mut pairs = vec![];
        for pair in people.chunks_exact(2) {
            let group = crowd.group(&pair[..1]).await?.as_uuid().to_string();
            pairs.push(Pair { one: pair[0].clone(), other: pair[1].clone(), group });
        }
        drop(crowd);
        let mut nodes = vec![];
        for _ in 0..options.nodes.max(1) {
            nodes.push(Node::start(&ground.url(), None).await?);
        }
        Ok(Self { nodes, pairs })
    }

    /// Each connection has a pair of its own, so that what waits for another
    /// waits for the log. A round ends wherever it is, so the next one begins
    /// with undoing.
    async fn run(&self, options: &Options, name: &str, round: usize) -> Outcome<Figures> {
        for pair in &self.pairs {
            let mut client = super::client::Client::new(Target::at(self.nodes[0].address));
            for undo in [pair.remove(), pair.unfriend(), pair.withdraw()] {
                // Refused where there is nothing to undo.
                client.ask(undo).await?;
            }
        }
        run_each(options, name, round, |number| {
            let (pair, node) = (self.pairs[number].clone(), &self.nodes[number % self.nodes.len()]);
            let mut turn = 0;
            (Target::at(node.address), move || {
                turn += 1;
                pair.change(turn - 1)
            })
        })
        .await
    }
}

impl Pair {
    fn change(&self, turn: usize) -> Ask {
        let Self { one, other, group } = self;
        match turn % 8 {
            0 => ask(one, Method::POST, "/v1/friend-requests", &json!({"user_id": other.user.id})),
            1 => ask(other, Method::POST, &format!("/v1/friend-requests/{}/accept", one.user.id), &Value::Null),
            2 => ask(one, Method::PATCH, "/v1/me", &json!({"display_name": format!("One {turn}")})),
            3 => {
                let path = format!("/v1/conversations/{group}/members");
                ask(one, Method::POST, &path, &json!({"user_id": other.user.id}))
            }
            4 => ask(
                one,
                Method::PATCH,
                &format!("/v1/conversations/{group}"),
                &json!({"title": format!("Group {turn}")}),
            ),
            5 => self.remove(),
            6 => ask(other, Method::PATCH, "/v1/me", &json!({"display_name": format!("Other {turn}")})),
            _ => self.unfriend(),
        }
    }

    fn remove(&self) -> Ask {
        let path = format!("/v1/conversations/{}/members/{}", self.group, self.other.user.id);
        ask(&self.one, Method::DELETE, &path, &Value::Null)
    }

    fn unfriend(&self) -> Ask {
        ask(&self.one, Method::DELETE, &format!("/v1/friends/{}", self.other.user.id), &Value::Null)
    }

    fn withdraw(&self) -> Ask {
        ask(&self.one, Method::DELETE, &format!("/v1/friend-requests/{}", self.other.user.id), &Value::Null)
    }
}

fn ask(person: &Person, method: Method, path: &str, body: &Value) -> Ask {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    Ask { method, path: path.to_owned(), authorization: person.user.authorization.clone(), body: body.into() }
}
