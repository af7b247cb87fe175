//! A `messenger` in a process of its own, so that its memory and its work are
//! told apart from the client's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hyper::Method;

use super::client::{Ask, Client, Target};
use crate::Outcome;

/// What all nodes sign with.
pub const SIGNING_KEY: &str = "a key that all nodes of a measurement share";

/// How long a node may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// A node that takes requests. Dropping it kills it.
pub struct Node {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
}

impl Node {
    /// Starts one on a database that is there and migrated.
    pub async fn start(database_url: &str, nats_url: Option<&str>) -> Outcome<Self> {
        let mut arguments = vec!["--rate-limits".to_owned(), "off".to_owned()];
        if let Some(url) = nats_url {
            if !knows("--nats-url")? {
                return Err("the binary `messenger` has no --nats-url".into());
            }
            arguments.extend(["--nats-url".to_owned(), url.to_owned()]);
        }
        let begin = Instant::now();
        let address = free_address()?;
        loop {
            let child = Command::new(binary()?)
                .args(["--listen", &address.to_string()])
                .args(&arguments)
                .env("MESSENGER_DATABASE_URL", database_url)
                .env("MESSENGER_SIGNING_KEYS", SIGNING_KEY)
                .env("RUST_LOG", "warn")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn()?;
            let mut node = Self { address, child };
            while node.child.try_wait()?.is_none() {
                if node.is_ready().await {
                    return Ok(node);
                }
                if begin.elapsed() > PATIENCE {
                    return Err("the node does not start".into());
                }
                // Short, as starting is measured.
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            // This process may hold SQLite's lock file for a moment longer.
            if begin.elapsed() > PATIENCE {
                return Err("the node ended as soon as it started".into());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Its memory in MiB; an error where the system does not tell it.
    pub fn resident_mib(&self) -> Outcome<f64> {
        let kib = super::live::resident_kib_of(self.child.id()).ok_or("the node's memory is not told")?;
        #[allow(clippy::cast_precision_loss, reason = "memory in KiB is far below 2^52")]
        Ok(kib as f64 / 1_024.0)
    }

    async fn is_ready(&self) -> bool {
        let ask = Ask { method: Method::GET, path: "/ready".to_owned(), authorization: "".into(), body: "".into() };
        let answer = Client::new(Target::at(self.address)).ask(ask).await;
        answer.is_ok_and(|answer| answer.status.is_success())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The `messenger` that was built beside this program.
fn binary() -> Outcome<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("messenger");
    if binary.is_file() {
        return Ok(binary);
    }
    Err(format!("there is no {}: build messenger-http's binary in the same profile", binary.display()).into())
}

fn knows(flag: &str) -> Outcome<bool> {
    let help = Command::new(binary()?).arg("--help").output()?;
    Ok(String::from_utf8_lossy(&help.stdout).contains(flag))
}

fn free_address() -> Outcome<SocketAddr> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
