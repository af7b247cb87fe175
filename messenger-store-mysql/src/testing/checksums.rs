//! What every table holds, in a form to compare.

use std::collections::BTreeMap;

use messenger_core::store::{StoreError, StoreResult};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::databases::{fail, open};

/// For every table of the database, how many rows it has and a checksum of
/// what is in them. Two databases with the same rows, and one database at two
/// times, compare equal only on the same server version.
pub async fn checksums(url: &str) -> StoreResult<BTreeMap<String, (i64, u64)>> {
    let mut connection = open(url).await?;
    // As bytes: the two servers disagree on the type of these columns.
    let tables = sqlx::query(
        "SELECT CAST(table_name AS BINARY) FROM information_schema.tables \
         WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(fail)?;
    let mut sums = BTreeMap::new();
    for row in tables {
        let name: Vec<u8> = row.try_get(0).map_err(fail)?;
        let name = String::from_utf8(name).map_err(|error| StoreError::Defect(error.to_string()))?;
        // The server's own name for a table, with its quotes doubled.
        let quoted = name.replace('`', "``");
        let count = sqlx::raw_sql(AssertSqlSafe(format!("SELECT COUNT(*) FROM `{quoted}`")));
        let count: i64 = count.fetch_one(&mut connection).await.map_err(fail)?.try_get(0).map_err(fail)?;
        let sum = sqlx::raw_sql(AssertSqlSafe(format!("CHECKSUM TABLE `{quoted}` EXTENDED")));
        let sum: i64 = sum.fetch_one(&mut connection).await.map_err(fail)?.try_get(1).map_err(fail)?;
        sums.insert(name, (count, u64::try_from(sum).unwrap_or_default()));
    }
    connection.close().await.map_err(fail)?;
    Ok(sums)
}
