//! SIGTERM while streams are open: a real process, real sockets.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// One user may not have as many streams as are opened here.
const PEOPLE: usize = 10;
const DRAIN: Duration = Duration::from_secs(8);

struct Server {
    child: Child,
    address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, as it should.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(directory: &std::path::Path) -> Server {
    // Bound for a moment, so that nobody else has it.
    let address = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let mut command = Command::new(env!("CARGO_BIN_EXE_messenger"));
    command.current_dir(directory).env_clear().stdin(Stdio::null()).stderr(Stdio::null());
    command.args([
        "--listen",
        &address.to_string(),
        "--drain-seconds",
        &DRAIN.as_secs().to_string(),
        "--rate-limits",
        "off",
    ]);
    let server = Server { child: command.spawn().expect("starts"), address };
    let started = Instant::now();
    while !ask(address, "GET /ready HTTP/1.1", "connection: close\r\n", "").starts_with("HTTP/1.1 200") {
        assert!(started.elapsed() < PATIENCE, "it is not ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

/// Sends a request; the answer is to be read.
fn open(address: SocketAddr, line: &str, headers: &str, body: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{line}\r\nhost: a\r\n{headers}\r\n{body}")?;
    Ok(stream)
}

fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> String {
    let mut answer = String::new();
    if let Ok(mut stream) = open(address, line, headers, body) {
        // Whatever came.
        let _ = stream.read_to_string(&mut answer);
    }
    answer
}

/// Registers somebody; the header that says so.
fn bearer(address: SocketAddr, number: usize) -> String {
    let body = format!(r#"{{"username":"ada{number}","email":"ada{number}@example.org","password":"correct horse"}}"#);
    let headers = format!("content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    let answer = ask(address, "POST /v1/auth/register HTTP/1.1", &headers, &body);
    let token = answer.split_once("\"access_token\":\"").and_then(|(_, rest)| rest.split_once('"')).expect(&answer).0;
    format!("authorization: Bearer {token}\r\n")
}

/// Reads all that comes until the end, on a thread of its own.
fn read_on(mut stream: TcpStream) -> JoinHandle<(Vec<u8>, std::io::Result<usize>)> {
    std::thread::spawn(move || {
        let mut bytes = vec![];
        let end = stream.read_to_end(&mut bytes);
        (bytes, end)
    })
}

#[test]
fn sigterm_tells_every_stream_to_connect_again() {
    drain(40, 40, 10);
}

/// Who asks again and again over one connection does not meet its end: every
/// request that is sent is answered, to the last.
#[test]
fn sigterm_cuts_off_nobody_who_asks_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = start(directory.path());
    let (address, bearer) = (server.address, bearer(server.address, 0));
    let poll_on = || {
        let (mut polled, request) = (0, format!("GET /v1/events?wait=1 HTTP/1.1\r\nhost: a\r\n{bearer}\r\n"));
        while let Ok(stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(PATIENCE)).expect("set");
            let mut answers = BufReader::new(&stream);
            loop {
                if (&stream).write_all(request.as_bytes()).is_err() {
                    return Err(format!("cut off while it asked, after {polled}"));
                }
                let Some(head) = read_answer(&mut answers) else { return Err(format!("cut off after {polled}")) };
                assert!(head.starts_with("HTTP/1.1 200"), "{head}");
                polled += 1;
                if head.to_ascii_lowercase().contains("\r\nconnection: close\r\n") {
                    break;
                }
            }
        }
        Ok(polled)
    };
    let pollers: Vec<_> = std::thread::scope(|scope| {
        let pollers: Vec<_> = (0..40).map(|_| scope.spawn(poll_on)).collect();
        // They ask at whole seconds, and the server ends at a half one: to let
        // in nobody new, it needs a load balancer that has looked at `/ready`.
        std::thread::sleep(Duration::from_millis(1_500));
        let status = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
        pollers.into_iter().map(|poller| poller.join().expect("no panic")).collect()
    });
    for polled in pollers {
        assert!(polled.as_ref().is_ok_and(|polled| *polled > 0), "{polled:?}");
    }
    assert_eq!(server.child.wait().expect("a child").code(), Some(0));
}

/// The head of an answer, once its body has been read too; none at the end of
/// the connection.
fn read_answer(answers: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        answers.read_line(&mut head).ok().filter(|read| *read > 0)?;
    }
    let length = head.to_ascii_lowercase().split_once("content-length: ")?.1.split_once("\r\n")?.0.parse().ok()?;
    let mut body = vec![0; length];
    answers.read_exact(&mut body).ok()?;
    Some(head)
}

/// No request is in flight then: what was upgraded has to be waited for too.
#[test]
fn sigterm_tells_web_sockets_that_are_alone() {
    drain(0, 300, 0);
}

fn drain(streams: usize, sockets: usize, polls: usize) {
    let all = streams + sockets + polls;
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = start(directory.path());
    let address = server.address;
    let bearers: Vec<_> = (0..PEOPLE).map(|number| bearer(address, number)).collect();
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let connect = |number: usize, path: &str, headers: &str| {
        let headers = &format!("{}{headers}", bearers[number % PEOPLE]);
        let stream = open(address, &format!("GET /v1/events{path} HTTP/1.1"), headers, "");
        read_on(stream.expect("connected"))
    };
    let streams: Vec<_> = (0..streams).map(|number| connect(number, "/stream", "")).collect();
    let sockets: Vec<_> = (0..sockets).map(|number| connect(number, "/ws", upgrade)).collect();
    let polls: Vec<_> = (0..polls).map(|number| connect(number, "?wait=25", "")).collect();
    std::thread::sleep(Duration::from_secs(1));
    let told = Instant::now();
    let status = Command::new("kill").args(["-TERM", &server.child.id().to_string()]).status();
    assert!(status.expect("kill runs").success());
    for stream in streams {
        let (bytes, end) = stream.join().expect("read");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("event: caught_up"), "{text}");
        let reconnect = text.contains("event: reconnect") || text.contains("event:reconnect");
        assert!(reconnect && text.contains("after_ms") && end.is_ok(), "{end:?} {text}");
    }
    for socket in sockets {
        let (bytes, end) = socket.join().expect("read");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("HTTP/1.1 101") && text.contains("caught_up"), "{text}");
        assert!(text.contains(r#""type":"reconnect""#) && end.is_ok(), "{end:?} {text}");
        // A close frame with code 1012.
        let close = bytes.windows(4).any(|frame| frame[0] == 0x88 && frame[2..] == 1012_u16.to_be_bytes());
        assert!(close, "{text}");
    }
    for poll in polls {
        let (bytes, _) = poll.join().expect("read");
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("HTTP/1.1 200") && text.contains(r#""events":[]"#), "{text}");
    }
    let status = server.child.wait().expect("a child");
    assert_eq!(status.code(), Some(0));
    assert!(told.elapsed() < DRAIN, "{:?}", told.elapsed());
    println!("{all} clients told and gone {:?} after SIGTERM", told.elapsed());
}
