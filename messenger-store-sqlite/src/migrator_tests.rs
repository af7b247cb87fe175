use std::path::Path;

use messenger_core::clock::Timestamp;

use super::*;

const FIRST: Migration = Migration {
    version: 1,
    name: "first",
    up: "CREATE TABLE log_identity (id, epoch, partitions); CREATE TABLE log_partitions (partition_id, head)",
    down: "DROP TABLE log_partitions; DROP TABLE log_identity",
};
const SECOND: Migration =
    Migration { version: 2, name: "second", up: "CREATE TABLE extra (n INTEGER)", down: "DROP TABLE extra" };
const BROKEN: Migration =
    Migration { version: 2, name: "broken", up: "CREATE TABLE extra (n); CREATE TABLE extra (n)", down: "" };
const ORPHANS: Migration = Migration {
    version: 2,
    name: "orphans",
    up: "CREATE TABLE parent (id INTEGER PRIMARY KEY);
         CREATE TABLE child (id REFERENCES parent (id));
         INSERT INTO child VALUES (1)",
    down: "",
};

fn directory() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("messenger.db");
    (directory, path)
}

fn knowing(path: &Path, known: &'static [Migration]) -> SqliteMigrator {
    SqliteMigrator { known, ..SqliteMigrator::new(SqliteOptions::new(path)) }
}

fn schema(path: &Path) -> Vec<(String, String, Option<String>)> {
    let connection = open_plain(path, TURN).expect("opens");
    let mut select = connection.prepare("SELECT type, name, sql FROM sqlite_schema ORDER BY type, name").expect("SQL");
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("reads");
    rows.collect::<rusqlite::Result<_>>().expect("reads")
}

fn versions(statuses: &[MigrationStatus]) -> Vec<u32> {
    statuses.iter().map(|status| status.version).collect()
}

#[tokio::test]
async fn up_down_and_up_again_leaves_an_equal_schema() {
    let (_directory, path) = directory();
    let migrator = SqliteMigrator::new(SqliteOptions::new(&path));
    assert_eq!(migrator.down().await.expect("nothing to do"), None);
    assert!(!path.exists(), "looking does not make the file");
    let pending = migrator.status().await.expect("tells");
    assert!(pending.iter().all(|status| status.state == MigrationState::Pending), "{pending:?}");

    let done = migrator.up().await.expect("applies");
    assert_eq!(versions(&done), versions(&pending));
    assert_eq!(migrator.status().await.expect("tells"), done);
    assert_eq!(migrator.up().await.expect("nothing to do"), []);
    let applied = schema(&path);

    while let Some(status) = migrator.down().await.expect("takes back") {
        assert_eq!(status.state, MigrationState::Pending);
    }
    let left: Vec<_> = schema(&path).into_iter().map(|(_, name, _)| name).collect();
    assert_eq!(left, ["schema_migrations"]);
    migrator.up().await.expect("applies");
    assert_eq!(schema(&path), applied);
}

#[tokio::test]
async fn down_takes_back_the_last_one_only() {
    let (_directory, path) = directory();
    let migrator = knowing(&path, &[FIRST, SECOND]);
    assert_eq!(versions(&migrator.up().await.expect("applies")), [1, 2]);
    assert_eq!(migrator.down().await.expect("takes back").map(|status| status.version), Some(2));
    let states: Vec<_> = migrator.status().await.expect("tells").into_iter().map(|status| status.state).collect();
    assert!(
        matches!(states[..], [MigrationState::Applied { at }, MigrationState::Pending] if at > Timestamp::from_millis(0))
    );
    assert_eq!(versions(&migrator.up().await.expect("applies")), [2]);
}

#[tokio::test]
async fn a_database_is_brought_up_to_a_newer_version() {
    let (_directory, path) = directory();
    knowing(&path, &[FIRST]).up().await.expect("applies");
    assert_eq!(versions(&knowing(&path, &[FIRST, SECOND]).up().await.expect("applies")), [2]);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_left_alone() {
    let (_directory, path) = directory();
    knowing(&path, &[FIRST, SECOND]).up().await.expect("applies");
    let older = knowing(&path, &[FIRST]);
    let before = schema(&path);
    for error in [
        older.status().await.expect_err("unknown"),
        older.up().await.expect_err("unknown"),
        older.down().await.expect_err("unknown"),
    ] {
        let line = error.to_string();
        assert!(line.contains("has migration 2 (second), which this version of messenger does not know"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
    assert_eq!(schema(&path), before);
}

#[tokio::test]
async fn an_edited_migration_is_noticed() {
    const EDITED: Migration = Migration { up: "SELECT 1", ..FIRST };
    let (_directory, path) = directory();
    knowing(&path, &[FIRST]).up().await.expect("applies");
    let edited = knowing(&path, &[EDITED, SECOND]);
    for error in [edited.status().await.expect_err("edited"), edited.up().await.expect_err("edited")] {
        let line = error.to_string();
        assert!(line.contains("migration 1 (first) was edited after it was applied"), "{line}");
        assert!(!line.contains('\n'), "{line}");
    }
}

#[tokio::test]
async fn a_migration_that_fails_changes_nothing() {
    let (_directory, path) = directory();
    knowing(&path, &[FIRST]).up().await.expect("applies");
    let before = schema(&path);
    for (broken, why) in [(&[FIRST, BROKEN], "already exists"), (&[FIRST, ORPHANS], "child has rows without their row")]
    {
        let error = knowing(&path, broken).up().await.expect_err("broken").to_string();
        assert!(error.contains("cannot apply migration 2"), "{error}");
        assert!(error.contains(why) && !error.contains("CREATE") && !error.contains('\n'), "{error}");
        assert_eq!(schema(&path), before);
    }
    assert_eq!(versions(&knowing(&path, &[FIRST, SECOND]).up().await.expect("the way is free")), [2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn whoever_migrates_at_once_all_succeed_and_one_does_it() {
    for _ in 0..10 {
        let (_directory, path) = directory();
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let migrator = knowing(&path, &[FIRST, SECOND]);
                tokio::spawn(async move { migrator.up().await.expect("applies or finds it done") })
            })
            .collect();
        let mut done = Vec::new();
        for task in tasks {
            done.extend(versions(&task.await.expect("ends well")));
        }
        done.sort_unstable();
        assert_eq!(done, [1, 2]);
    }
}
