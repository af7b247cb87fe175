//! Two people talk inside one program: no HTTP, no server, no passwords. Run it
//! twice, and the second conversation goes on from the first.
//!
//! `cargo run --package messenger-embed`

use messenger_core::Messenger;
use messenger_core::friendship::Relationship;
use messenger_core::message::MessageBody;
use messenger_core::page::Limit;
use messenger_core::service::history::HistoryAt;
use messenger_core::service::messages::Draft;
use messenger_core::service::users::NewUser;
use messenger_core::user::Username;
use messenger_store_sqlite::SqliteStore;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let messenger = Messenger::new(SqliteStore::open("embed.db").await?);

    let ada = messenger.ensure_user(NewUser::new(Username::parse("ada")?)).await?.id;
    let bob = messenger.ensure_user(NewUser::new(Username::parse("bob")?)).await?.id;
    if messenger.profile(ada, bob).await?.relationship != Relationship::Friends {
        messenger.request_friendship(ada, bob).await?;
        messenger.accept_friend_request(bob, ada).await?;
    }

    let direct = messenger.open_direct_conversation(ada, bob).await?.into_view().conversation.id;
    messenger.send_message(ada, direct, Draft::new(MessageBody::parse("Hello Bob!")?)).await?;
    messenger.send_message(bob, direct, Draft::new(MessageBody::parse("Hello Ada!")?)).await?;

    for message in messenger.list_messages(bob, direct, HistoryAt::Latest, Limit::DEFAULT).await?.items {
        let sender = if message.sender_id == ada { "Ada" } else { "Bob" };
        let body = message.body.as_ref().map_or("(deleted)", MessageBody::as_str);
        println!("{:>3} {sender}: {body}", message.seq.get());
    }

    let seen = messenger.conversation(bob, direct).await?;
    println!("Bob has {} unread", seen.unread_count);
    let read = messenger.mark_read(bob, direct, seen.conversation.last_seq).await?;
    println!("Bob has {} unread", read.unread_count);
    Ok(())
}
