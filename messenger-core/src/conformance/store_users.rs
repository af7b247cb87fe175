//! Users and password hashes.

use super::failure::Outcome;
use super::rows::{first, unique};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::credential::PasswordHash;
use crate::id::UserId;
use crate::store::{StoreResult, UniqueKey};
use crate::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, PresencePolicy, User, UserQuery};

pub(super) const CASES: &[Case] = isolated!("store_users":
    a_user_reads_back_as_stored,
    a_user_without_anything_optional_reads_back,
    unknown_ids_are_left_out_and_repeated_ones_answered_once,
    no_ids_find_and_lock_nothing,
    a_thousand_ids_fit_into_one_call,
    a_user_is_found_by_username,
    a_user_is_found_by_email,
    a_taken_id_is_named,
    a_taken_username_is_named,
    a_taken_email_is_named,
    any_number_of_users_have_no_email,
    an_update_writes_all_but_id_username_and_creation,
    an_update_takes_things_away,
    an_update_to_a_taken_email_is_named,
    an_update_touches_nobody_else,
    a_renamed_user_is_searched_by_the_new_name,
    users_are_locked_in_the_order_of_their_ids,
    a_lock_answers_what_the_transaction_wrote,
    a_user_may_have_no_password,
    a_new_password_replaces_the_old_one,
);

fn email(text: &str) -> Email {
    Email::parse(text).expect("an email")
}

fn full(w: &World, username: &str) -> User {
    User {
        email: Some(email(&format!("{username}@example.org"))),
        display_name: DisplayName::parse("Ада 🦀 Lovelace").expect("a display name"),
        // NUL: stores keep what was taken before a rule.
        bio: Some(Bio::from_stored("first line\nsecond line\u{0} 'quoted' \\ \"twice\" %_".to_owned())),
        avatar_url: Some(AvatarUrl::parse("https://example.org/ada.png?size=1&x=%20").expect("an address")),
        dm_policy: DmPolicy::Everyone,
        presence_policy: PresencePolicy::Hidden,
        findable_by_email: true,
        updated_at: w.clock.tick(),
        ..w.new_user(username)
    }
}

async fn find(w: &World, id: UserId) -> StoreResult<Option<User>> {
    Ok(w.read().await?.users().find_users(&[id]).await?.pop())
}

async fn a_user_reads_back_as_stored(w: &World) -> Outcome {
    let ada = full(w, "ada");
    w.put([&ada]).await?;
    assert_eq!(find(w, ada.id).await?, Some(ada));
    Ok(())
}

async fn a_user_without_anything_optional_reads_back(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    assert_eq!(find(w, ada.id).await?, Some(ada));
    Ok(())
}

async fn unknown_ids_are_left_out_and_repeated_ones_answered_once(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let unknown = UserId::from_uuid(w.uuid());
    let mut found = w.read().await?.users().find_users(&[bob.id, ada.id, unknown, bob.id, ada.id]).await?;
    found.sort_by_key(|user| user.id);
    let mut expected = vec![ada, bob];
    expected.sort_by_key(|user| user.id);
    assert_eq!(found, expected);
    Ok(())
}

async fn no_ids_find_and_lock_nothing(w: &World) -> Outcome {
    w.put_user("ada").await?;
    assert_eq!(w.read().await?.users().find_users(&[]).await?, []);
    let locked = w.change(async |tx| tx.users().lock_users(&[]).await).await?;
    assert_eq!(locked, []);
    Ok(())
}

async fn a_thousand_ids_fit_into_one_call(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut ids: Vec<_> = (0..1_000).map(|_| UserId::from_uuid(w.uuid())).collect();
    ids.push(ada.id);
    assert_eq!(w.read().await?.users().find_users(&ids).await?, [ada]);
    Ok(())
}

async fn a_user_is_found_by_username(w: &World) -> Outcome {
    let [_, bob] = w.put_users(["ada", "bob"]).await?;
    let nobody = w.new_user("bobby").username;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.users().find_user_by_username(&bob.username).await?, Some(bob));
    assert_eq!(snapshot.users().find_user_by_username(&nobody).await?, None);
    Ok(())
}

async fn a_user_is_found_by_email(w: &World) -> Outcome {
    let ada = full(w, "ada");
    w.put(&[ada.clone(), w.new_user("bob")]).await?;
    let unknown = email("da@example.org");
    let mut snapshot = w.read().await?;
    let known = ada.email.clone().expect("ada has one");
    assert_eq!(snapshot.users().find_user_by_email(&known).await?, Some(ada));
    assert_eq!(snapshot.users().find_user_by_email(&unknown).await?, None);
    Ok(())
}

async fn a_taken_id_is_named(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let twin = User { id: ada.id, ..w.new_user("twin") };
    assert_eq!(unique(w.put(&[twin]).await), UniqueKey::UserId);
    Ok(())
}

async fn a_taken_username_is_named(w: &World) -> Outcome {
    w.put_user("ada").await?;
    let twin = w.new_user("ada");
    assert_eq!(unique(w.put([&twin]).await), UniqueKey::Username);
    assert_eq!(find(w, twin.id).await?, None);
    Ok(())
}

async fn a_taken_email_is_named(w: &World) -> Outcome {
    let ada = full(w, "ada");
    w.put([&ada]).await?;
    let twin = User { email: ada.email, ..w.new_user("twin") };
    assert_eq!(unique(w.put(&[twin]).await), UniqueKey::Email);
    Ok(())
}

async fn any_number_of_users_have_no_email(w: &World) -> Outcome {
    let users = w.put_users(["ada", "bob", "cleo"]).await?;
    let ids = users.map(|user| user.id);
    assert_eq!(w.read().await?.users().find_users(&ids).await?.len(), 3);
    Ok(())
}

async fn an_update_writes_all_but_id_username_and_creation(w: &World) -> Outcome {
    let before = w.put_user("ada").await?;
    let after = User { id: before.id, ..full(w, "lovelace") };
    w.change(async |tx| tx.users().update_user(&before, &after).await).await?;
    let expected = User { username: before.username, created_at: before.created_at, ..after };
    assert_eq!(find(w, before.id).await?, Some(expected));
    Ok(())
}

async fn an_update_takes_things_away(w: &World) -> Outcome {
    let before = full(w, "ada");
    w.put([&before]).await?;
    let after = User { email: None, bio: None, avatar_url: None, findable_by_email: false, ..before.clone() };
    w.change(async |tx| tx.users().update_user(&before, &after).await).await?;
    assert_eq!(find(w, after.id).await?, Some(after));
    Ok(())
}

async fn an_update_to_a_taken_email_is_named(w: &World) -> Outcome {
    let (ada, bob) = (full(w, "ada"), full(w, "bob"));
    w.put([&ada, &bob]).await?;
    let thief = User { email: ada.email, ..bob.clone() };
    let stolen = w.change(async |tx| tx.users().update_user(&bob, &thief).await).await;
    assert_eq!(unique(stolen), UniqueKey::Email);
    assert_eq!(find(w, bob.id).await?, Some(bob));
    Ok(())
}

async fn an_update_touches_nobody_else(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let after = User { dm_policy: DmPolicy::Everyone, presence_policy: PresencePolicy::Hidden, ..ada.clone() };
    w.change(async |tx| tx.users().update_user(&ada, &after).await).await?;
    assert_eq!(find(w, bob.id).await?, Some(bob));
    Ok(())
}

async fn a_renamed_user_is_searched_by_the_new_name(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let renamed = User { display_name: DisplayName::parse("COUNTESS").expect("a display name"), ..ada.clone() };
    w.change(async |tx| tx.users().update_user(&ada, &renamed).await).await?;
    let query = UserQuery::parse("countess").expect("a query");
    assert_eq!(w.read().await?.users().search_users(&query, first(10)).await?.items, [renamed]);
    Ok(())
}

async fn users_are_locked_in_the_order_of_their_ids(w: &World) -> Outcome {
    let mut users = w.put_users(["ada", "bob", "cleo"]).await?;
    users.sort_by_key(|user| user.id);
    let [low, middle, high] = users.clone().map(|user| user.id);
    let ids = [high, low, UserId::from_uuid(w.uuid()), middle, low, high];
    let locked = w.change(async |tx| tx.users().lock_users(&ids).await).await?;
    assert_eq!(locked, users);
    Ok(())
}

async fn a_lock_answers_what_the_transaction_wrote(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let changed = User { dm_policy: DmPolicy::Everyone, ..ada.clone() };
    let locked = w
        .change(async |tx| {
            tx.users().update_user(&ada, &changed).await?;
            tx.users().lock_users(&[changed.id]).await
        })
        .await?;
    assert_eq!(locked, [changed]);
    Ok(())
}

async fn a_user_may_have_no_password(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let hash = PasswordHash::from_stored("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".to_owned());
    w.change(async |tx| tx.credentials().put_password_hash(ada.id, &hash, w.clock.now()).await).await?;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.credentials().find_password_hash(ada.id).await?, Some(hash));
    assert_eq!(snapshot.credentials().find_password_hash(bob.id).await?, None);
    Ok(())
}

async fn a_new_password_replaces_the_old_one(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let hashes = ["old", "new"].map(|text| PasswordHash::from_stored(format!("$argon2id${text}")));
    for hash in &hashes {
        w.change(async |tx| tx.credentials().put_password_hash(ada.id, hash, w.clock.tick()).await).await?;
    }
    let [_, new] = hashes;
    assert_eq!(w.read().await?.credentials().find_password_hash(ada.id).await?, Some(new));
    Ok(())
}
