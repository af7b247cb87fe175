//! A server that can be killed and started again on its files.

use super::{NoServer, container, local, ready};

/// A server for one test alone. Its files go with it.
pub struct PrivateServer {
    server: Way,
    name: String,
    url: String,
}

enum Way {
    Installed(local::Running),
    Container(Box<container::Running>),
}

impl PrivateServer {
    /// Starts what is installed, or else `mysql:9.7` by Docker.
    pub fn provide() -> Result<Self, NoServer> {
        let (server, url, version) = if let Some(binary) = local::find() {
            let (server, version) = local::start(&binary).map_err(NoServer)?;
            let url = server.url();
            (Way::Installed(server), url, version)
        } else {
            let (server, url, version) = container::start_at_a_fixed_port().map_err(|error| {
                NoServer(format!("no database server to kill ({error}): install mariadb-server, or start Docker"))
            })?;
            (Way::Container(Box::new(server)), url, version)
        };
        Ok(Self { server, name: version.to_string(), url })
    }

    /// What it is, such as `MariaDB 10.11`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to reach it, without a database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills it as a crash would.
    pub fn kill(&mut self) -> Result<(), NoServer> {
        match &mut self.server {
            Way::Installed(server) => server.kill(),
            Way::Container(server) => server.kill().map_err(NoServer)?,
        }
        Ok(())
    }

    /// Starts it where it was; it answers when this returns. Blocks.
    pub fn start(&mut self) -> Result<(), NoServer> {
        match &mut self.server {
            Way::Installed(server) => server.start(),
            Way::Container(server) => server.start(),
        }
        .map_err(NoServer)?;
        ready::wait(&self.url, ready::STARTING).map(drop).map_err(NoServer)
    }
}
