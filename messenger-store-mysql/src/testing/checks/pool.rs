//! Connections that end before their time.

use std::time::{Duration, Instant};

use messenger_core::store::{Store, StoreError};
use sqlx::{AssertSqlSafe, MySqlConnection, Row as _};

use super::fixture::{Fixture, user, user_event};
use crate::testing::databases::open;
use crate::{MySqlOptions, MySqlStore};

/// The ids of the server's other sessions on the check's database.
async fn sessions_beside(connection: &mut MySqlConnection) -> Vec<u64> {
    let select = "SELECT CAST(id AS UNSIGNED) FROM information_schema.processlist \
                  WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    for _ in 0..50 {
        match sqlx::raw_sql(select).fetch_all(&mut *connection).await {
            Ok(rows) => return rows.iter().map(|row| row.try_get(0).expect("a number")).collect(),
            // MySQL cannot show a prepared statement with the bytes of an id in
            // it, of anyone, while that runs.
            Err(error) if error.to_string().contains("Cannot convert string") => {}
            Err(error) => panic!("{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the sessions could not be read")
}

async fn sessions(fixture: &Fixture) -> Vec<u64> {
    sessions_beside(&mut open(&fixture.url).await.expect("opened")).await
}

async fn kill_all(fixture: &Fixture) {
    let mut connection = open(&fixture.url).await.expect("opened");
    let mut killed = 0;
    for session in sessions_beside(&mut connection).await {
        // One that has just ended by itself is as good.
        let kill = sqlx::raw_sql(AssertSqlSafe(format!("KILL {session}"))).execute(&mut connection).await;
        killed += usize::from(kill.is_ok());
    }
    assert!(killed > 0, "there was something to kill");
}

/// A transaction that is dropped gives its locks back, and its connection.
pub(crate) async fn a_dropped_transaction_is_undone(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    for _ in 0..5 {
        let mut tx = store.begin().await.expect("begun");
        tx.users().insert_user(&user(1)).await.expect("inserted: the one before is undone");
        drop(tx);
    }
    let tx = store.begin().await.expect("begun");
    tx.commit(&[]).await.expect("committed");
    let mut snapshot = store.read().await.expect("read");
    assert!(snapshot.users().find_users(&[user(1).id]).await.expect("read").is_empty());
    drop(snapshot);
    assert!(sessions(&fixture).await.len() <= 3, "connections are used again");
    store.close().await;
    fixture.drop_database().await;
}

/// A future that is dropped while its statement runs leaves the connection in
/// doubt: it is closed, and nobody else gets its answer.
pub(crate) async fn a_dropped_statement_costs_its_connection_only(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    tx.commit(&[]).await.expect("committed");
    let mut holder = store.begin().await.expect("begun");
    holder.users().lock_users(&[user(1).id]).await.expect("locked");
    let mut waiting = store.begin().await.expect("begun");
    let lock = tokio::time::timeout(Duration::from_millis(100), async {
        waiting.users().lock_users(&[user(1).id]).await.map(drop)
    });
    assert!(lock.await.is_err(), "it waits for the lock");
    let error = waiting.users().find_users(&[user(1).id]).await.expect_err("in doubt");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    let error = waiting.commit(&[user_event(1)]).await.expect_err("in doubt");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    holder.rollback().await.expect("rolled back");
    for number in 2..=10 {
        let mut tx = store.begin().await.expect("begun");
        let locked = tx.users().lock_users(&[user(1).id]).await.expect("free again");
        assert_eq!(locked, [user(1)]);
        tx.users().insert_user(&user(number)).await.expect("inserted");
        tx.commit(&[user_event(number)]).await.expect("committed");
    }
    store.close().await;
    fixture.drop_database().await;
}

/// The server drops kept connections (a restart, an administrator): nobody
/// notices, whatever the connection was borrowed for. One that is dropped under
/// way is an error, and only there.
pub(crate) async fn a_killed_connection_is_replaced_unnoticed(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let keep_two_and_kill_them = async || {
        let (mut one, mut other) = (store.begin().await.expect("begun"), store.begin().await.expect("begun"));
        for tx in [&mut one, &mut other] {
            tx.users().lock_users(&[user(1).id]).await.expect("read");
        }
        one.rollback().await.expect("rolled back");
        other.rollback().await.expect("rolled back");
        kill_all(&fixture).await;
    };
    keep_two_and_kill_them().await;
    store.ping().await.expect("alive");
    keep_two_and_kill_them().await;
    for snapshot in [store.read(), store.read_latest()] {
        let mut snapshot = snapshot.await.expect("read");
        assert_eq!(snapshot.users().find_users(&[user(1).id]).await.expect("read"), []);
        drop(snapshot);
        keep_two_and_kill_them().await;
    }
    store.begin().await.expect("begun").commit(&[user_event(2)]).await.expect("committed");
    keep_two_and_kill_them().await;
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    kill_all(&fixture).await;
    let error = tx.commit(&[user_event(1)]).await.expect_err("gone");
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "COMMIT went with the log: {error}");
    let mut snapshot = store.read().await.expect("read");
    assert!(snapshot.users().find_users(&[user(1).id]).await.expect("read").is_empty());
    drop(snapshot);
    let mut tx = store.begin().await.expect("begun");
    tx.users().lock_users(&[user(1).id]).await.expect("begun");
    kill_all(&fixture).await;
    let error = tx.commit(&[]).await.expect_err("gone");
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "COMMIT itself: {error}");
    store.begin().await.expect("begun").commit(&[]).await.expect("nothing was done");
    store.close().await;
    fixture.drop_database().await;
}

/// A node that stalls in a transaction does not keep its locks, and kept
/// connections live on.
pub(crate) async fn a_silent_transaction_is_ended_by_the_server(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let options = MySqlOptions { idle_in_transaction: Duration::from_secs(1), ..fixture.options() };
    let store = MySqlStore::connect_with(options).await.expect("connected");
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    tx.commit(&[]).await.expect("committed");
    let kept = sessions(&fixture).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(sessions(&fixture).await, kept, "outside a transaction, silence is allowed");
    let mut stalled = store.begin().await.expect("begun");
    stalled.users().lock_users(&[user(1).id]).await.expect("locked");
    let mut other = store.begin().await.expect("begun");
    let since = Instant::now();
    other.users().lock_users(&[user(1).id]).await.expect("freed before the lock wait ends");
    assert!(since.elapsed() < Duration::from_secs(4), "{:?}", since.elapsed());
    let error = stalled.commit(&[user_event(1)]).await.expect_err("ended");
    assert!(matches!(error, StoreError::OutcomeUnknown(_)), "{error}");
    let placed = other.commit(&[user_event(1)]).await.expect("committed");
    assert_eq!(placed[0].position.get(), 1, "nothing came of the other one");
    store.close().await;
    fixture.drop_database().await;
}

/// A snapshot begins with its first read, and sees nothing later.
pub(crate) async fn a_snapshot_stays_as_it_was(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let mut snapshot = store.read().await.expect("read");
    assert!(snapshot.users().find_users(&[user(3).id]).await.expect("read").is_empty());
    let mut tx = store.begin().await.expect("begun");
    tx.users().insert_user(&user(1)).await.expect("inserted");
    tx.commit(&[user_event(1)]).await.expect("committed");
    assert!(snapshot.users().find_users(&[user(1).id]).await.expect("read").is_empty());
    drop(snapshot);
    let mut snapshot = store.read().await.expect("read");
    assert_eq!(snapshot.users().find_users(&[user(1).id]).await.expect("read"), [user(1)]);
    drop(snapshot);
    let mut tx = store.begin().await.expect("begun, and not read only");
    tx.users().insert_user(&user(2)).await.expect("inserted");
    let mut other = store.begin().await.expect("begun");
    assert!(other.users().find_users(&[user(2).id]).await.expect("read").is_empty());
    tx.commit(&[]).await.expect("committed");
    let found = other.users().find_users(&[user(2).id]).await.expect("read");
    assert_eq!(found, [user(2)], "a transaction reads what was committed before");
    drop(other);
    assert!(sessions(&fixture).await.len() <= 4, "connections are used again");
    store.close().await;
    fixture.drop_database().await;
}

/// Who finds no free connection gets an answer, not a hang.
pub(crate) async fn an_exhausted_pool_is_unavailable_in_time(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let options = MySqlOptions { max_connections: 1, acquire_timeout: Duration::from_millis(200), ..fixture.options() };
    let store = MySqlStore::connect_with(options).await.expect("connected");
    let tx = store.begin().await.expect("begun");
    let error = store.begin().await.err().expect("no connection is free");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    drop(tx);
    store.begin().await.expect("free again").rollback().await.expect("rolled back");
    store.close().await;
    let error = store.ping().await.expect_err("closed");
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    fixture.drop_database().await;
}

/// A connection tells: TLS is used where the server offers it and the URL allows
/// it.
async fn is_mysql_without_tls(url: &str) -> bool {
    let mut connection = open(url).await.expect("opened");
    let sql = "SELECT CAST(VERSION() NOT LIKE '%MariaDB%' AS SIGNED)";
    let is_mysql: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("answered");
    let status = sqlx::raw_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").fetch_one(&mut connection).await;
    let cipher: String = status.expect("answered").get(1);
    is_mysql == 1 && cipher.is_empty()
}

/// A refused account and a server that is not there.
pub(crate) async fn a_failed_connection_is_explained_in_one_line(server_url: String) {
    let fixture = Fixture::empty(server_url).await;
    let (_, host) = fixture.url.rsplit_once('@').expect("an account");
    // MySQL without TLS, as some set it up for tests, does not come to know the
    // password of an account, nor so whether there is one.
    let refused = if is_mysql_without_tls(&fixture.url).await { "TLS" } else { "nobody" };
    for (url, expected) in [
        (format!("mysql://nobody:geheim@{host}"), refused),
        ("mysql://nobody:geheim@127.0.0.1:1/none".to_owned(), "refused"),
        (format!("{}_missing", fixture.url), "_missing"),
    ] {
        let Err(error) = MySqlStore::connect(&url).await else { panic!("{expected}") };
        let text = error.to_string();
        assert!(text.contains(expected) && !text.contains('\n') && !text.contains("geheim"), "{text}");
    }
    fixture.drop_database().await;
}
