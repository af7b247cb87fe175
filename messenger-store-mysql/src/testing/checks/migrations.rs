//! Migrations that go well, and migrations that do not.

use messenger_core::page::Slice;
use messenger_core::store::{MigrationState, Migrator, Store};
use messenger_core::user::{DisplayName, User, UserQuery};
use sqlx::AssertSqlSafe;

use super::fixture::{Fixture, user};
use crate::testing::databases::open;
use crate::testing::{Migration, checksums};
use crate::{ConnectError, MySqlMigrator, MySqlOptions, MySqlStore};

fn migrator(fixture: &Fixture) -> MySqlMigrator {
    MySqlMigrator::new(fixture.options())
}

async fn sql(fixture: &Fixture, statement: &'static str) {
    let mut connection = open(&fixture.url).await.expect("opened");
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.expect("executed");
}

/// Up, up again, down to nothing, up once more.
pub(crate) async fn up_and_down_leave_nothing_behind(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let migrator = migrator(&fixture);
    let before = migrator.status().await.expect("status");
    assert!(before.iter().all(|one| one.state == MigrationState::Pending));
    assert!(checksums(&fixture.url).await.expect("read").is_empty(), "status changes nothing");
    let applied = migrator.up().await.expect("up");
    assert_eq!(applied.len(), before.len());
    assert!(
        applied
            .iter()
            .all(|one| matches!(one.state, MigrationState::Applied { at } if at.as_millis() > 1_700_000_000_000))
    );
    assert!(migrator.up().await.expect("up again").is_empty());
    assert_eq!(migrator.status().await.expect("status"), applied);
    while migrator.down().await.expect("down").is_some() {}
    let left: Vec<_> = checksums(&fixture.url).await.expect("read").into_keys().collect();
    assert_eq!(left, ["schema_migrations"]);
    assert_eq!(migrator.up().await.expect("up").len(), before.len());
    fixture.drop_database().await;
}

/// One process does the work, the others find it done.
pub(crate) async fn many_processes_may_migrate_at_once(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let migrator = migrator(&fixture);
        tasks.spawn(async move { migrator.up().await.expect("up").len() });
    }
    let applied: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(applied, migrator(&fixture).status().await.expect("status").len());
    fixture.drop_database().await;
}

const FURTHER: Migration = Migration {
    version: 4,
    name: "further",
    up: "CREATE TABLE one (id INT);\nINSERT INTO needed VALUES (1);\nCREATE TABLE three (id INT);\n",
    down: "DROP TABLE IF EXISTS three;\nDROP TABLE IF EXISTS one;\n",
};

/// The way that the error names is gone, and leads to the end.
pub(crate) async fn a_failed_migration_goes_on_where_it_failed(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    migrator(&fixture).up().await.expect("up");
    let migrator = migrator(&fixture).with_migrations([FURTHER]);
    for _ in 0..2 {
        let error = migrator.up().await.expect_err("the table is not there").to_string();
        assert!(error.starts_with("migration 4 (further) failed at statement 2 of 3: "), "{error}");
        assert!(error.contains("needed") && error.contains("`messenger migrate up` again"), "{error}");
        assert!(error.ends_with("it goes on with statement 2"), "{error}");
        let status = migrator.status().await.expect("status");
        assert_eq!(status[3].state, MigrationState::Interrupted { statements_done: 1 });
    }
    sql(&fixture, "CREATE TABLE needed (id INT)").await;
    let applied = migrator.up().await.expect("goes on");
    assert_eq!(applied.iter().map(|one| one.version).collect::<Vec<_>>(), [4]);
    assert!(checksums(&fixture.url).await.expect("read").contains_key("three"));
    let taken_back = migrator.down().await.expect("down").expect("the further one");
    assert_eq!((taken_back.version, taken_back.state), (4, MigrationState::Pending));
    // One that failed half-way can be taken back, too.
    sql(&fixture, "DROP TABLE needed").await;
    migrator.up().await.expect_err("the table is not there");
    assert_eq!(migrator.down().await.expect("down").expect("the further one").version, 4);
    let tables = checksums(&fixture.url).await.expect("read");
    assert!(!tables.contains_key("one") && tables.contains_key("users"));
    // And so can one whose way back fails half-way.
    let stubborn = Migration {
        down: "DROP TABLE IF EXISTS one;\nDROP TABLE three;\n",
        up: "CREATE TABLE one (id INT);\n",
        ..FURTHER
    };
    let stubborn = MySqlMigrator::new(fixture.options()).with_migrations([stubborn]);
    stubborn.up().await.expect("up");
    let error = stubborn.down().await.expect_err("nothing to drop").to_string();
    assert!(
        error.contains("failed at statement 2 of 2") && error.contains("`messenger migrate down` again"),
        "{error}"
    );
    assert_eq!(stubborn.up().await.expect("forth again").len(), 1);
    sql(&fixture, "CREATE TABLE three (id INT)").await;
    stubborn.down().await.expect("down");
    fixture.drop_database().await;
}

/// A crash between a statement and the record that it was carried out leaves it
/// to be run again; what has no `IF NOT EXISTS` then finds its work done.
pub(crate) async fn a_statement_whose_record_was_lost_is_run_again(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let statements = [
        "ALTER TABLE users ADD COLUMN extra INT NOT NULL DEFAULT 1, ADD CONSTRAINT users_extra CHECK (extra > 0);\n",
        "ALTER TABLE users ADD KEY users_by_extra (extra);\n",
        "ALTER TABLE users ADD CONSTRAINT users_extra_small CHECK (extra < 9);\n",
    ];
    let down = "ALTER TABLE users DROP CONSTRAINT users_extra_small;\nALTER TABLE users DROP KEY users_by_extra;\n\
                ALTER TABLE users DROP CONSTRAINT users_extra, DROP COLUMN extra;\n";
    migrator(&fixture).up().await.expect("up");
    let before = schema_of_users(&fixture).await;
    for statement in statements {
        let migration = Migration { version: 4, name: "further", up: statement, down };
        let migrator = migrator(&fixture).with_migrations([migration]);
        sql(&fixture, "DELETE FROM schema_migrations WHERE version = 4").await;
        migrator.up().await.expect("up");
        // As it stands when the record of the statement was lost.
        sql(
            &fixture,
            "UPDATE schema_migrations SET applied_at = NULL, statements_done = 0, \
             checksum = X'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' WHERE version = 4",
        )
        .await;
        assert_eq!(migrator.up().await.expect("up again").len(), 1, "{statement}");
        // One that nobody began finds what is in its way, and says so.
        sql(&fixture, "DELETE FROM schema_migrations WHERE version = 4").await;
        migrator.up().await.expect_err("someone else's column");
    }
    let all = Migration { version: 4, name: "further", up: statements[0], down };
    let migrator = migrator(&fixture).with_migrations([all]);
    migrator.down().await.expect("down").expect("the further one");
    assert_eq!(schema_of_users(&fixture).await, before);
    // The way back may find its work done, too.
    migrator.up().await.expect("up");
    migrator.down().await.expect("down").expect("the further one, without the key");
    assert_eq!(schema_of_users(&fixture).await, before);
    fixture.drop_database().await;
}

async fn schema_of_users(fixture: &Fixture) -> Vec<String> {
    let mut connection = open(&fixture.url).await.expect("opened");
    let sql = "SELECT CAST(column_name AS CHAR) FROM information_schema.columns
        WHERE table_schema = DATABASE() AND table_name = 'users' ORDER BY ordinal_position";
    sqlx::query_scalar(sql).fetch_all(&mut connection).await.expect("read")
}

/// Those who were there before terms were have the same ones as who comes after.
pub(crate) async fn users_of_an_older_version_get_their_terms(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut tx = store.begin().await.expect("begun");
    // Terms that end in a space, a character that folds into eighteen, and more
    // of these than the servers recurse.
    for (number, name) in (1..).zip(["A b c", "a", "Größe 🦀", "\u{fdfa}", "¨x a", &"\u{fdfa}".repeat(64)]) {
        let display_name = DisplayName::parse(name).expect("valid");
        tx.users().insert_user(&User { display_name, ..user(number) }).await.expect("inserted");
    }
    tx.commit(&[]).await.expect("committed");
    store.close().await;
    let written = checksums(&fixture.url).await.expect("read").remove("user_terms").expect("the table");
    assert!(written.0 > 100, "{written:?}");
    let migrator = migrator(&fixture);
    while migrator.down().await.expect("down").expect("there is one").version > 3 {}
    assert!(!checksums(&fixture.url).await.expect("read").contains_key("user_terms"));
    migrator.up().await.expect("up");
    assert_eq!(checksums(&fixture.url).await.expect("read").get("user_terms"), Some(&written));
    let store = MySqlStore::connect(&fixture.url).await.expect("connected");
    let mut snapshot = store.read().await.expect("read");
    let query = UserQuery::parse("röß").expect("valid");
    let found = snapshot.users().search_users(&query, Slice { after: None, limit: 9 }).await.expect("read");
    assert_eq!(found.items.iter().map(|user| user.id).collect::<Vec<_>>(), [user(3).id]);
    drop(snapshot);
    store.close().await;
    fixture.drop_database().await;
}

/// A newer version's database, and an edited migration.
pub(crate) async fn a_strange_history_is_refused(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let further = Migration { up: "CREATE TABLE one (id INT);\n", ..FURTHER };
    migrator(&fixture).with_migrations([further.clone()]).up().await.expect("up");
    let older = migrator(&fixture);
    for error in [
        older.status().await.expect_err("unknown").to_string(),
        older.up().await.expect_err("unknown").to_string(),
        older.down().await.expect_err("unknown").to_string(),
    ] {
        assert!(error.contains("migration 4 (further), which this version of messenger does not know"), "{error}");
    }
    let Err(error) = MySqlStore::connect(&fixture.url).await else { panic!("a newer schema is refused") };
    assert!(matches!(error, ConnectError::Migration(_)), "{error}");
    let edited = Migration { up: "CREATE TABLE other (id INT);\n", ..further };
    let error = migrator(&fixture).with_migrations([edited]).up().await.expect_err("edited").to_string();
    assert!(error.contains("was edited after it was applied"), "{error}");
    fixture.drop_database().await;
}

/// A store does not run on an older schema, unless it may mend it.
pub(crate) async fn a_store_refuses_pending_migrations(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let Err(error) = MySqlStore::connect(&fixture.url).await else { panic!("an empty database is refused") };
    let text = error.to_string();
    assert!(text.contains("run `messenger migrate up`") && !text.contains('\n'), "{text}");
    let partitions = messenger_core::event::PartitionCount::try_new(3).expect("not zero");
    let store = MySqlStore::connect_with(MySqlOptions { partitions, ..fixture.options() }).await.expect("migrated");
    store.close().await;
    // The number is fixed now.
    let store = MySqlStore::connect(&fixture.url).await.expect("connected");
    let mut snapshot = store.read().await.expect("read");
    let identity = snapshot.events().log_identity().await.expect("read");
    assert_eq!((identity.partitions, snapshot.events().log_heads().await.expect("read").len()), (partitions, 3));
    drop(snapshot);
    store.close().await;
    fixture.drop_database().await;
}
