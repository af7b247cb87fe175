//! The binary as its operator meets it: real processes, real signals.
#![cfg(unix)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

fn messenger(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_messenger"));
    command.current_dir(directory).env_clear().stdin(Stdio::null());
    command
}

fn run(directory: &Path, args: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let output = messenger(directory).args(args).envs(environment.iter().copied()).output().expect("runs");
    let Output { status, stdout, stderr } = output;
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code(), text(stdout), text(stderr))
}

/// A running server; killed when the test ends.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(directory: &Path, args: &[&str]) -> Self {
        // Bound for a moment, so that nobody else has it.
        let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
        let child = messenger(directory)
            .args(["--listen", &address.to_string()])
            .args(args)
            .stderr(std::fs::File::create(directory.join("log")).expect("a file"))
            .spawn()
            .expect("starts");
        let server = Self { child, address };
        let started = Instant::now();
        while server.get("/ready").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
            assert!(started.elapsed() < PATIENCE, "{}", logged(directory));
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn get(&self, path: &str) -> Option<String> {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, token: &str, body: &str) -> String {
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json");
        let length = body.len();
        let request = format!("{head}\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n{body}");
        self.send(&request).expect("an answer")
    }

    fn send(&self, request: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    fn wait(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the server that runs in the directory has logged.
fn logged(directory: &Path) -> String {
    std::fs::read_to_string(directory.join("log")).unwrap_or_default()
}

fn access_token(answer: &str) -> String {
    let rest = answer.split_once("\"access_token\":\"").unwrap_or_else(|| panic!("no token in {answer}")).1;
    rest.split('"').next().unwrap_or_default().to_owned()
}

const ADA: &str = r#"{"username":"ada","email":"ada@example.org","password":"correct horse"}"#;

type Pairs<'a> = &'a [(&'a str, &'a str)];

#[test]
fn what_makes_no_sense_is_one_line_and_exit_code_2() {
    let directory = tempfile::tempdir().expect("a directory");
    let cases: &[(&[&str], Pairs<'_>)] = &[
        (&["--listen", "here"], &[]),
        (&["--nats-url", "http://ada:geheim@a"], &[]),
        (&["--database-url", "postgres://ada:geheim@db/m"], &[]),
        (&["--database-url", "mysql://ada:geheim@127.0.0.1:1/m"], &[]),
        (&[], &[("MESSENGER_LISTEN", "nowhere")]),
        (&[], &[("MESSENGER_RATE_LIMITS", "maybe")]),
        (&[], &[("MESSENGER_SIGNING_KEYS", "geheim")]),
        (&[], &[("RUST_LOG", "a=loud")]),
    ];
    for (args, environment) in cases {
        let (code, stdout, stderr) = run(directory.path(), args, environment);
        assert_eq!((code, &*stdout), (Some(2), ""), "{args:?} {environment:?}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.starts_with("messenger: ") && !stderr.contains("geheim"), "{stderr}");
    }
}

#[test]
fn help_shows_every_flag_and_no_secret() {
    let directory = tempfile::tempdir().expect("a directory");
    let url = [("MESSENGER_DATABASE_URL", "mysql://ada:geheim@db/m")];
    let (code, help, _) = run(directory.path(), &["--help"], &url);
    assert_eq!(code, Some(0));
    for name in ["LISTEN", "DATABASE_URL", "SIGNING_KEYS", "CORS_ORIGINS", "TRUSTED_PROXIES", "RATE_LIMITS"] {
        assert!(help.contains(&format!("MESSENGER_{name}")), "{name}");
    }
    assert!(help.contains("MESSENGER_DRAIN_SECONDS") && help.contains("MESSENGER_LOG_FORMAT"));
    assert!(!help.contains("geheim"));
}

#[test]
fn the_documents_are_printed() {
    let directory = tempfile::tempdir().expect("a directory");
    for (command, expected) in
        [("openapi", messenger_http::document_text("")), ("asyncapi", messenger_http::asyncapi_text(""))]
    {
        let (code, document, _) = run(directory.path(), &[command], &[]);
        assert_eq!((code, document), (Some(0), expected), "{command}");
    }
}

#[test]
fn migrations_go_up_and_down() {
    let directory = tempfile::tempdir().expect("a directory");
    let migrate = |action| {
        let (code, stdout, stderr) = run(directory.path(), &["migrate", action], &[]);
        assert_eq!(code, Some(0), "{stderr}");
        stdout
    };
    assert!(migrate("status").contains("pending"));
    assert!(migrate("up").contains("applied"));
    assert_eq!(migrate("up"), "nothing to apply\n");
    let status = migrate("status");
    assert!(status.contains("applied") && !status.contains("pending"), "{status}");
    assert!(migrate("down").contains("pending"));
    assert!(migrate("status").contains("pending"));
}

#[test]
fn a_session_survives_a_restart() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut first = Server::start(directory.path(), &[]);
    let token = access_token(&first.post("/v1/auth/register", "", ADA));
    let log = logged(directory.path());
    assert!(log.contains("/v1/auth/register") && !log.contains(&token) && !log.contains("correct horse"), "{log}");
    first.signal("INT");
    assert_eq!(first.wait(), Some(0));
    let second = Server::start(directory.path(), &["--log-format", "json"]);
    let answer = second.post("/v1/friend-requests", &token, r#"{"username":"nobody"}"#);
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let log = logged(directory.path());
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let line = lines.iter().find(|line| line["path"] == "/v1/friend-requests").expect("an access line");
    assert_eq!((&line["status"], &line["method"]), (&404.into(), &"POST".into()));
    assert!(line["span"]["id"].as_str().is_some_and(|id| id.len() == 32), "{line}");
}

#[test]
fn a_second_server_on_the_same_file_stops_with_one_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let _first = Server::start(directory.path(), &[]);
    let (code, _, stderr) = run(directory.path(), &["--listen", "127.0.0.1:0"], &[]);
    assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
}

#[test]
fn sigterm_turns_ready_and_answers_what_is_in_flight() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(directory.path(), &["--drain-seconds", "8"]);
    // A request that has begun: its body is still to come.
    let head = "POST /v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nconnection: close";
    let mut stream = TcpStream::connect(server.address).expect("a connection");
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n", ADA.len()).expect("sent");
    std::thread::sleep(Duration::from_millis(200));
    server.signal("TERM");
    std::thread::sleep(Duration::from_millis(200));
    let ready = server.get("/ready").expect("still answers");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("not_ready"), "{ready}");
    // By now nobody new is let in, but who was there is answered.
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(server.get("/health").is_none());
    stream.write_all(ADA.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn healthcheck_tells_by_its_exit_code() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::start(directory.path(), &[]);
    let listen = server.address.to_string();
    for args in [&["healthcheck", "--listen", &listen][..], &["healthcheck", "--ready", "--listen", &listen]] {
        assert_eq!(run(directory.path(), args, &[]).0, Some(0));
    }
    server.signal("INT");
    server.wait();
    let (code, _, stderr) = run(directory.path(), &["healthcheck", "--listen", &listen], &[]);
    assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
}
