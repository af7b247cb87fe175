//! The binary on `SQLite`, in an empty directory with an empty environment.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use messenger_tests::binary::{PASSWORD, Place};
use serde_json::{Value, json};

/// The mode of a file.
fn mode(place: &Place, file: &str) -> u32 {
    place.file(file).metadata().expect("there").permissions().mode() & 0o777
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text, not {value}"))
}

#[tokio::test]
async fn it_serves_without_being_told_anything() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let health = server.get("/health", "").await.expect("an answer");
    assert_eq!((health.status, health.body), (200, json!("UP")));
    let ada = server.register("ada").await;
    let me = server.get("/v1/me", text(&ada["tokens"]["access_token"])).await.expect("an answer");
    assert_eq!((me.status, &me.body["username"]), (200, &json!("ada")));
    for file in ["messenger.db", "messenger.db.signing-key"] {
        assert_eq!(mode(&place, file), 0o600, "{file}");
    }
    let others: Vec<_> = place.files().into_iter().filter(|file| !file.starts_with("messenger.db")).collect();
    assert!(others.is_empty(), "{others:?}");
}

#[tokio::test]
async fn the_signing_key_survives_a_restart_and_so_do_sessions() {
    let place = Place::new();
    let mut server = place.serve(&["serve", "--drain-seconds", "1"]).await;
    let ada = server.register("ada").await;
    let key = std::fs::read(place.file("messenger.db.signing-key")).expect("a key");
    server.signal("TERM");
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
    let server = place.serve(&["serve"]).await;
    assert_eq!(std::fs::read(place.file("messenger.db.signing-key")).expect("a key"), key);
    assert_eq!(mode(&place, "messenger.db.signing-key"), 0o600);
    let me = server.get("/v1/me", text(&ada["tokens"]["access_token"])).await.expect("an answer");
    assert_eq!((me.status, &me.body["id"]), (200, &ada["user"]["id"]));
    let refreshed = server.post("/v1/auth/refresh", "", json!({"refresh_token": ada["tokens"]["refresh_token"]})).await;
    assert_eq!(refreshed.expect("an answer").status, 200);
}

#[tokio::test]
async fn two_directories_have_two_signing_keys() {
    let (one, other) = (Place::new(), Place::new());
    let (first, second) = (one.serve(&[]).await, other.serve(&[]).await);
    let ada = first.register("ada").await;
    let refused = second.get("/v1/me", text(&ada["tokens"]["access_token"])).await.expect("an answer");
    assert_eq!((refused.status, &refused.body["code"]), (401, &json!("invalid_token")));
}

#[tokio::test]
async fn a_second_server_on_the_same_file_stops_with_one_line() {
    let place = Place::new();
    let mut first = place.serve(&[]).await;
    let second = place.run(&["--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(1));
    assert!(second.complaint().contains("messenger.db"), "{second:?}");
    // What only reads may run beside the server, and harms it in no way.
    assert_eq!(place.run(&["migrate", "status"]).code, Some(0));
    assert!(first.is_running());
    assert_eq!(first.get("/ready", "").await.expect("an answer").status, 200);
}

#[tokio::test]
async fn a_server_that_was_killed_leaves_nothing_in_the_way() {
    let place = Place::new();
    let mut first = place.serve(&[]).await;
    let ada = first.register("ada").await;
    first.signal("KILL");
    assert_eq!(first.ended().await, None);
    let second = place.serve(&[]).await;
    let me = second.get("/v1/me", text(&ada["tokens"]["access_token"])).await.expect("an answer");
    assert_eq!(me.status, 200);
}

/// It stops before it begins anything, with exit code 2 and one line that has
/// the word in it, and no secret.
fn refuses(place: &Place, args: &[&str], word: &str) {
    let ended = place.run(args);
    let line = ended.complaint();
    assert_eq!(ended.code, Some(2), "{args:?}: {line}");
    assert!(line.contains(word) && !line.contains("geheim"), "{args:?}: {line}");
    assert_eq!(place.files(), Vec::<String>::new(), "{args:?}: nothing was begun");
}

#[test]
fn an_argument_that_makes_no_sense_is_one_line_and_exit_code_2() {
    for (args, word) in [
        (&["--listen", "here"][..], "--listen"),
        (&["--listen"], "--listen"),
        (&["--colour", "red"], "--colour"),
        (&["--rate-limits", "maybe"], "on, off"),
        (&["--drain-seconds", "-1"], "'-1'"),
        (&["--log-format", "xml"], "text, json"),
        (&["--cors-origins", "chat.example.org"], "--cors-origins"),
        (&["--trusted-proxies", "proxy"], "--trusted-proxies"),
        (&["dance"], "dance"),
        (&["migrate", "sideways"], "sideways"),
        (&["--database-url", "postgres://ada:geheim@db/m"], "sqlite:// or mysql://"),
        (&["--database-url", "sqlite://"], "sqlite://messenger.db"),
        (&["--database-url", "mysql://ada:geheim@127.0.0.1:1/m"], "MESSENGER_SIGNING_KEYS is required"),
    ] {
        refuses(&Place::new(), args, word);
    }
}

#[test]
fn a_variable_that_makes_no_sense_is_one_line_and_exit_code_2() {
    for (variable, value, word) in [
        ("MESSENGER_LISTEN", "nowhere", "--listen"),
        ("MESSENGER_DATABASE_URL", "redis://ada:geheim@db", "sqlite:// or mysql://"),
        ("MESSENGER_RATE_LIMITS", "maybe", "--rate-limits"),
        ("MESSENGER_DRAIN_SECONDS", "soon", "--drain-seconds"),
        ("MESSENGER_LOG_FORMAT", "xml", "--log-format"),
        ("MESSENGER_SIGNING_KEYS", "geheim", "at least 32 bytes"),
        ("MESSENGER_SIGNING_KEYS", "0123456789abcdef0123456789abcdef,geheim", "at least 32 bytes"),
        ("RUST_LOG", "a=loud", "RUST_LOG"),
    ] {
        refuses(&Place::new().with(variable, value), &[], word);
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_one_line_and_exit_code_1() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let taken = server.address().to_string();
    std::fs::create_dir(place.file("directory")).expect("made");
    std::fs::write(place.file("text.db"), "not a database, however one looks at it\n".repeat(100)).expect("written");
    std::fs::write(place.file("short.db.signing-key"), "geheim\n").expect("written");
    for (args, word) in [
        (&["--listen", &taken, "--database-url", "sqlite://other.db"][..], &*taken),
        (&["--database-url", "sqlite://missing/messenger.db"], "missing/messenger.db"),
        (&["--database-url", "sqlite://directory"], "directory"),
        (&["--database-url", "sqlite://text.db"], "text.db"),
        (&["--database-url", "sqlite://short.db"], "short.db.signing-key"),
    ] {
        let ended = place.run(args);
        let line = ended.complaint();
        assert_eq!(ended.code, Some(1), "{args:?}: {line}");
        assert!(line.contains(word) && !line.contains("geheim"), "{args:?}: {line}");
    }
}

#[tokio::test]
async fn healthcheck_tells_by_its_exit_code() {
    let place = Place::new();
    let mut server = place.serve(&["--drain-seconds", "4"]).await;
    let listen = server.address().to_string();
    let check = |ready: &[&str]| place.run(&[&["healthcheck", "--listen", &listen], ready].concat());
    assert_eq!((check(&[]).code, check(&["--ready"]).code), (Some(0), Some(0)));
    server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(200)).await;
    // It drains: it is well, and takes no more requests.
    assert_eq!((check(&[]).code, check(&["--ready"]).code), (Some(0), Some(1)));
    assert_eq!(server.ended().await, Some(0));
    let ended = check(&[]);
    assert_eq!(ended.code, Some(1));
    ended.complaint();
}

/// So many log in at once that the last waits for seconds: each costs a slow
/// hash, and few are made at a time.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_when_sigterm_comes_is_answered() {
    const LOGINS: usize = 24;
    let place = Place::new();
    let mut server = place.serve(&["--rate-limits", "off", "--drain-seconds", "20"]).await;
    server.register("ada").await;
    let url = format!("http://{}/v1/auth/login", server.address());
    let (begun, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let logins: Vec<_> = (0..LOGINS)
        .map(|_| {
            let request = reqwest::Client::new().post(&url).json(&json!({"login": "ada", "password": PASSWORD}));
            let begun = begun.clone();
            tokio::spawn(async move {
                let status = request.send().await.map(|answer| answer.status().as_u16());
                begun.send(()).expect("someone listens");
                status
            })
        })
        .collect();
    // All of them are on their way once one has been answered.
    answered.recv().await.expect("an answer");
    server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let ready = server.get("/ready", "").await.expect("still answers");
    assert_eq!((ready.status, &ready.body["code"]), (503, &json!("not_ready")));
    for login in logins {
        assert_eq!(login.await.expect("no panic").expect("an answer"), 200);
    }
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
    assert!(server.log().contains("draining") && server.log().contains("stopped"), "{}", server.log());
}

#[tokio::test]
async fn who_takes_longer_than_the_drain_does_not_hold_it_up() {
    use tokio::io::AsyncWriteExt as _;
    let place = Place::new();
    let mut server = place.serve(&["--drain-seconds", "2"]).await;
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.expect("a connection");
    let head =
        b"POST /v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n";
    stream.write_all(head).await.expect("sent");
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.signal("TERM");
    let since = std::time::Instant::now();
    assert_eq!(server.ended().await, Some(0));
    assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
}

#[tokio::test]
async fn logs_hold_no_secret() {
    for (format, filter) in [("text", "info"), ("json", "info"), ("text", "trace"), ("json", "trace")] {
        let place = Place::new().with("RUST_LOG", filter).with("MESSENGER_LOG_FORMAT", format);
        let server = place.serve(&[]).await;
        let ada = server.register("ada").await;
        let tokens = &ada["tokens"];
        let login = json!({"login": "ada", "password": "a wrong guess"});
        assert_eq!(server.post("/v1/auth/login", "", login).await.expect("an answer").status, 401);
        let refresh = json!({"refresh_token": tokens["refresh_token"]});
        let refreshed = server.post("/v1/auth/refresh", "", refresh).await.expect("an answer");
        assert_eq!(refreshed.status, 200);
        let token = text(&refreshed.body["access_token"]);
        let change = json!({"current_password": PASSWORD, "new_password": "battery staple"});
        assert_eq!(server.post("/v1/auth/password", token, change).await.expect("an answer").status, 204);
        let answer = server.get(&format!("/v1/me?ticket={token}"), token).await.expect("an answer");
        assert_eq!(answer.status, 200);
        assert_eq!(server.post("/v1/auth/logout", token, json!({})).await.expect("an answer").status, 204);
        assert_eq!(server.get("/v1/me", token).await.expect("an answer").status, 401);
        let key = std::fs::read_to_string(place.file("messenger.db.signing-key")).expect("a key");
        let log = server.log();
        assert!(log.contains("/v1/auth/register") && log.contains("/v1/me"), "{log}");
        for secret in [
            PASSWORD,
            "a wrong guess",
            "battery staple",
            key.trim(),
            text(&tokens["access_token"]),
            text(&tokens["refresh_token"]),
            token,
            text(&refreshed.body["refresh_token"]),
        ] {
            assert!(!log.contains(secret), "{secret} in {format} at {filter}:\n{log}");
        }
        if format == "json" {
            let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
            let answered = lines.filter(|line| line["path"] == "/v1/me").count();
            assert_eq!(answered, 2);
        }
    }
}

#[test]
fn help_shows_every_flag_and_no_secret() {
    let place = Place::new().with("MESSENGER_DATABASE_URL", "mysql://ada:geheim@db/m");
    let help = place.with("MESSENGER_SIGNING_KEYS", "geheim").run(&["--help"]);
    assert_eq!((help.code, &*help.stderr), (Some(0), ""));
    for name in
        ["listen", "database-url", "cors-origins", "trusted-proxies", "rate-limits", "drain-seconds", "log-format"]
    {
        let variable = format!("MESSENGER_{}", name.replace('-', "_").to_uppercase());
        assert!(help.stdout.contains(&format!("--{name} ")) && help.stdout.contains(&variable), "{name}");
    }
    assert!(help.stdout.contains("MESSENGER_SIGNING_KEYS") && !help.stdout.contains("geheim"), "{}", help.stdout);
}

#[test]
fn migrations_go_up_and_down() {
    let place = Place::new();
    let migrate = |action| {
        let ended = place.run(&["migrate", action]);
        assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{ended:?}");
        ended.stdout
    };
    assert!(migrate("status").lines().all(|line| line.contains("  pending  ")));
    let all = migrate("up");
    assert!(!all.is_empty() && all.lines().all(|line| line.contains("  applied ")), "{all}");
    assert_eq!(migrate("up"), "nothing to apply\n");
    assert_eq!(migrate("status"), all);
    let mut taken_back = 0;
    loop {
        let line = migrate("down");
        if line == "nothing to take back\n" {
            break;
        }
        assert!(line.contains("  pending  "), "{line}");
        taken_back += 1;
    }
    assert_eq!(taken_back, all.lines().count());
    assert_eq!(migrate("up").lines().count(), taken_back);
}
