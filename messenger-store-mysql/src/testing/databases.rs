//! Databases to throw away.

use messenger_core::store::{StoreError, StoreResult, UniqueKey};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, MySqlConnection};

use crate::error::{Failure, explain_opening};

/// Makes an empty database on a server and answers its URL. `server_url` may
/// name a database or none.
pub async fn create_database(server_url: &str, name: &str) -> StoreResult<String> {
    run(server_url, format!("CREATE DATABASE {}", quoted(name)?)).await?;
    let (server, parameters) = match server_url.split_once('?') {
        Some((server, parameters)) => (server, format!("?{parameters}")),
        None => (server_url, String::new()),
    };
    let authority_at = server.find("://").map_or(0, |at| at + 3);
    let authority_end = server[authority_at..].find('/').map_or(server.len(), |at| authority_at + at);
    Ok(format!("{}/{name}{parameters}", &server[..authority_end]))
}

/// Removes a database with all that is in it; one that is not there is as good.
pub async fn drop_database(server_url: &str, name: &str) -> StoreResult<()> {
    run(server_url, format!("DROP DATABASE IF EXISTS {}", quoted(name)?)).await
}

/// An identifier cannot be bound, so it is held to harmless characters.
fn quoted(name: &str) -> StoreResult<String> {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(harmless) {
        Ok(format!("`{name}`"))
    } else {
        Err(StoreError::Defect(format!("{name:?} is no name for a test database")))
    }
}

/// A connection for a test, without a store.
pub(crate) async fn open(url: &str) -> StoreResult<MySqlConnection> {
    let options: MySqlConnectOptions = url.parse().map_err(fail)?;
    options
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .connect()
        .await
        .map_err(|error| StoreError::Unavailable(explain_opening(&error)))
}

pub(crate) fn fail(error: sqlx::Error) -> StoreError {
    Failure::of(error, UniqueKey::Other).into_error()
}

async fn run(server_url: &str, statement: String) -> StoreResult<()> {
    let mut connection = open(server_url).await?;
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.map_err(fail)?;
    connection.close().await.map_err(fail)
}
