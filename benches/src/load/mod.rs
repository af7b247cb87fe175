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
//! | `live`, `fanout` | event streams of that service: `fanout`, `resume` |
//! | `epoll` | the ceiling of `fanout`: a loop that only writes |
//! | `latency`, `idle`, `far`, `slow_reader` | event streams of nodes in processes of their own |
//! | `changes`, `memory`, `start` | other changes, memory, starting: of nodes in processes of their own |
//! | `scale` | what pages cost at the store, whatever the size |
//! | `overload`, `storm` | more than the service can bear: sends, logins |
//! | `node`, `ground`, `sql`, `crowd` | such a node, its database, what is written to it at once, who is in it |
//! | `socket`, `arrivals`, `turns` | who listens; when messages reach them; how often a node asks its database |
//! | `login` | the ceiling of logging in: the hashing alone |
//! | `measure` | latencies and errors, counted |
//! | `report` | as a table, as JSON |

pub mod arrivals;
pub mod ceiling;
pub mod changes;
pub mod client;
pub mod crowd;
pub mod epoll;
pub mod fanout;
pub mod far;
pub mod ground;
pub mod idle;
pub mod latency;
pub mod live;
pub mod login;
pub mod measure;
pub mod memory;
pub mod node;
pub mod options;
pub mod overload;
pub mod report;
pub mod run;
pub mod scale;
pub mod scenario;
pub mod service;
pub mod slow_reader;
pub mod socket;
pub mod sql;
pub mod start;
pub mod storm;
pub mod turns;
pub mod world;

use ground::Ground;
use options::{Options, Scenario};
use report::Report;

use crate::Outcome;

/// Does what the options say.
pub async fn load(options: &Options) -> Outcome<Report> {
    if options.is_apart() {
        if options.url.is_some() {
            return Err("this scenario starts nodes of its own: leave out --url".into());
        }
        let ground = Ground::open(options.database_url.as_deref()).await?;
        let measured = match options.scenario {
            Scenario::Latency => latency::measure(&ground, options).await,
            Scenario::SlowReader => slow_reader::measure(&ground, options).await,
            Scenario::Changes => changes::measure(&ground, options).await,
            Scenario::Memory => memory::measure(&ground, options).await,
            Scenario::Scale => scale::measure(&ground, options).await,
            Scenario::Start => start::measure(&ground, options).await,
            Scenario::Resume => far::measure(&ground, options).await,
            _ => idle::measure(&ground, options).await,
        };
        ground.discard().await?;
        return measured;
    }
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
    match options.scenario {
        Scenario::Fanout => fanout::measure(options, &world, &mut report).await?,
        Scenario::Resume => report.runs.push(live::resume(options, &world).await?),
        Scenario::Storm => storm::measure(options, &world, &mut report).await?,
        Scenario::Overload => overload::measure(options, &world, &mut report).await?,
        _ => in_turns(options, service, &world, &mut report).await?,
    }
    Ok(report)
}

/// Turn by turn with the ceiling, so that what else the machine does meets
/// both.
async fn in_turns(
    options: &Options,
    service: Option<&service::Service>,
    world: &world::World,
    report: &mut Report,
) -> Outcome<()> {
    if let Some(service) = service.filter(|service| service.ceiling.is_some()) {
        // Fails when they are set, which is as well.
        let _ = service.answers.set(scenario::answers(world).await?);
    }
    for round in 1..=options.rounds.max(1) {
        report.runs.push(run::run(options, world, options.scenario.name(), round).await?);
        let Some(ceiling) = service.and_then(|service| service.ceiling) else { continue };
        report.ceilings.push(match options.scenario {
            Scenario::Login => login::hash(options).await?,
            _ => run::run(options, &world.at(ceiling), "ceiling", round).await?,
        });
    }
    Ok(())
}
