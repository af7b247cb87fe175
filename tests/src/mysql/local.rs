//! A private throw-away server of what is installed.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::ready::{self, Version};
use crate::kept::{Kept, find_program, free_port};

/// A private server. Its files go with it.
pub(super) struct Running {
    binary: PathBuf,
    port: u16,
    // Before the directory, so that the server is gone when its files are.
    process: Option<Kept>,
    directory: TempDir,
}

impl Running {
    /// How to reach it.
    pub(super) fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}", self.port)
    }

    /// Kills it as a crash would.
    pub(super) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }

    /// Starts it on its files and its port, unless it runs.
    pub(super) fn start(&mut self) -> Result<(), String> {
        if self.process.is_some() {
            return Ok(());
        }
        let (directory, log) = (self.directory.path(), self.log());
        let mut arguments = vec![OsString::from("--no-defaults")];
        arguments.push(argument("--datadir=", &self.data()));
        arguments.push(argument("--socket=", &directory.join("socket")));
        arguments.push(argument("--pid-file=", &directory.join("pid")));
        arguments.push(format!("--port={}", self.port).into());
        arguments.extend(["--bind-address=127.0.0.1", "--max-connections=600", "--skip-log-bin"].map(OsString::from));
        if is_mysql(&self.binary) {
            arguments.extend(["--mysqlx=OFF", "--performance-schema=OFF"].map(OsString::from));
        }
        arguments.extend(as_root().map(OsString::from));
        self.process = Some(Kept::start(&self.binary, arguments, directory, &log)?);
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("server.log")
    }
}

/// The server that is installed, `MariaDB` if both are.
pub(super) fn find() -> Option<PathBuf> {
    find_mariadb().or_else(|| find_program("mysqld"))
}

pub(super) fn find_mariadb() -> Option<PathBuf> {
    find_program("mariadbd")
}

pub(super) fn start(binary: &Path) -> Result<(Running, Version), String> {
    let directory = tempfile::Builder::new().prefix("messenger-mysql-").tempdir().map_err(|error| error.to_string())?;
    let mut running = Running { binary: binary.to_owned(), port: free_port()?, process: None, directory };
    fs::create_dir(running.data()).map_err(|error| error.to_string())?;
    initialise(binary, &running.data(), &running.log())?;
    running.start()?;
    let version = ready::wait(&running.url(), ready::STARTING)
        .map_err(|error| format!("{} does not answer: {error}; {}", binary.display(), last_line(&running.log())))?;
    Ok((running, version))
}

/// Makes the data directory, with an account `root` that needs no password.
fn initialise(binary: &Path, data: &Path, log: &Path) -> Result<(), String> {
    let mut command = if is_mysql(binary) {
        let mut command = Command::new(binary);
        command.args(["--no-defaults", "--initialize-insecure"]);
        command
    } else {
        let installer = find_program("mariadb-install-db").or_else(|| find_program("mysql_install_db"));
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

fn argument(flag: &str, path: &Path) -> OsString {
    let mut argument = OsString::from(flag);
    argument.push(path);
    argument
}

fn last_line(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").to_owned()
}
