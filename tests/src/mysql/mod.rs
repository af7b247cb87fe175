//! A `MySQL` or `MariaDB` server for tests.

mod container;
mod local;
mod not_covered;
mod private;
mod ready;

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};

pub use not_covered::{NOT_INSTALLED, mariadb_is_not_covered};
pub use private::PrivateServer;
use ready::Version;

/// Names a server that is there already: `mysql://user:password@host:port`.
/// Its user must be allowed to make and drop databases.
pub const URL_VARIABLE: &str = "MESSENGER_TEST_MYSQL_URL";

/// Insists on one way to get a server: `docker` or `local`.
pub const WAY_VARIABLE: &str = "MESSENGER_TEST_MYSQL";

/// A server that lasts as long as this guard.
pub struct Server {
    name: String,
    url: String,
    // What was started for it, and stops when it is dropped.
    _guard: Option<Box<dyn Any + Send + Sync>>,
}

/// Why there is no server, with the one line that helps.
#[derive(Debug)]
pub struct NoServer(String);

impl std::error::Error for NoServer {}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Server {
    /// Gets a server in the first of these ways that is open, and says which:
    /// the one that [`URL_VARIABLE`] names; `mysql:9.7` by Docker; a private
    /// throw-away server of the `mysqld` or `mariadbd` that is installed.
    pub fn provide() -> Result<Self, NoServer> {
        let server = match (std::env::var(URL_VARIABLE), std::env::var(WAY_VARIABLE).as_deref()) {
            (Ok(url), _) => Self::there_already(&url)?,
            (_, Ok("docker")) => Self::by_docker()?,
            (_, Ok("local")) => Self::installed(local::find().as_deref())?,
            (_, Ok(other)) => return Err(NoServer(format!("{WAY_VARIABLE} must be docker or local, not {other:?}"))),
            (_, Err(_)) => Self::by_docker().or_else(|no_docker| {
                println!("no MySQL by Docker ({no_docker}); looking for an installed server");
                Self::installed(local::find().as_deref())
            })?,
        };
        println!("{}", server.name);
        Ok(server)
    }

    /// The `MariaDB` that is installed, if there is one.
    pub fn find_installed_mariadb() -> Option<PathBuf> {
        local::find_mariadb()
    }

    /// A private throw-away server of an installed `mysqld` or `mariadbd`.
    pub fn of(binary: &Path) -> Result<Self, NoServer> {
        let server = Self::installed(Some(binary))?;
        println!("{}", server.name);
        Ok(server)
    }

    /// What it is and where it came from, such as `MySQL 9.7 via testcontainers`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How to reach it, without a database: `mysql://root@127.0.0.1:33060`, and
    /// maybe `?` and parameters.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn there_already(url: &str) -> Result<Self, NoServer> {
        let version = ready::wait(url, ready::AT_ONCE)
            .map_err(|error| NoServer(format!("{URL_VARIABLE} names a server that does not answer: {error}")))?;
        let name = format!("{version} at {URL_VARIABLE}");
        Ok(Self { name, url: url.to_owned(), _guard: None })
    }

    fn by_docker() -> Result<Self, NoServer> {
        let (container, url, version) = container::start().map_err(NoServer)?;
        let name = format!("{version} via testcontainers");
        Ok(Self { name, url, _guard: Some(Box::new(container)) })
    }

    fn installed(binary: Option<&Path>) -> Result<Self, NoServer> {
        let binary = binary.ok_or_else(|| {
            NoServer(format!(
                "no MySQL for the tests: start Docker, or install mariadb-server, or set {URL_VARIABLE}=mysql://user@host:port"
            ))
        })?;
        let program = binary.file_name().unwrap_or_default().display().to_string();
        let (process, version) = local::start(binary).map_err(NoServer)?;
        let url = process.url();
        let name = format!("{version} via {program}");
        Ok(Self { name, url, _guard: Some(Box::new(process)) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.product, self.number)
    }
}
