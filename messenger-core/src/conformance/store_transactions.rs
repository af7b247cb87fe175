//! Units of work: all or nothing.

use super::failure::Outcome;
use super::rows::unique;
use super::world::World;
use super::{Case, isolated};
use crate::event::{Audience, Fact};
use crate::store::UniqueKey;

pub(super) const CASES: &[Case] = isolated!("store_transactions":
    a_store_answers_a_ping,
    a_transaction_reads_its_own_writes,
    a_transaction_that_rolled_back_leaves_nothing,
    a_transaction_that_was_dropped_leaves_nothing,
    a_transaction_that_broke_a_key_leaves_nothing,
    after_a_broken_key_the_store_goes_on,
    a_committed_transaction_shows_in_the_next,
    many_transactions_follow_one_another,
);

async fn a_store_answers_a_ping(w: &World) -> Outcome {
    w.store.ping().await?;
    Ok(())
}

async fn a_transaction_reads_its_own_writes(w: &World) -> Outcome {
    let ada = w.new_user("ada");
    let group = w.new_group(&ada);
    let mut tx = w.begin().await?;
    tx.users().insert_user(&ada).await?;
    tx.conversations().insert_conversation(&group).await?;
    let sent = w.new_message(&group, 1, &ada, "hello");
    tx.messages().insert_messages(std::slice::from_ref(&sent)).await?;
    assert_eq!(tx.users().find_user_by_username(&ada.username).await?, Some(ada));
    assert_eq!(tx.conversations().find_conversations(&[group.id]).await?, [group]);
    assert_eq!(tx.messages().find_messages(&[sent.message.id]).await?, [sent.message]);
    tx.rollback().await?;
    Ok(())
}

async fn a_transaction_that_rolled_back_leaves_nothing(w: &World) -> Outcome {
    let ada = w.new_user("ada");
    let mut tx = w.begin().await?;
    tx.users().insert_user(&ada).await?;
    tx.rollback().await?;
    assert_eq!(w.read().await?.users().find_users(&[ada.id]).await?, []);
    w.put(&[ada]).await?;
    Ok(())
}

async fn a_transaction_that_was_dropped_leaves_nothing(w: &World) -> Outcome {
    let ada = w.new_user("ada");
    let mut tx = w.begin().await?;
    tx.users().insert_user(&ada).await?;
    drop(tx);
    assert_eq!(w.read().await?.users().find_users(&[ada.id]).await?, []);
    w.put(&[ada]).await?;
    Ok(())
}

async fn a_transaction_that_broke_a_key_leaves_nothing(w: &World) -> Outcome {
    let (ada, twin) = (w.new_user("ada"), w.new_user("ada"));
    let broken = w.put(&[ada.clone(), twin]).await;
    assert_eq!(unique(broken), UniqueKey::Username);
    assert_eq!(w.read().await?.users().find_users(&[ada.id]).await?, []);
    Ok(())
}

async fn after_a_broken_key_the_store_goes_on(w: &World) -> Outcome {
    w.put_user("ada").await?;
    for _ in 0..20 {
        assert_eq!(unique(w.put(&[w.new_user("ada")]).await), UniqueKey::Username);
    }
    let bob = w.put_user("bob").await?;
    assert_eq!(w.read().await?.users().find_users(&[bob.id]).await?, [bob]);
    Ok(())
}

async fn a_committed_transaction_shows_in_the_next(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let found = w.change(async |tx| tx.users().find_users(&[ada.id]).await).await?;
    assert_eq!(found, [ada]);
    Ok(())
}

async fn many_transactions_follow_one_another(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    for _ in 0..100 {
        let fact = Fact::UserUpdated { user_id: ada.id };
        w.record(&[w.event(Audience::Acquaintances(ada.id), fact, &ada)]).await?;
    }
    assert_eq!(w.log_of(Audience::Acquaintances(ada.id)).await?.len(), 100);
    Ok(())
}
