//! `MySQL` in a container that goes with the tests.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use testcontainers::core::{IntoContainerPort as _, WaitFor};
use testcontainers::runners::SyncRunner as _;
use testcontainers::{Container, ContainerRequest, GenericImage, ImageExt as _};

use super::ready::{self, Version};
use crate::kept::free_port;

const PORT: u16 = 3306;

/// Removes the container when it is dropped; so does a signal.
pub(super) struct Running {
    container: Container<GenericImage>,
}

/// Durability is as in production; what is switched off costs a test run
/// processor time and memory and changes nothing that tests see.
const FLAGS: [&str; 4] = ["--disable-log-bin", "--performance-schema=OFF", "--mysqlx=OFF", "--max-connections=600"];

fn image() -> ContainerRequest<GenericImage> {
    GenericImage::new("mysql", "9.7")
        .with_exposed_port(PORT.tcp())
        .with_wait_for(WaitFor::Nothing)
        .with_env_var("MYSQL_ALLOW_EMPTY_PASSWORD", "yes")
        .with_env_var("MYSQL_ROOT_HOST", "%")
        .with_cmd(FLAGS)
}

impl Running {
    /// Kills the server as a crash would; its files stay.
    pub(super) fn kill(&self) -> Result<(), String> {
        let killed = Command::new("docker").args(["kill", self.container.id()]).output();
        let killed = killed.map_err(|error| format!("docker cannot be run: {error}"))?;
        if killed.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&killed.stderr).trim().to_owned()) }
    }

    /// Starts it again on its files.
    pub(super) fn start(&self) -> Result<(), String> {
        self.container.start().map_err(|error| one_line(&error))
    }
}

/// One that is where it was when it was killed and started again.
pub(super) fn start_at_a_fixed_port() -> Result<(Running, String, Version), String> {
    let port = free_port()?;
    let container = image().with_mapped_port(port, PORT.tcp()).start().map_err(|error| one_line(&error))?;
    let url = url(&format!("127.0.0.1:{port}"));
    let version = ready::wait(&url, ready::STARTING)?;
    Ok((Running { container }, url, version))
}

pub(super) fn start() -> Result<(Running, String, Version), String> {
    let container = image().start().map_err(|error| one_line(&error))?;
    let mapped = container.get_host_port_ipv4(PORT).map_err(|error| one_line(&error))?;
    let host = container.get_host().map_err(|error| one_line(&error))?;
    let mapped = url(&format!("{host}:{mapped}"));
    let version = ready::wait(&mapped, ready::STARTING)
        .map_err(|error| format!("the container started and does not answer: {error}"))?;
    let url = past_the_proxy(&container).unwrap_or(mapped);
    Ok((Running { container }, url, version))
}

/// The container's own address, where it can be reached: Docker's userland
/// proxy for mapped ports costs as much processor time as the server.
fn past_the_proxy(container: &Container<GenericImage>) -> Option<String> {
    let address = SocketAddr::new(container.get_bridge_ip_address().ok()?, PORT);
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).ok()?;
    Some(url(&address.to_string()))
}

/// Without TLS, which `MySQL` offers by itself: to encrypt what never leaves
/// this machine costs every connection of every case.
fn url(authority: &str) -> String {
    format!("mysql://root@{authority}?ssl-mode=DISABLED")
}

fn one_line(error: &testcontainers::TestcontainersError) -> String {
    error.to_string().lines().next().unwrap_or("no reason given").to_owned()
}
