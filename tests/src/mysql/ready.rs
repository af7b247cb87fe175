//! A server is ready when a connection answers, not when a log line appears.

use std::time::{Duration, Instant};

use sqlx::{Connection as _, MySqlConnection};

/// For a server that should be there.
pub(super) const AT_ONCE: Duration = Duration::from_secs(5);

/// For a server that is starting: the first start makes its data directory.
pub(super) const STARTING: Duration = Duration::from_mins(2);

/// What answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// `MySQL` or `MariaDB`.
    pub(super) product: &'static str,
    /// Major and minor: `9.7`.
    pub(super) number: String,
}

/// Waits until the server answers, and asks what it is.
pub(super) fn wait(url: &str, patience: Duration) -> Result<Version, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| error.to_string())?.block_on(async {
        let deadline = Instant::now() + patience;
        loop {
            let error = match tokio::time::timeout(AT_ONCE, ask(url)).await {
                Ok(Ok(version)) => return Ok(version),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            if Instant::now() > deadline {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    })
}

async fn ask(url: &str) -> Result<Version, sqlx::Error> {
    let mut connection = MySqlConnection::connect(url).await?;
    let version: String = sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut connection).await?;
    connection.close().await?;
    Ok(parse(&version))
}

/// `9.7.0`, or `10.11.14-MariaDB-0+deb12u2`.
fn parse(version: &str) -> Version {
    let product = if version.contains("MariaDB") { "MariaDB" } else { "MySQL" };
    let number: Vec<_> = version.split(['.', '-']).take(2).collect();
    Version { product, number: number.join(".") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_products_are_told_apart() {
        assert_eq!(parse("9.7.0"), Version { product: "MySQL", number: "9.7".to_owned() });
        let mariadb = Version { product: "MariaDB", number: "10.11".to_owned() };
        assert_eq!(parse("10.11.19-MariaDB-0+deb12u1"), mariadb);
    }
}
