//! The load generator: so many connections, each of which asks, waits for the
//! answer and asks again (closed loop), or asks at fixed instants (open loop).
//!
//! | file | what it does |
//! |---|---|
//! | `options` | what can be chosen |
//! | `service` | the service, served in this process |
//! | `ceiling` | the same requests against an operation that does nothing |
//! | `client` | one HTTP connection |
//! | `world` | the users and conversations that requests are about |
//! | `scenario` | which requests are made |
//! | `run` | makes them, for a time |
//! | `live` | event streams: `fanout`, `resume`, `idle` |
//! | `login` | the ceiling of logging in: the hashing alone |
//! | `measure` | latencies and errors, counted |
//! | `report` | as a table, as JSON |

pub mod ceiling;
pub mod client;
pub mod live;
pub mod login;
pub mod measure;
pub mod options;
pub mod report;
pub mod run;
pub mod scenario;
pub mod service;
pub mod world;

use options::Options;
use report::Report;

use crate::Outcome;

/// Does what the options say.
pub async fn load(options: &Options) -> Outcome<Report> {
    let service = match &options.url {
        Some(_) => None,
        None => Some(service::Service::start(options).await?),
    };
    let report = measure(options, service.as_ref()).await;
    if let Some(service) = service {
        service.stop().await?;
    }
    report
}

async fn measure(options: &Options, service: Option<&service::Service>) -> Outcome<Report> {
    let target = client::Target::choose(options.url.as_deref(), service)?;
    let world = world::World::make(target, options).await?;
    let mut report = Report::new(options, service);
    if options.scenario.is_live() {
        report.runs.push(live::run(options, &world).await?);
        return Ok(report);
    }
    if let Some(service) = service.filter(|service| service.ceiling.is_some()) {
        // Fails when they are set, which is as well.
        let _ = service.answers.set(scenario::answers(&world).await?);
    }
    for round in 1..=options.rounds.max(1) {
        // Turn by turn, so that what else the machine does meets both.
        report.runs.push(run::run(options, &world, options.scenario.name(), round).await?);
        let Some(ceiling) = service.and_then(|service| service.ceiling) else { continue };
        report.ceilings.push(match options.scenario {
            options::Scenario::Login => login::hash(options).await?,
            _ => run::run(options, &world.at(ceiling), "ceiling", round).await?,
        });
    }
    Ok(report)
}
