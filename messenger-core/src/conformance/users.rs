//! Profiles and the search for users.

use super::failure::Outcome;
use super::people::{invalid_fields, page, refusal, username};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::error::Refusal;
use crate::event::{Audience, Fact};
use crate::friendship::Relationship;
use crate::id::UserId;
use crate::service::users::{NewUser, UserChanges};
use crate::user::{AvatarUrl, Bio, DisplayName, DmPolicy, Email, PresencePolicy, UserQuery};

pub(super) const CASES: &[Case] = isolated!("users":
    ensuring_a_user_twice_makes_one,
    ensuring_a_user_of_an_id_changes_nothing_of_theirs,
    an_ensured_user_may_not_take_anothers_name,
    an_ensured_user_may_not_take_anothers_email,
    nobody_is_me_without_an_account,
    an_absent_change_stays_and_none_clears,
    a_change_that_changes_nothing_tells_nothing,
    a_change_that_others_see_is_told_to_those_who_know_the_user,
    a_change_that_only_the_user_sees_is_told_to_the_user,
    a_profile_shows_the_relationship_from_each_side,
    a_profile_counts_mutual_friends,
    ones_own_profile_is_no_relationship,
    an_unknown_profile_is_not_found,
    users_come_in_the_order_asked_each_once,
    more_than_a_hundred_ids_are_refused,
    a_search_finds_by_both_names,
    mutual_friends_of_nobody_are_not_found,
);

fn new_user(id: Option<UserId>, name: &str, email: Option<&str>) -> NewUser {
    let email = email.map(|email| Email::parse(email).expect("an email"));
    NewUser { id, username: username(name), display_name: None, email }
}

async fn ensuring_a_user_twice_makes_one(w: &World) -> Outcome {
    let once = w.messenger.ensure_user(new_user(None, "ada", Some("ada@example.org"))).await?;
    w.clock.tick();
    let twice = w.messenger.ensure_user(new_user(None, "ada", None)).await?;
    assert_eq!(once, twice);
    assert_eq!(once.display_name.as_str(), "ada", "the username, for want of another");
    Ok(())
}

async fn ensuring_a_user_of_an_id_changes_nothing_of_theirs(w: &World) -> Outcome {
    let id = Some(UserId::from_uuid(w.uuid()));
    let once = w.messenger.ensure_user(new_user(id, "ada", None)).await?;
    let twice = w.messenger.ensure_user(new_user(id, "lovelace", Some("ada@example.org"))).await?;
    assert_eq!(Some(once.id), id);
    assert_eq!(once, twice);
    Ok(())
}

async fn an_ensured_user_may_not_take_anothers_name(w: &World) -> Outcome {
    w.user("ada").await?;
    let twin = w.messenger.ensure_user(new_user(Some(UserId::from_uuid(w.uuid())), "ada", None)).await;
    assert_eq!(refusal(twin), Refusal::UsernameTaken);
    Ok(())
}

async fn an_ensured_user_may_not_take_anothers_email(w: &World) -> Outcome {
    w.messenger.ensure_user(new_user(None, "ada", Some("ada@example.org"))).await?;
    let twin = w.messenger.ensure_user(new_user(None, "bob", Some("ADA@example.org"))).await;
    assert_eq!(refusal(twin), Refusal::EmailTaken);
    Ok(())
}

async fn nobody_is_me_without_an_account(w: &World) -> Outcome {
    let nobody = UserId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.me(nobody).await), Refusal::UserNotFound);
    let changed = w.messenger.update_me(nobody, UserChanges::default()).await;
    assert_eq!(refusal(changed), Refusal::UserNotFound);
    Ok(())
}

async fn an_absent_change_stays_and_none_clears(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let at = w.clock.tick();
    let all = UserChanges {
        display_name: Some(DisplayName::parse("Ada").expect("a name")),
        bio: Some(Some(Bio::parse("counts").expect("a bio"))),
        avatar_url: Some(Some(AvatarUrl::parse("https://example.org/a.png").expect("an address"))),
        dm_policy: Some(DmPolicy::Everyone),
        presence_policy: Some(PresencePolicy::Hidden),
        findable_by_email: Some(true),
    };
    let changed = w.messenger.update_me(ada, all).await?;
    assert_eq!(changed.updated_at, at);
    assert_eq!(w.messenger.me(ada).await?, changed);
    let cleared = w.messenger.update_me(ada, UserChanges { bio: Some(None), ..UserChanges::default() }).await?;
    assert_eq!(cleared.bio, None);
    assert_eq!(cleared.avatar_url, changed.avatar_url);
    assert_eq!((cleared.dm_policy, cleared.presence_policy), (DmPolicy::Everyone, PresencePolicy::Hidden));
    assert!(cleared.findable_by_email);
    Ok(())
}

async fn a_change_that_changes_nothing_tells_nothing(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let before = w.messenger.me(ada).await?;
    w.clock.tick();
    let same = UserChanges { display_name: Some(before.display_name.clone()), ..UserChanges::default() };
    assert_eq!(w.messenger.update_me(ada, same).await?, before);
    assert_eq!(w.log_length().await?, 0);
    Ok(())
}

async fn a_change_that_others_see_is_told_to_those_who_know_the_user(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let changes = UserChanges { bio: Some(Some(Bio::parse("counts").expect("a bio"))), ..UserChanges::default() };
    w.messenger.update_me(ada, changes).await?;
    assert_eq!(w.told(Audience::Acquaintances(ada)).await?, [Fact::UserUpdated { user_id: ada }]);
    assert_eq!(w.log_length().await?, 1);
    Ok(())
}

async fn a_change_that_only_the_user_sees_is_told_to_the_user(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let changes = UserChanges { findable_by_email: Some(true), ..UserChanges::default() };
    w.messenger.update_me(ada, changes).await?;
    assert_eq!(w.told(Audience::User(ada)).await?, [Fact::UserUpdated { user_id: ada }]);
    assert_eq!(w.log_length().await?, 1);
    Ok(())
}

async fn a_profile_shows_the_relationship_from_each_side(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    assert_eq!(w.relationship(ada, bob).await?, Relationship::None);
    w.messenger.request_friendship(ada, bob).await?;
    assert_eq!(w.relationship(ada, bob).await?, Relationship::OutgoingRequest);
    assert_eq!(w.relationship(bob, ada).await?, Relationship::IncomingRequest);
    w.messenger.accept_friend_request(bob, ada).await?;
    assert_eq!(w.relationship(ada, bob).await?, Relationship::Friends);
    assert_eq!(w.relationship(bob, ada).await?, Relationship::Friends);
    w.messenger.block(ada, bob).await?;
    assert_eq!(w.relationship(ada, bob).await?, Relationship::Blocked);
    assert_eq!(w.relationship(bob, ada).await?, Relationship::None);
    Ok(())
}

async fn a_profile_counts_mutual_friends(w: &World) -> Outcome {
    let [ada, bob, cleo, dan] = w.friends(["ada", "bob", "cleo", "dan"]).await?;
    assert_eq!(w.messenger.profile(ada, bob).await?.mutual_friend_count, 2);
    w.messenger.unfriend(cleo, bob).await?;
    assert_eq!(w.messenger.profile(ada, bob).await?.mutual_friend_count, 1);
    let mutual = w.messenger.list_mutual_friends(ada, bob, page()).await?;
    assert_eq!(mutual.items.into_iter().map(|user| user.id).collect::<Vec<_>>(), [dan]);
    Ok(())
}

async fn ones_own_profile_is_no_relationship(w: &World) -> Outcome {
    let [ada, _] = w.friends(["ada", "bob"]).await?;
    let profile = w.messenger.profile(ada, ada).await?;
    assert_eq!((profile.relationship, profile.mutual_friend_count), (Relationship::None, 0));
    Ok(())
}

async fn an_unknown_profile_is_not_found(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let nobody = UserId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.profile(ada, nobody).await), Refusal::UserNotFound);
    Ok(())
}

async fn users_come_in_the_order_asked_each_once(w: &World) -> Outcome {
    let [ada, bob, cleo] = w.users(["ada", "bob", "cleo"]).await?;
    let asked = [cleo, UserId::from_uuid(w.uuid()), ada, cleo, bob, ada];
    let found = w.messenger.find_users(&asked).await?;
    assert_eq!(found.into_iter().map(|user| user.id).collect::<Vec<_>>(), [cleo, ada, bob]);
    assert_eq!(w.messenger.find_users(&[]).await?, []);
    Ok(())
}

async fn more_than_a_hundred_ids_are_refused(w: &World) -> Outcome {
    let ids: Vec<_> = (0..101).map(|_| UserId::from_uuid(w.uuid())).collect();
    assert_eq!(invalid_fields(w.messenger.find_users(&ids).await), ["ids"]);
    assert_eq!(w.messenger.find_users(&ids[..100]).await?, []);
    Ok(())
}

async fn a_search_finds_by_both_names(w: &World) -> Outcome {
    let [ada, bob] = w.users(["ada", "bob"]).await?;
    let display_name = Some(DisplayName::parse("Robert, friend of ADA").expect("a name"));
    w.messenger.update_me(bob, UserChanges { display_name, ..UserChanges::default() }).await?;
    let query = UserQuery::parse("Ada").expect("a query");
    let found = w.messenger.search_users(ada, &query, page()).await?;
    assert_eq!(found.items.into_iter().map(|user| user.id).collect::<Vec<_>>(), [ada, bob]);
    assert_eq!(found.next_cursor, None);
    Ok(())
}

async fn mutual_friends_of_nobody_are_not_found(w: &World) -> Outcome {
    let ada = w.user("ada").await?;
    let nobody = UserId::from_uuid(w.uuid());
    assert_eq!(refusal(w.messenger.list_mutual_friends(ada, nobody, page()).await), Refusal::UserNotFound);
    assert_eq!(w.clock.now(), w.messenger.me(ada).await?.created_at);
    Ok(())
}
