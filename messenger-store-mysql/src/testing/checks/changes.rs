//! How many round trips the changes take that ride no lane, from their first
//! lock to COMMIT. The ceilings are what was reached.

use messenger_core::Messenger;
use messenger_core::conversation::Title;
use messenger_core::service::conversations::{ConversationChanges, NewGroup};
use messenger_core::service::users::{NewUser, UserChanges};
use messenger_core::user::{Bio, DisplayName, DmPolicy, Username};

use super::fixture::Fixture;
use crate::testing::recording;

/// What was sent by a change.
async fn sent<T, E: std::fmt::Debug>(change: impl Future<Output = Result<T, E>>) -> Vec<String> {
    recording::start();
    change.await.expect("done");
    recording::stop()
}

pub(crate) async fn changes_take_few_round_trips(server_url: String) {
    let (fixture, store) = Fixture::store(server_url).await;
    let messenger = Messenger::new(store.clone());
    let mut ids = vec![];
    for name in ["ada", "bob"] {
        let user = NewUser::new(Username::parse(name).expect("valid"));
        ids.push(messenger.ensure_user(user).await.expect("stored").id);
    }
    let [ada, bob] = ids[..] else { panic!("two users") };
    let title = |text| Title::parse(text).expect("valid");
    let group = NewGroup { title: title("Crew"), member_ids: Vec::new(), client_id: None };
    let group = messenger.create_group(ada, group).await.expect("made").into_view().conversation.id;
    let renamed = UserChanges {
        display_name: Some(DisplayName::parse("Ada of the Crew").expect("valid")),
        ..UserChanges::default()
    };
    let described = UserChanges { bio: Some(Some(Bio::parse("Sails.").expect("valid"))), ..UserChanges::default() };
    let open = UserChanges { dm_policy: Some(DmPolicy::Everyone), ..UserChanges::default() };
    let retitled = ConversationChanges { title: Some(title("The crew")) };
    macro_rules! expect {
        ($($what:literal, $ceiling:literal, $change:expr;)+) => {
            $(
                let trips = sent($change).await;
                assert!(trips.len() <= $ceiling, "{} took {} round trips: {trips:#?}", $what, trips.len());
            )+
        };
    }
    expect! {
        "a request", 2, messenger.request_friendship(ada, bob);
        "its acceptance", 2, messenger.accept_friend_request(bob, ada);
        "a direct conversation", 4, messenger.open_direct_conversation(ada, bob);
        "another name", 2, messenger.update_me(ada, renamed);
        "a bio", 2, messenger.update_me(ada, described);
        "another policy", 4, messenger.update_me(ada, open);
        "a new member", 5, messenger.add_member(ada, group, bob);
        "a title", 2, messenger.update_conversation(ada, group, retitled);
        "a removal", 4, messenger.remove_member(ada, group, bob);
        "the end of a friendship", 2, messenger.unfriend(ada, bob);
        "a block", 2, messenger.block(ada, bob);
        "its end", 2, messenger.unblock(ada, bob);
    }
    drop(messenger);
    store.close().await;
    fixture.drop_database().await;
}
