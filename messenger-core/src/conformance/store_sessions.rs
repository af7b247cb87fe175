//! Sessions and refresh tokens.

use std::time::Duration;

use super::failure::Outcome;
use super::rows::{first, unique, walk};
use super::world::World;
use super::{Case, isolated};
use crate::clock::Clock as _;
use crate::id::SessionId;
use crate::session::{DeviceName, RefreshTokenHash, SESSION_LIFETIME, Session, StoredRefreshToken};
use crate::store::{StoreResult, UniqueKey};
use crate::user::User;

pub(super) const CASES: &[Case] = isolated!("store_sessions":
    a_session_reads_back_as_stored,
    an_unknown_session_is_none,
    a_taken_id_is_refused,
    sessions_are_listed_latest_first_for_their_user,
    an_expired_session_is_found_and_not_listed,
    sessions_of_one_millisecond_page_by_id,
    an_update_writes_times_and_generation,
    a_locked_session_is_answered_as_it_is,
    all_sessions_of_a_user_are_locked_in_the_order_of_their_ids,
    a_refresh_token_is_found_by_its_hash,
    a_refresh_token_is_stored_once,
    siblings_of_a_spent_token_fall_a_generation_behind,
    a_deleted_session_takes_its_tokens_along,
    expired_sessions_are_found_up_to_a_limit,
);

fn new_session(w: &World, user: &User) -> Session {
    let now = w.clock.now();
    Session {
        id: SessionId::from_uuid(w.uuid()),
        user_id: user.id,
        device_name: None,
        created_at: now,
        refreshed_at: now,
        expires_at: now.after(SESSION_LIFETIME),
        spent_generation: 0,
    }
}

async fn put(w: &World, sessions: &[Session]) -> StoreResult<()> {
    w.change(async |tx| {
        for session in sessions {
            tx.sessions().insert_session(session).await?;
        }
        Ok(())
    })
    .await
}

async fn put_one(w: &World, user: &User) -> StoreResult<Session> {
    let session = new_session(w, user);
    put(w, std::slice::from_ref(&session)).await?;
    Ok(session)
}

async fn find(w: &World, id: SessionId) -> StoreResult<Option<Session>> {
    w.read().await?.sessions().find_session(id).await
}

fn token(session: &Session, byte: u8, generation: i64) -> StoredRefreshToken {
    StoredRefreshToken { hash: RefreshTokenHash::from_stored([byte; 32]), session_id: session.id, generation }
}

async fn put_tokens(w: &World, tokens: &[StoredRefreshToken]) -> StoreResult<()> {
    w.change(async |tx| {
        for token in tokens {
            tx.sessions().insert_refresh_token(token).await?;
        }
        Ok(())
    })
    .await
}

async fn a_session_reads_back_as_stored(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let session = Session {
        device_name: Some(DeviceName::parse(&"🦀".repeat(64)).expect("a device name")),
        refreshed_at: w.clock.tick(),
        spent_generation: 12,
        ..new_session(w, &ada)
    };
    put(w, std::slice::from_ref(&session)).await?;
    assert_eq!(find(w, session.id).await?, Some(session));
    Ok(())
}

async fn an_unknown_session_is_none(w: &World) -> Outcome {
    let id = SessionId::from_uuid(w.uuid());
    assert_eq!(find(w, id).await?, None);
    assert_eq!(w.change(async |tx| tx.sessions().lock_session(id).await).await?, None);
    w.change(async |tx| tx.sessions().delete_sessions(&[id]).await).await?;
    w.change(async |tx| tx.sessions().delete_sessions(&[]).await).await?;
    Ok(())
}

async fn a_taken_id_is_refused(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let session = put_one(w, &ada).await?;
    assert_eq!(unique(put(w, &[session]).await), UniqueKey::Other);
    Ok(())
}

async fn sessions_are_listed_latest_first_for_their_user(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let old = put_one(w, &ada).await?;
    w.clock.tick();
    let new = put_one(w, &ada).await?;
    put_one(w, &bob).await?;
    let rows = w.read().await?.sessions().list_sessions(ada.id, w.clock.now(), first(9)).await?;
    assert_eq!(rows.items, [new, old]);
    Ok(())
}

async fn an_expired_session_is_found_and_not_listed(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let session = put_one(w, &ada).await?;
    w.clock.advance(SESSION_LIFETIME.saturating_sub(Duration::from_millis(1)));
    let mut snapshot = w.read().await?;
    let just_before = snapshot.sessions().list_sessions(ada.id, w.clock.now(), first(9)).await?;
    assert_eq!(just_before.items, std::slice::from_ref(&session));
    let at_its_end = snapshot.sessions().list_sessions(ada.id, w.clock.tick(), first(9)).await?;
    assert_eq!(at_its_end.items, []);
    assert_eq!(snapshot.sessions().find_session(session.id).await?, Some(session));
    Ok(())
}

async fn sessions_of_one_millisecond_page_by_id(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let mut sessions: Vec<_> = (0..5).map(|_| new_session(w, &ada)).collect();
    put(w, &sessions).await?;
    sessions.sort_by_key(|session| std::cmp::Reverse(session.id));
    for limit in 1..=6 {
        let now = w.clock.now();
        let read = async |slice| w.read().await?.sessions().list_sessions(ada.id, now, slice).await;
        assert_eq!(walk(limit, read).await?, sessions, "in pages of {limit}");
    }
    Ok(())
}

async fn an_update_writes_times_and_generation(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let before = put_one(w, &ada).await?;
    let untouched = put_one(w, &ada).await?;
    let now = w.clock.tick();
    let after = Session { refreshed_at: now, expires_at: now.after(SESSION_LIFETIME), spent_generation: 3, ..before };
    let device_name = Some(DeviceName::parse("another").expect("a device name"));
    let given = Session { device_name, created_at: now, ..after.clone() };
    w.change(async |tx| tx.sessions().update_session(&given).await).await?;
    assert_eq!(find(w, after.id).await?, Some(after));
    assert_eq!(find(w, untouched.id).await?, Some(untouched));
    Ok(())
}

async fn a_locked_session_is_answered_as_it_is(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let session = put_one(w, &ada).await?;
    let locked = w.change(async |tx| tx.sessions().lock_session(session.id).await).await?;
    assert_eq!(locked, Some(session));
    Ok(())
}

async fn all_sessions_of_a_user_are_locked_in_the_order_of_their_ids(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let mut sessions: Vec<_> = (0..4).map(|_| new_session(w, &ada)).collect();
    sessions[0].expires_at = w.clock.now();
    put(w, &sessions).await?;
    put_one(w, &bob).await?;
    sessions.sort_by_key(|session| session.id);
    let locked = w.change(async |tx| tx.sessions().lock_sessions_of(ada.id).await).await?;
    assert_eq!(locked, sessions);
    Ok(())
}

async fn a_refresh_token_is_found_by_its_hash(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let session = put_one(w, &ada).await?;
    let tokens = [token(&session, 0, 1), token(&session, 0xff, 2), token(&session, b'a', 2)];
    put_tokens(w, &tokens).await?;
    let mut snapshot = w.read().await?;
    for token in tokens {
        assert_eq!(snapshot.sessions().find_refresh_token(&token.hash).await?, Some(token));
    }
    let unknown = RefreshTokenHash::from_stored([b'A'; 32]);
    assert_eq!(snapshot.sessions().find_refresh_token(&unknown).await?, None);
    Ok(())
}

async fn a_refresh_token_is_stored_once(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let session = put_one(w, &ada).await?;
    put_tokens(w, &[token(&session, 1, 1)]).await?;
    assert_eq!(unique(put_tokens(w, &[token(&session, 1, 2)]).await), UniqueKey::Other);
    Ok(())
}

async fn siblings_of_a_spent_token_fall_a_generation_behind(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (session, other) = (put_one(w, &ada).await?, put_one(w, &ada).await?);
    let spent = token(&session, 2, 2);
    let (older, newer) = (token(&session, 1, 1), token(&session, 5, 3));
    let siblings = [token(&session, 3, 2), token(&session, 4, 2)];
    let elsewhere = token(&other, 6, 2);
    put_tokens(w, &[older, spent, siblings[0], siblings[1], newer, elsewhere]).await?;
    w.change(async |tx| tx.sessions().outdate_siblings(&spent).await).await?;
    let behind = siblings.map(|sibling| StoredRefreshToken { generation: 1, ..sibling });
    let mut snapshot = w.read().await?;
    for expected in [older, spent, behind[0], behind[1], newer, elsewhere] {
        assert_eq!(snapshot.sessions().find_refresh_token(&expected.hash).await?, Some(expected));
    }
    Ok(())
}

async fn a_deleted_session_takes_its_tokens_along(w: &World) -> Outcome {
    let ada = w.put_user("ada").await?;
    let (gone, also_gone, stays) = (put_one(w, &ada).await?, put_one(w, &ada).await?, put_one(w, &ada).await?);
    let tokens = [token(&gone, 1, 1), token(&gone, 2, 2), token(&also_gone, 3, 1), token(&stays, 4, 1)];
    put_tokens(w, &tokens).await?;
    w.change(async |tx| tx.sessions().delete_sessions(&[gone.id, also_gone.id]).await).await?;
    let mut snapshot = w.read().await?;
    assert_eq!(snapshot.sessions().find_session(gone.id).await?, None);
    assert_eq!(snapshot.sessions().find_session(also_gone.id).await?, None);
    assert_eq!(snapshot.sessions().find_session(stays.id).await?, Some(stays));
    for token in &tokens[..3] {
        assert_eq!(snapshot.sessions().find_refresh_token(&token.hash).await?, None);
    }
    assert_eq!(snapshot.sessions().find_refresh_token(&tokens[3].hash).await?, Some(tokens[3]));
    Ok(())
}

async fn expired_sessions_are_found_up_to_a_limit(w: &World) -> Outcome {
    let [ada, bob] = w.put_users(["ada", "bob"]).await?;
    let now = w.clock.now();
    let expiring = |user, expires_at| Session { expires_at, ..new_session(w, user) };
    let living = expiring(&ada, now.after(Duration::from_millis(1)));
    let dead = [expiring(&ada, now), expiring(&bob, now), expiring(&bob, now)];
    put(w, &dead).await?;
    put(w, &[living]).await?;
    let mut snapshot = w.read().await?;
    let mut found = snapshot.sessions().find_expired_sessions(now, 10).await?;
    found.sort_by_key(|session| session.id);
    let mut expected = dead.to_vec();
    expected.sort_by_key(|session| session.id);
    assert_eq!(found, expected);
    assert_eq!(snapshot.sessions().find_expired_sessions(now, 2).await?.len(), 2);
    Ok(())
}
