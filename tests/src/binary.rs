//! The binary `messenger` as its operators run it: a process of its own, in a
//! directory of its own, with an environment that a test fills.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long a process may take to start or to end.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// An empty directory to run it in.
pub struct Place {
    directory: TempDir,
    // Beside it, so that the directory holds what the binary makes and no more.
    logs: TempDir,
    environment: Vec<(&'static str, String)>,
    binary: PathBuf,
}

/// A process that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of, and logged.
    pub stderr: String,
}

/// A server; killed when the test is over.
pub struct Running {
    child: Child,
    log: PathBuf,
    address: SocketAddr,
}

/// An answer, its body as JSON, or as a string where it is none.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: Value,
}

impl Place {
    /// An empty directory and an empty environment.
    pub fn new() -> Self {
        let directory = || tempfile::Builder::new().prefix("messenger-").tempdir().expect("a directory");
        Self { directory: directory(), logs: directory(), environment: Vec::new(), binary: path().to_owned() }
    }

    /// With the binary's fail points, which the variable `FAILPOINTS` sets.
    pub fn with_fail_points(mut self) -> Self {
        // A copy: the next build without them takes the original's place.
        let copy = self.logs.path().join("messenger-failpoints");
        std::fs::copy(build(&["--features", "failpoints"]), &copy).expect("a copy");
        self.binary = copy;
        self
    }

    /// With a variable for all that run here.
    pub fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((variable, value.into()));
        self
    }

    /// A file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The names of the files in the directory, sorted.
    pub fn files(&self) -> Vec<String> {
        let entries = self.directory.path().read_dir().expect("a directory");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        self.spawn(args).ended()
    }

    /// Runs it without waiting for its end.
    pub fn spawn(&self, args: &[&str]) -> Unfinished {
        let child = self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
        Unfinished(child)
    }

    /// Serves on a free port, as soon as it takes requests.
    pub async fn serve(&self, args: &[&str]) -> Running {
        let (file, log) =
            tempfile::NamedTempFile::new_in(self.logs.path()).and_then(|file| Ok(file.keep()?)).expect("a file");
        let child = self
            .command(&["--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .expect("starts");
        let mut running = Running { child, log, address: ([127, 0, 0, 1], 0).into() };
        let since = Instant::now();
        while running.address.port() == 0 || running.get("/ready", "").await.is_none_or(|answer| answer.status != 200) {
            assert!(since.elapsed() < PATIENCE, "it does not start: {}", running.log());
            if let Some(status) = running.child.try_wait().expect("a child") {
                panic!("it ended with {status}: {}", running.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            running.address = address(&running.log()).unwrap_or(running.address);
        }
        running
    }

    fn command(&self, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(self.directory.path()).stdin(Stdio::null()).args(args);
        command.env_clear().envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        command
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// A process whose end nobody has seen yet.
pub struct Unfinished(Child);

impl Unfinished {
    /// Waits for its end.
    pub fn ended(self) -> Ended {
        let output = self.0.wait_with_output().expect("ends");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl Ended {
    /// The one line that it complained with.
    pub fn complaint(&self) -> &str {
        let line = self.stderr.strip_suffix('\n').unwrap_or_default();
        assert!(line.starts_with("messenger: ") && !line.contains('\n') && self.stdout.is_empty(), "{self:?}");
        line
    }
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("the log")
    }

    /// Asks, with a token unless that is empty; none when nobody answers.
    pub async fn get(&self, path: &str, token: &str) -> Option<Answer> {
        self.ask(reqwest::Method::GET, path, token, None).await
    }

    /// Sends JSON, with a token unless that is empty.
    pub async fn post(&self, path: &str, token: &str, body: Value) -> Option<Answer> {
        self.ask(reqwest::Method::POST, path, token, Some(body)).await
    }

    /// Sends a request on a connection of its own.
    pub async fn ask(&self, method: reqwest::Method, path: &str, token: &str, body: Option<Value>) -> Option<Answer> {
        let mut request = reqwest::Client::new().request(method, format!("http://{}{path}", self.address));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) })
    }

    /// Registers a user with the password `correct horse`, and answers who it
    /// is and what proves it.
    pub async fn register(&self, username: &str) -> Value {
        let account =
            serde_json::json!({"username": username, "email": format!("{username}@example.org"), "password": PASSWORD});
        let answer = self.post("/v1/auth/register", "", account).await.expect("an answer");
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    }

    /// Sends a signal, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Waits for its end, and answers its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(since.elapsed() < PATIENCE, "it does not end: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The password of all who register here.
pub const PASSWORD: &str = "correct horse";

/// Where a log says that it is served, in either format.
fn address(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("serving"))?;
    let (_, rest) = line.split_once("address")?;
    let start = rest.find(|character: char| character.is_ascii_digit())?;
    let end = rest[start..].find(|character: char| !character.is_ascii_digit() && !".:".contains(character));
    rest[start..].get(..end?)?.parse().ok()
}

/// The binary, built when it is first asked for: as it ships, without what the
/// tests' own build adds to its crates.
fn path() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build(&[]))
}

fn build(features: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", "messenger-http", "--bin", "messenger"])
        .args(features)
        .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).expect("UTF-8");
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut executables = messages.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    executables.next().expect("cargo says where it is")
}
