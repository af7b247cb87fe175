//! The binary on the `MySQL` that can be had, or `MariaDB`.
#![cfg(unix)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use messenger_store_mysql::testing::{create_database, drop_database};
use messenger_tests::binary::{Ended, PASSWORD, Place};
use messenger_tests::mysql::Server;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, MySqlConnection};

const KEYS: &str = "a signing key of a test and no secret at all";

/// One server for all cases, started for the first.
type Shared = Arc<OnceLock<Result<Server, String>>>;

fn main() -> ExitCode {
    let shared = Shared::default();
    let trials = vec![
        case(&shared, "signing_keys_are_required", signing_keys_are_required),
        case(&shared, "migrations_go_up_and_down", migrations_go_up_and_down),
        case(&shared, "a_schema_that_is_behind_is_not_served", a_schema_that_is_behind_is_not_served),
        case(&shared, "two_processes_migrate_at_once", two_processes_migrate_at_once),
        case(&shared, "a_migration_that_failed_goes_on", a_migration_that_failed_goes_on),
        case(&shared, "two_nodes_are_one_service", two_nodes_are_one_service),
        case(&shared, "who_waits_for_a_lock_is_answered", who_waits_for_a_lock_is_answered),
        case(&shared, "the_password_is_never_shown", the_password_is_never_shown),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A case gets a database of its own.
fn case<F>(shared: &Shared, name: &str, run: impl FnOnce(Database) -> F + Send + 'static) -> Trial
where
    F: Future<Output = ()> + Send + 'static,
{
    let shared = shared.clone();
    Trial::test(name, move || {
        let server = shared.get_or_init(|| Server::provide().map_err(|error| error.to_string()));
        let server = server.as_ref().map_err(Failed::from)?.url();
        let runtime = tokio::runtime::Runtime::new()?;
        runtime.block_on(async {
            let database = Database::make(server).await;
            let outcome = tokio::spawn(run(database.clone())).await;
            database.sql(&format!("DROP USER IF EXISTS '{}'@'%'", database.name)).await;
            drop_database(server, &database.name).await?;
            Ok(outcome?)
        })
    })
}

#[derive(Clone)]
struct Database {
    server: String,
    name: String,
    url: String,
}

impl Database {
    async fn make(server: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("messenger_binary_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let url = create_database(server, &name).await.expect("made");
        Self { server: server.to_owned(), name, url }
    }

    fn place(&self) -> Place {
        Place::new().with("MESSENGER_DATABASE_URL", &*self.url).with("MESSENGER_SIGNING_KEYS", KEYS)
    }

    async fn open(&self) -> MySqlConnection {
        MySqlConnection::connect(&self.url).await.expect("opened")
    }

    async fn sql(&self, statement: &str) {
        let mut connection = self.open().await;
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect(statement);
        connection.close().await.expect("closed");
    }
}

/// What a process printed that did what it was told.
fn done(ended: Ended) -> String {
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
    ended.stdout
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}"))
}

async fn signing_keys_are_required(database: Database) {
    let place = Place::new().with("MESSENGER_DATABASE_URL", &*database.url);
    let ended = place.run(&["serve"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.complaint().contains("MESSENGER_SIGNING_KEYS is required with MySQL"), "{ended:?}");
    assert_eq!(place.files(), Vec::<String>::new());
    // What signs nothing needs no key.
    done(place.run(&["migrate", "status"]));
}

async fn migrations_go_up_and_down(database: Database) {
    let place = database.place();
    let migrate = |action| done(place.run(&["migrate", action]));
    assert!(migrate("status").lines().all(|line| line.contains("  pending  ")));
    let all = migrate("up");
    assert!(!all.is_empty() && all.lines().all(|line| line.contains("  applied ")), "{all}");
    assert_eq!(migrate("up"), "nothing to apply\n");
    assert_eq!(migrate("status"), all);
    for _ in all.lines() {
        assert!(migrate("down").contains("  pending  "));
    }
    assert_eq!(migrate("down"), "nothing to take back\n");
    assert_eq!(migrate("up").lines().count(), all.lines().count());
    // And what it made is served.
    place.serve(&[]).await.register("ada").await;
}

async fn a_schema_that_is_behind_is_not_served(database: Database) {
    let ended = database.place().run(&["--listen", "127.0.0.1:0"]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.complaint().contains("messenger migrate up"), "{ended:?}");
}

async fn two_processes_migrate_at_once(database: Database) {
    for round in 0..10 {
        let fresh = Database::make(&database.server).await;
        let place = fresh.place();
        let both = [place.spawn(&["migrate", "up"]), place.spawn(&["migrate", "up"])];
        let mut printed = both.map(|process| done(process.ended()));
        printed.sort_by_key(|lines| lines.contains("nothing to apply"));
        let status = done(place.run(&["migrate", "status"]));
        assert_eq!(printed, [status, "nothing to apply\n".to_owned()], "round {round}");
        drop_database(&fresh.server, &fresh.name).await.expect("dropped");
    }
}

/// Somebody's table has a constraint of the name that a later statement needs.
async fn a_migration_that_failed_goes_on(database: Database) {
    database.sql("CREATE TABLE theirs (id INT PRIMARY KEY) ENGINE = InnoDB").await;
    database
        .sql(
            "CREATE TABLE in_the_way (id INT PRIMARY KEY, \
             CONSTRAINT memberships_user FOREIGN KEY (id) REFERENCES theirs (id)) ENGINE = InnoDB",
        )
        .await;
    let place = database.place();
    for _ in 0..2 {
        let ended = place.run(&["migrate", "up"]);
        assert_eq!(ended.code, Some(1));
        let line = ended.complaint();
        let (_, rest) = line.split_once("failed at statement ").unwrap_or_else(|| panic!("{line}"));
        let number: usize = rest.split(' ').next().unwrap_or_default().parse().expect("a number");
        assert!(number > 1, "{line}");
        let way = format!("run `messenger migrate up` again: it goes on with statement {number}");
        assert!(line.ends_with(&way), "{line}");
        let status = done(place.run(&["migrate", "status"]));
        assert!(status.contains(&format!("stopped after statement {}", number - 1)), "{status}");
        // Half a schema is not served.
        let refused = place.run(&["--listen", "127.0.0.1:0"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.complaint().contains("messenger migrate up"), "{refused:?}");
    }
    database.sql("DROP TABLE in_the_way").await;
    assert!(done(place.run(&["migrate", "up"])).contains("  applied "));
    assert_eq!(done(place.run(&["migrate", "up"])), "nothing to apply\n");
    place.serve(&[]).await.register("ada").await;
}

async fn two_nodes_are_one_service(database: Database) {
    let place = database.place();
    done(place.run(&["migrate", "up"]));
    let (one, other) = (place.serve(&[]).await, place.serve(&[]).await);
    let ada = one.register("ada").await;
    let token = text(&ada["tokens"]["access_token"]);
    let me = other.get("/v1/me", token).await.expect("an answer");
    assert_eq!((me.status, &me.body["id"]), (200, &ada["user"]["id"]));
    let taken = json!({"username": "ada", "email": "other@example.org", "password": PASSWORD});
    let refused = other.post("/v1/auth/register", "", taken).await.expect("an answer");
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("username_taken")));
}

async fn who_waits_for_a_lock_is_answered(database: Database) {
    let place = database.place();
    done(place.run(&["migrate", "up"]));
    let mut server = place.serve(&["--drain-seconds", "12"]).await;
    let ada = server.register("ada").await;
    let mut holder = database.open().await;
    let mut lock = holder.begin().await.expect("begun");
    sqlx::query("SELECT id FROM users FOR UPDATE").fetch_all(&mut *lock).await.expect("locked");
    let request = reqwest::Client::new()
        .patch(format!("http://{}/v1/me", server.address()))
        .bearer_auth(text(&ada["tokens"]["access_token"]))
        .json(&json!({"display_name": "Ada Lovelace"}));
    let waiting = tokio::spawn(request.send());
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    let ready = server.get("/ready", "").await.expect("still answers");
    assert_eq!((ready.status, &ready.body["code"]), (503, &json!("not_ready")));
    assert!(!waiting.is_finished(), "it waits for the lock");
    lock.rollback().await.expect("let go");
    let answer = waiting.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
    holder.close().await.expect("closed");
}

/// With an account that has a password, at the most talkative.
async fn the_password_is_never_shown(database: Database) {
    const SECRET: &str = "geheim-4711";
    let account = database.name.clone();
    database.sql(&format!("CREATE USER '{account}'@'%' IDENTIFIED BY '{SECRET}'")).await;
    database.sql(&format!("GRANT ALL ON {}.* TO '{account}'@'%'", database.name)).await;
    // Without parameters: what has a password uses TLS where the server offers it.
    let (_, address) = database.url.rsplit_once('@').expect("an account");
    let address = address.split('?').next().unwrap_or_default();
    for format in ["text", "json"] {
        let with = |password: &str, address: &str| {
            Place::new()
                .with("MESSENGER_DATABASE_URL", format!("mysql://{account}:{password}@{address}"))
                .with("MESSENGER_SIGNING_KEYS", KEYS)
                .with("MESSENGER_LOG_FORMAT", format)
                .with("RUST_LOG", "trace")
        };
        let place = with(SECRET, address);
        done(place.run(&["migrate", "up"]));
        let server = place.serve(&[]).await;
        let tokens = server.register(&format!("ada_{format}")).await["tokens"].take();
        let log = server.log();
        for secret in [SECRET, KEYS, PASSWORD, text(&tokens["access_token"]), text(&tokens["refresh_token"])] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
        for (place, word) in
            [(with("geheim-0815", address), &*account), (with(SECRET, "127.0.0.1:1/messenger"), "open")]
        {
            for args in [&["migrate", "up"][..], &["migrate", "status"], &["--listen", "127.0.0.1:0"]] {
                let ended = place.run(args);
                assert_eq!(ended.code, Some(1));
                assert!(ended.stderr.contains(word) && !ended.stderr.contains("geheim"), "{ended:?}");
            }
        }
    }
}
