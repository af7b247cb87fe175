//! Runs the store's own checks against the server that
//! `MESSENGER_TEST_MYSQL_URL` names:
//!
//! ```text
//! MESSENGER_TEST_MYSQL_URL=mysql://root@127.0.0.1:3306 \
//!     cargo run -p messenger-store-mysql --example check --features testing,failpoints [name part]
//! ```

use std::process::ExitCode;

use messenger_store_mysql::testing::CHECKS;

#[tokio::main]
async fn main() -> ExitCode {
    let Ok(url) = std::env::var("MESSENGER_TEST_MYSQL_URL") else {
        eprintln!("set MESSENGER_TEST_MYSQL_URL to a server, such as mysql://root@127.0.0.1:3306");
        return ExitCode::FAILURE;
    };
    let part = std::env::args().nth(1).unwrap_or_default();
    let mut failed = 0;
    for (name, check) in CHECKS.iter().filter(|(name, _)| name.contains(&part)) {
        let since = std::time::Instant::now();
        // In a task of its own, so that a panic ends the check alone.
        let verdict = if tokio::spawn(check(url.clone())).await.is_ok() { "ok" } else { "FAILED" };
        println!("{name} … {verdict} ({} ms)", since.elapsed().as_millis());
        failed += usize::from(verdict != "ok");
    }
    println!("{failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
