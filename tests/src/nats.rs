//! A NATS server for tests, that can be killed and started again.

use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::SyncRunner as _;
use testcontainers::{Container, GenericImage, ImageExt as _};

use crate::kept::{Kept, find_program, free_port};

const PORT: u16 = 4222;

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server at an address that stays when it is killed and started again.
pub struct NatsServer {
    address: SocketAddr,
    way: Way,
    // Before the directory, so that the server is gone when its files are.
    running: Option<Running>,
    directory: TempDir,
}

enum Way {
    Installed(PathBuf),
    Docker,
}

enum Running {
    Process(Kept),
    Container(Box<Container<GenericImage>>),
}

impl NatsServer {
    /// Starts one on a free port: the `nats-server` that is installed, or else
    /// by Docker.
    ///
    /// # Errors
    ///
    /// The line that helps, where there is neither.
    pub fn provide() -> Result<Self, String> {
        let way = find_program("nats-server").map_or(Way::Docker, Way::Installed);
        let directory = tempfile::Builder::new().prefix("messenger-nats-").tempdir();
        let directory = directory.map_err(|error| error.to_string())?;
        let mut server = Self { address: ([127, 0, 0, 1], free_port()?).into(), way, running: None, directory };
        server.start()?;
        Ok(server)
    }

    /// How to reach it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        match self.running.take() {
            Some(Running::Process(process)) => process.kill(),
            Some(Running::Container(container)) => drop(container),
            None => {}
        }
    }

    /// Starts it where it was; it takes connections when this returns.
    pub fn start(&mut self) -> Result<(), String> {
        let port = self.address.port();
        self.running = Some(match &self.way {
            Way::Installed(program) => {
                let (directory, log) = (self.directory.path(), self.directory.path().join("server.log"));
                let arguments = ["--addr", "127.0.0.1", "--port", &port.to_string()].map(str::to_owned);
                Running::Process(Kept::start(program, arguments, directory, &log)?)
            }
            Way::Docker => {
                let image = GenericImage::new("nats", "2").with_wait_for(WaitFor::Nothing);
                let container = image.with_mapped_port(port, PORT.tcp()).start().map_err(|error| {
                    let reason = error.to_string();
                    let reason = reason.lines().next().unwrap_or_default();
                    format!("no NATS for the tests ({reason}): install nats-server, or start Docker")
                })?;
                Running::Container(Box::new(container))
            }
        });
        let since = Instant::now();
        while TcpStream::connect_timeout(&self.address, PATIENCE).is_err() {
            if since.elapsed() > PATIENCE {
                return Err(format!("the NATS server at {} does not answer", self.address));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
