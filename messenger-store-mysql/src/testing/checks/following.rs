//! What it takes to follow the log.

use std::time::Duration;

use messenger_core::Messenger;
use messenger_core::conversation::Title;
use messenger_core::event::Fact;
use messenger_core::id::{ConversationId, MessageId, UserId};
use messenger_core::live::Update;
use messenger_core::message::MessageBody;
use messenger_core::service::conversations::NewGroup;
use messenger_core::service::messages::Draft;
use messenger_core::service::users::NewUser;
use messenger_core::user::Username;

use super::fixture::Fixture;
use crate::testing::recording;

/// How long what should happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

struct Somebody {
    id: UserId,
    group: ConversationId,
}

impl Somebody {
    /// A user, and a group of that user alone.
    async fn new(messenger: &Messenger, name: &str) -> Self {
        let username = Username::parse(name).expect("valid");
        let id = messenger.ensure_user(NewUser::new(username)).await.expect("stored").id;
        let title = Title::parse("Notes").expect("valid");
        let group = NewGroup { title, member_ids: Vec::new(), client_id: None };
        let group = messenger.create_group(id, group).await.expect("opened").into_view().conversation.id;
        Self { id, group }
    }

    async fn send(&self, messenger: &Messenger) -> MessageId {
        let draft = Draft::new(MessageBody::parse("hello").expect("valid"));
        messenger.send_message(self.id, self.group, draft).await.expect("sent").into_message().id
    }
}

/// Which of these messages were looked up by their ids.
fn looked_up(sent: &[String], messages: &[MessageId]) -> Vec<bool> {
    let look_ups: Vec<_> = sent.iter().filter(|sql| sql.contains("FROM messages m WHERE m.id IN")).collect();
    let names = |id: &MessageId| {
        let hex = id.as_uuid().simple().to_string();
        look_ups.iter().any(|sql| sql.to_lowercase().contains(&hex))
    };
    messages.iter().map(names).collect()
}

pub(crate) async fn only_what_somebody_connected_receives_is_looked_up(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let messenger = Messenger::new(store.clone());
    let (ada, eve) = (Somebody::new(&messenger, "ada").await, Somebody::new(&messenger, "eve").await);
    messenger.follow().await.expect("follows");

    recording::start();
    let unheard = [ada.send(&messenger).await, eve.send(&messenger).await];
    // Time to read the log, which is looked at ten times a second at least.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = recording::stop();
    assert!(sent.iter().any(|sql| sql.contains("FROM events")), "the log was not read: {sent:#?}");
    assert_eq!(looked_up(&sent, &unheard), [false, false], "nobody was connected: {sent:#?}");

    let cursor = messenger.cursor(ada.id).await.expect("read");
    let mut subscription = messenger.subscribe(cursor).await.expect("subscribed");
    let caught_up = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("in time").expect("an update");
    assert!(matches!(caught_up, Update::CaughtUp), "{caught_up:?}");
    recording::start();
    let messages = [eve.send(&messenger).await, ada.send(&messenger).await];
    let update = tokio::time::timeout(PATIENCE, subscription.next()).await.expect("in time").expect("an update");
    let Update::Event(delivery) = update else { panic!("{update:?}") };
    let sent = recording::stop();
    assert!(matches!(delivery.event.event.fact, Fact::MessageSent { message_id, .. } if message_id == messages[1]));
    assert_eq!(looked_up(&sent, &messages), [false, true], "ada alone was connected: {sent:#?}");

    drop((subscription, messenger));
    store.close().await;
    fixture.drop_database().await;
}
