//! The stores by themselves: the same functions over SQLite and, where
//! `MESSENGER_BENCH_MYSQL_URL` names a server, MySQL.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use messenger_benches::Outcome;
use messenger_benches::bare::{BATCH, Bare};
use messenger_benches::database::{Database, mysql_server};
use messenger_benches::stored::{SENDERS, Stored};
use messenger_core::Messenger;
use messenger_core::page::{Limit, PageRequest};
use messenger_core::service::history::HistoryAt;
use messenger_store_sqlite::SqliteStore;
use tokio::runtime::Runtime;

const GROUPS: usize = 200;

/// How long the short and the long history are.
const HISTORIES: [u64; 2] = [1_024, 102_400];

/// How many conversations the two users have whose lists are read.
const LISTS: [usize; 2] = [20, 1_000];

fn main() -> Outcome<()> {
    let runtime = Runtime::new()?;
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .sample_size(10)
        .configure_from_args();
    let sqlite = runtime.block_on(Database::sqlite())?;
    let messenger = Messenger::builder(sqlite.store.clone()).build();
    sends(&mut criterion, &runtime, "sqlite", &messenger)?;
    // Next to what is held against it: a large database that was written or
    // removed just before makes every fsync slow.
    bare(&mut criterion, &runtime)?;
    reads(&mut criterion, &runtime, "sqlite", &messenger)?;
    drop(messenger);
    runtime.block_on(sqlite.remove())?;
    if let Some(server) = mysql_server() {
        let mysql = runtime.block_on(Database::mysql(&server))?;
        let messenger = Messenger::builder(mysql.store.clone()).build();
        sends(&mut criterion, &runtime, "mysql", &messenger)?;
        reads(&mut criterion, &runtime, "mysql", &messenger)?;
        runtime.block_on(mysql.remove())?;
    }
    criterion.final_summary();
    Ok(())
}

fn sends(criterion: &mut Criterion, runtime: &Runtime, name: &str, messenger: &Messenger) -> Outcome<()> {
    let stored = runtime.block_on(Stored::make(messenger, "sender", GROUPS))?;
    let mut next = 0;
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1)).bench_function("send/lone", |bencher| {
        bencher.iter_custom(|count| {
            let (first, stored) = (next + 1, stored.clone());
            next += count;
            // A task of the runtime, as what serves a request is: the thread
            // that blocks on it would be woken by others for each answer.
            timed(runtime, async move {
                let sending = tokio::spawn(async move {
                    for number in first..first + count {
                        stored.send(number).await?;
                    }
                    Ok(())
                });
                sending.await?
            })
        });
    });
    group.throughput(Throughput::Elements(SENDERS as u64)).bench_function("send/lane", |bencher| {
        bencher.iter_custom(|count| {
            let first = next + 1;
            next += count * SENDERS as u64;
            timed(runtime, stored.send_at_once(first, count))
        });
    });
    group.finish();
    Ok(())
}

fn reads(criterion: &mut Criterion, runtime: &Runtime, name: &str, messenger: &Messenger) -> Outcome<()> {
    let mut group = criterion.benchmark_group(name);
    for length in HISTORIES {
        let stored = runtime.block_on(async {
            let stored = Stored::make(messenger, &format!("reader{length}"), 1).await?;
            stored.send_at_once(0, length / SENDERS as u64).await?;
            Outcome::Ok(stored)
        })?;
        let read = || messenger.list_messages(stored.user, stored.groups[0], HistoryAt::Latest, Limit::DEFAULT);
        group.throughput(Throughput::Elements(1)).bench_function(BenchmarkId::new("history", length), |bencher| {
            bencher.iter_custom(|count| {
                timed(runtime, async {
                    for _ in 0..count {
                        read().await?;
                    }
                    Ok(())
                })
            });
        });
    }
    for length in LISTS {
        let stored = runtime.block_on(async {
            let stored = Stored::make(messenger, &format!("lister{length}"), length).await?;
            stored.send_at_once(0, length.div_ceil(SENDERS) as u64).await?;
            Outcome::Ok(stored)
        })?;
        let read = || {
            let page = PageRequest { cursor: None, limit: Limit::DEFAULT };
            messenger.list_conversations(stored.user, page)
        };
        group.throughput(Throughput::Elements(1)).bench_function(BenchmarkId::new("list", length), |bencher| {
            bencher.iter_custom(|count| {
                timed(runtime, async {
                    for _ in 0..count {
                        read().await?;
                    }
                    Ok(())
                })
            });
        });
    }
    group.finish();
    Ok(())
}

/// The loop by hand that the lane and the lone send are held against.
fn bare(criterion: &mut Criterion, runtime: &Runtime) -> Outcome<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("bare.db");
    let stored = runtime.block_on(async {
        let messenger = Messenger::new(SqliteStore::open(&path).await?);
        Stored::make(&messenger, "sender", GROUPS).await
    })?;
    let groups = stored.groups.iter().map(|group| group.as_uuid()).collect();
    let user = stored.user.as_uuid();
    // The file has one server at a time.
    drop(stored);
    let mut bare = Bare::open(&path, user, groups)?;
    let mut next = 0;
    let mut group = criterion.benchmark_group("bare");
    for (name, each, batch) in [("send/lone", 1, 1), ("send/batches", SENDERS as u64, BATCH)] {
        group.throughput(Throughput::Elements(each)).bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                timed(runtime, async {
                    let end = next + count * each;
                    while next < end {
                        let until = end.min(next + batch);
                        bare.send(next..until)?;
                        next = until;
                    }
                    Ok(())
                })
            });
        });
    }
    group.finish();
    Ok(())
}

fn timed(runtime: &Runtime, work: impl Future<Output = Outcome<()>>) -> Duration {
    let begin = Instant::now();
    runtime.block_on(work).expect("what is measured works");
    begin.elapsed()
}
