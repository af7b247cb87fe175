//! Two users meet and talk, through a client made by progenitor.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

use client::types::{
    DirectKind, Direction, FriendRequestByUsername, FriendRequestSent, Logout, NewDirectConversation, Problem, SignedIn,
};
use client::{ByteStream, Client, Error};
use futures_util::StreamExt as _;
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderMap};

mod client {
    progenitor::generate_api!(spec = "../../../openapi.json", interface = Builder);
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::var("MESSENGER_URL").expect("MESSENGER_URL");
    let run = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let anyone = Client::new(&url);
    let ada_signed_in = register(&anyone, &format!("ada_rs_{run}")).await;
    let bob_signed_in = register(&anyone, &format!("bob_rs_{run}")).await;
    let (ada, bob) = (signed_in(&url, &ada_signed_in), signed_in(&url, &bob_signed_in));
    let (ada_id, bob_id) = (ada_signed_in.user.id, bob_signed_in.user.id);

    // An error tells what was refused.
    let refused = anyone
        .register_user()
        .body_map(|body| body.username(format!("eve_rs_{run}")).email("no address").password("correct horse"))
        .send()
        .await;
    let problem = problem(refused, StatusCode::UNPROCESSABLE_ENTITY).await;
    assert_eq!(problem.code, "invalid_value");
    assert_eq!(problem.errors.iter().map(|one| &*one.field).collect::<Vec<_>>(), ["email"]);

    let direct = NewDirectConversation { kind: DirectKind::Direct, user_id: bob_id };
    let strangers = ada.create_conversation().body(direct.clone()).send().await;
    let problem = self::problem(strangers, StatusCode::FORBIDDEN).await;
    assert_eq!((&*problem.code, &*problem.user_ids), ("not_friends", &[bob_id][..]));

    // Friends.
    let username = bob_signed_in.user.username.parse().expect("a username");
    let asked = ada.send_friend_request().body(FriendRequestByUsername { username }).send().await.expect("sent");
    assert_eq!(asked.status(), StatusCode::CREATED);
    let FriendRequestSent::Variant0(request) = asked.into_inner() else { panic!("a request waits") };
    assert_eq!(request.addressee.id, bob_id);
    let requests = bob.list_friend_requests().direction(Direction::Incoming).send().await.expect("listed");
    assert_eq!(requests.items.iter().map(|one| one.requester.id).collect::<Vec<_>>(), [ada_id]);
    let friend = bob.accept_friend_request().user_id(ada_id).send().await.expect("accepted");
    assert_eq!(friend.user.id, ada_id);

    // A conversation.
    let opened = ada.create_conversation().body(direct).send().await.expect("opened");
    assert_eq!(opened.status(), StatusCode::CREATED);
    assert_eq!(opened.peer.as_ref().map(|peer| peer.id), Some(bob_id));
    assert!(opened.last_message.is_none());
    let conversation = opened.id;

    // A send that is repeated is the same send.
    let send = |text: &'static str| {
        ada.send_message()
            .conversation_id(conversation)
            .body_map(|body| body.body(text).client_id("hello-1".parse().map(Some).unwrap_or_default()))
            .send()
    };
    let sent = send("Hello, Bob! 👋").await.expect("sent");
    let repeated = send("Hello, Bob! 👋").await.expect("repeated");
    assert_eq!((sent.status(), repeated.status()), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!((repeated.id, repeated.seq), (sent.id, 1));
    let problem = self::problem(send("Something else").await, StatusCode::CONFLICT).await;
    assert_eq!(problem.code, "client_id_reused");

    // Unread, answered, read.
    let unread = bob.get_conversation().conversation_id(conversation).send().await.expect("found");
    assert_eq!(unread.unread_count, 1);
    assert_eq!(unread.last_message.as_ref().and_then(|last| last.body.as_deref()), Some("Hello, Bob! 👋"));
    let answer = bob
        .send_message()
        .conversation_id(conversation)
        .body_map(|body| body.body("Hello, Ada!").reply_to(sent.id))
        .send()
        .await
        .expect("sent");
    assert_eq!(answer.reply_to, Some(sent.id));
    let read = bob.mark_read().conversation_id(conversation).body_map(|body| body.seq(2)).send().await.expect("marked");
    assert_eq!((read.read_seq, read.unread_count), (2, 0));

    // The history, the same for both.
    for reader in [&ada, &bob] {
        let history = reader.list_messages().conversation_id(conversation).limit(10).send().await.expect("listed");
        let bodies = history.items.iter().map(|one| (one.seq, one.body.as_deref())).collect::<Vec<_>>();
        assert_eq!(bodies, [(1, Some("Hello, Bob! 👋")), (2, Some("Hello, Ada!"))]);
        assert!(!history.has_before);
    }

    // The session ends, and its token with it.
    let logged_out = bob.logout_user().body(Logout { refresh_token: None }).send().await.expect("logged out");
    assert_eq!(logged_out.status(), StatusCode::NO_CONTENT);
    let problem = self::problem(bob.get_me().send().await, StatusCode::UNAUTHORIZED).await;
    assert_eq!(problem.code, "invalid_token");

    println!("Rust: Ada and Bob have talked.");
}

async fn register(anyone: &Client, username: &str) -> SignedIn {
    let registered = anyone
        .register_user()
        .body_map(|body| body.username(username).email(format!("{username}@example.org")).password("correct horse"))
        .send()
        .await
        .expect("registered");
    assert_eq!(registered.status(), StatusCode::CREATED);
    assert_eq!(registered.user.username, username);
    assert!(registered.user.avatar_url.is_none());
    registered.into_inner()
}

fn signed_in(url: &str, who: &SignedIn) -> Client {
    let token = format!("Bearer {}", who.tokens.access_token).parse().expect("a header");
    let http = reqwest::Client::builder().default_headers(HeaderMap::from_iter([(AUTHORIZATION, token)]));
    Client::new_with_client(url, http.build().expect("a client"))
}

/// What the server says of a refused request. progenitor leaves the body of a
/// media type that is not `application/json` to its user.
async fn problem<T: Debug>(answer: Result<T, Error<ByteStream>>, expected: StatusCode) -> Problem {
    let Err(Error::ErrorResponse(response)) = answer else { panic!("{expected} expected, not {answer:?}") };
    assert_eq!(response.status(), expected);
    let media_type = response.headers()["content-type"].to_str().expect("ASCII").to_owned();
    assert!(media_type.starts_with("application/problem+json"), "{media_type}");
    let chunks: Vec<_> = response.into_inner().into_inner().collect().await;
    let body: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.expect("received")).collect();
    let problem: Problem = serde_json::from_slice(&body).expect("a problem");
    assert_eq!(problem.status, i64::from(expected.as_u16()));
    problem
}
