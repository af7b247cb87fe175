//! A private throw-away server of what is installed.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::ready::{self, Version};

/// Where servers are installed that are not on every user's PATH.
const FURTHER_PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// Starts the server and stops it when this process is gone, however that
/// ends: then the pipe closes, `read` answers, and the server is ended by its
/// process id. Signals of the terminal are for this process, not for it.
const KEEPER: &str = r#"
    trap '' INT TERM HUP
    "$@" >"$LOG" 2>&1 </dev/null &
    server=$!
    read -r _
    kill -9 "$server"
    wait "$server" 2>/dev/null
    rm -rf "$DIRECTORY"
"#;

/// Stops the server and removes its files when it is dropped.
pub(super) struct Running {
    keeper: Child,
    directory: Option<TempDir>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // A keeper that cannot be waited for has nothing more to say.
        let _ = self.keeper.wait();
        drop(self.directory.take());
    }
}

/// The server that is installed, `MariaDB` if both are.
pub(super) fn find() -> Option<PathBuf> {
    find_mariadb().or_else(|| find_binary("mysqld"))
}

pub(super) fn find_mariadb() -> Option<PathBuf> {
    find_binary("mariadbd")
}

fn find_binary(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(FURTHER_PLACES.map(PathBuf::from));
    places.map(|place| place.join(name)).find(|candidate| candidate.is_file())
}

pub(super) fn start(binary: &Path) -> Result<(Running, String, Version), String> {
    let directory = tempfile::Builder::new().prefix("messenger-mysql-").tempdir().map_err(|error| error.to_string())?;
    let data = directory.path().join("data");
    let log = directory.path().join("server.log");
    fs::create_dir(&data).map_err(|error| error.to_string())?;
    initialise(binary, &data, &log)?;

    let port = free_port()?;
    let mut command = Command::new("sh");
    command.args(["-c", KEEPER, "keeper"]).arg(binary).arg("--no-defaults");
    command.arg(argument("--datadir=", &data));
    command.arg(argument("--socket=", &directory.path().join("socket")));
    command.arg(argument("--pid-file=", &directory.path().join("pid")));
    command.args([&format!("--port={port}"), "--bind-address=127.0.0.1", "--max-connections=600", "--skip-log-bin"]);
    if is_mysql(binary) {
        command.args(["--mysqlx=OFF", "--performance-schema=OFF"]);
    }
    command.args(as_root());
    command.env("LOG", &log).env("DIRECTORY", directory.path()).stdin(Stdio::piped());
    let keeper = command.spawn().map_err(|error| format!("sh cannot be run: {error}"))?;
    let running = Running { keeper, directory: Some(directory) };

    let url = format!("mysql://root@127.0.0.1:{port}");
    let version = ready::wait(&url, ready::STARTING)
        .map_err(|error| format!("{} does not answer: {error}; {}", binary.display(), last_line(&log)))?;
    Ok((running, url, version))
}

/// Makes the data directory, with an account `root` that needs no password.
fn initialise(binary: &Path, data: &Path, log: &Path) -> Result<(), String> {
    let mut command = if is_mysql(binary) {
        let mut command = Command::new(binary);
        command.args(["--no-defaults", "--initialize-insecure"]);
        command
    } else {
        let installer = find_binary("mariadb-install-db").or_else(|| find_binary("mysql_install_db"));
        let mut command = Command::new(installer.ok_or("mariadb-install-db is not installed")?);
        command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        command
    };
    command.arg(argument("--datadir=", data)).args(as_root());
    let output = File::create(log).map_err(|error| error.to_string())?;
    let errors = output.try_clone().map_err(|error| error.to_string())?;
    let status = command.stdin(Stdio::null()).stdout(output).stderr(errors).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("the server's data directory cannot be made: {}", last_line(log))),
        Err(error) => Err(format!("the server's data directory cannot be made: {error}")),
    }
}

/// `mysqld` may be another name of `MariaDB`.
fn is_mysql(binary: &Path) -> bool {
    let output = Command::new(binary).arg("--version").output();
    !output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("MariaDB"))
}

/// Servers refuse to run as root unless they are told to.
fn as_root() -> Option<&'static str> {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0").then_some("--user=root")
}

/// One that was free a moment ago; the server would say if it no longer is.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

fn argument(flag: &str, path: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from(flag);
    argument.push(path);
    argument
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").to_owned()
}
