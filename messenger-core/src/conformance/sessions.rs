//! Sessions: refreshing, ending, changing the password.

use std::time::Duration;

use super::accounts::{PASSWORD, log_in, register, viewer};
use super::failure::Outcome;
use super::people::{page, refusal};
use super::world::World;
use super::{Case, isolated};
use crate::credential::Password;
use crate::error::Refusal;
use crate::event::{Audience, Fact};
use crate::session::{ACCESS_TOKEN_LIFETIME, RefreshToken, SESSION_LIFETIME};

pub(super) const CASES: &[Case] = isolated!("sessions":
    a_refresh_goes_on_with_the_same_session,
    a_spent_token_whose_successor_is_unused_gets_another,
    a_spent_token_whose_successor_was_used_ends_the_session,
    a_second_successor_ends_the_session_once_the_first_was_used,
    an_unknown_refresh_token_is_refused,
    an_access_token_expires,
    a_session_that_is_not_refreshed_expires,
    a_refresh_prolongs_the_session,
    a_logged_out_session_is_refused_at_once,
    a_logout_by_refresh_token_ends_the_session,
    a_logout_with_an_unknown_token_is_no_error,
    a_session_is_ended_from_another,
    anothers_session_does_not_exist,
    all_other_sessions_are_ended,
    a_changed_password_ends_other_sessions,
    a_wrong_current_password_changes_nothing,
    every_end_is_told_to_the_user,
    expired_sessions_are_purged,
);

async fn a_refresh_goes_on_with_the_same_session(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    let before = viewer(w, &signed_in).await?;
    let tokens = w.messenger.refresh(&signed_in.tokens.refresh_token).await?;
    assert_eq!(tokens.expires_in, ACCESS_TOKEN_LIFETIME);
    assert_ne!(tokens.refresh_token, signed_in.tokens.refresh_token);
    assert_eq!(w.messenger.authenticate(&tokens.access_token).await?, before);
    Ok(())
}

async fn a_spent_token_whose_successor_is_unused_gets_another(w: &World) -> Outcome {
    let first = register(w, "ada").await?.tokens.refresh_token;
    let lost = w.messenger.refresh(&first).await?.refresh_token;
    let second = w.messenger.refresh(&first).await?.refresh_token;
    assert_ne!(lost, second);
    let third = w.messenger.refresh(&second).await?;
    w.messenger.authenticate(&third.access_token).await?;
    Ok(())
}

async fn a_spent_token_whose_successor_was_used_ends_the_session(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    let first = &signed_in.tokens.refresh_token;
    let second = w.messenger.refresh(first).await?.refresh_token;
    let third = w.messenger.refresh(&second).await?;
    assert_eq!(refusal(w.messenger.refresh(first).await), Refusal::RefreshTokenReused);
    assert_eq!(refusal(w.messenger.refresh(&third.refresh_token).await), Refusal::InvalidRefreshToken);
    assert_eq!(refusal(w.messenger.authenticate(&third.access_token).await), Refusal::InvalidToken);
    assert_eq!(refusal(w.messenger.refresh(first).await), Refusal::InvalidRefreshToken, "all of it is gone");
    Ok(())
}

/// Or two who hold copies of one token could go on for good, each with a line of
/// successors of their own.
async fn a_second_successor_ends_the_session_once_the_first_was_used(w: &World) -> Outcome {
    for used in 0..3 {
        let first = register(w, &format!("ada{used}")).await?.tokens.refresh_token;
        let mut successors = vec![];
        for _ in 0..3 {
            successors.push(w.messenger.refresh(&first).await?.refresh_token);
        }
        let used = successors.swap_remove(used);
        let tokens = w.messenger.refresh(&used).await?;
        // Its own answer may be lost too.
        let again = w.messenger.refresh(&used).await?;
        w.messenger.authenticate(&again.access_token).await?;
        assert_eq!(refusal(w.messenger.refresh(&successors[0]).await), Refusal::RefreshTokenReused);
        assert_eq!(refusal(w.messenger.refresh(&again.refresh_token).await), Refusal::InvalidRefreshToken);
        assert_eq!(refusal(w.messenger.authenticate(&tokens.access_token).await), Refusal::InvalidToken);
    }
    Ok(())
}

async fn an_unknown_refresh_token_is_refused(w: &World) -> Outcome {
    register(w, "ada").await?;
    for text in ["", "x", "' OR 1=1", &"A".repeat(43)] {
        let presented = RefreshToken::presented(text);
        assert_eq!(refusal(w.messenger.refresh(&presented).await), Refusal::InvalidRefreshToken, "{text:?}");
    }
    Ok(())
}

async fn an_access_token_expires(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    let moment = Duration::from_secs(1);
    w.clock.advance(ACCESS_TOKEN_LIFETIME.saturating_sub(moment));
    viewer(w, &signed_in).await?;
    w.clock.advance(moment);
    assert_eq!(refusal(viewer(w, &signed_in).await), Refusal::InvalidToken);
    w.messenger.refresh(&signed_in.tokens.refresh_token).await?;
    Ok(())
}

async fn a_session_that_is_not_refreshed_expires(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    w.clock.advance(SESSION_LIFETIME);
    let refreshed = w.messenger.refresh(&signed_in.tokens.refresh_token).await;
    assert_eq!(refusal(refreshed), Refusal::InvalidRefreshToken);
    let fresh = log_in(w, "ada", PASSWORD).await?;
    let listed = w.messenger.list_sessions(&viewer(w, &fresh).await?, page()).await?;
    assert_eq!(listed.items.len(), 1, "an expired one is not listed");
    Ok(())
}

async fn a_refresh_prolongs_the_session(w: &World) -> Outcome {
    let mut token = register(w, "ada").await?.tokens.refresh_token;
    for _ in 0..3 {
        w.clock.advance(SESSION_LIFETIME.saturating_sub(Duration::from_millis(1)));
        token = w.messenger.refresh(&token).await?.refresh_token;
    }
    Ok(())
}

async fn a_logged_out_session_is_refused_at_once(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    let session = viewer(w, &signed_in).await?;
    w.messenger.logout(&session).await?;
    assert_eq!(refusal(viewer(w, &signed_in).await), Refusal::InvalidToken);
    let refreshed = w.messenger.refresh(&signed_in.tokens.refresh_token).await;
    assert_eq!(refusal(refreshed), Refusal::InvalidRefreshToken);
    w.messenger.logout(&session).await?;
    Ok(())
}

async fn a_logout_by_refresh_token_ends_the_session(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    let spent = signed_in.tokens.refresh_token.clone();
    let tokens = w.messenger.refresh(&spent).await?;
    w.messenger.logout_with_refresh_token(&spent).await?;
    assert_eq!(refusal(w.messenger.authenticate(&tokens.access_token).await), Refusal::InvalidToken);
    Ok(())
}

async fn a_logout_with_an_unknown_token_is_no_error(w: &World) -> Outcome {
    let signed_in = register(w, "ada").await?;
    w.messenger.logout_with_refresh_token(&RefreshToken::presented("unknown")).await?;
    viewer(w, &signed_in).await?;
    Ok(())
}

async fn a_session_is_ended_from_another(w: &World) -> Outcome {
    let (lost, here) = (register(w, "ada").await?, log_in(w, "ada", PASSWORD).await?);
    let session = viewer(w, &here).await?;
    let lost_id = viewer(w, &lost).await?.session_id;
    w.messenger.end_session(&session, lost_id).await?;
    assert_eq!(refusal(viewer(w, &lost).await), Refusal::InvalidToken);
    viewer(w, &here).await?;
    assert_eq!(refusal(w.messenger.end_session(&session, lost_id).await), Refusal::SessionNotFound);
    Ok(())
}

async fn anothers_session_does_not_exist(w: &World) -> Outcome {
    let (ada, bob) = (register(w, "ada").await?, register(w, "bob").await?);
    let (session, theirs) = (viewer(w, &ada).await?, viewer(w, &bob).await?);
    assert_eq!(refusal(w.messenger.end_session(&session, theirs.session_id).await), Refusal::SessionNotFound);
    viewer(w, &bob).await?;
    Ok(())
}

async fn all_other_sessions_are_ended(w: &World) -> Outcome {
    let here = register(w, "ada").await?;
    let others = [log_in(w, "ada", PASSWORD).await?, log_in(w, "ada", PASSWORD).await?];
    let bob = register(w, "bob").await?;
    w.messenger.end_other_sessions(&viewer(w, &here).await?).await?;
    for other in &others {
        assert_eq!(refusal(viewer(w, other).await), Refusal::InvalidToken);
    }
    viewer(w, &here).await?;
    viewer(w, &bob).await?;
    Ok(())
}

async fn a_changed_password_ends_other_sessions(w: &World) -> Outcome {
    let (here, other) = (register(w, "ada").await?, log_in(w, "ada", PASSWORD).await?);
    let new = Password::parse("another long password").expect("a password");
    w.messenger.change_password(&viewer(w, &here).await?, &Password::attempt(PASSWORD), &new).await?;
    viewer(w, &here).await?;
    assert_eq!(refusal(viewer(w, &other).await), Refusal::InvalidToken);
    assert_eq!(refusal(log_in(w, "ada", PASSWORD).await), Refusal::InvalidCredentials);
    log_in(w, "ada", "another long password").await?;
    Ok(())
}

async fn a_wrong_current_password_changes_nothing(w: &World) -> Outcome {
    let (here, other) = (register(w, "ada").await?, log_in(w, "ada", PASSWORD).await?);
    let new = Password::parse("another long password").expect("a password");
    let session = viewer(w, &here).await?;
    let changed = w.messenger.change_password(&session, &Password::attempt("a wrong one"), &new).await;
    assert_eq!(refusal(changed), Refusal::WrongPassword);
    viewer(w, &other).await?;
    log_in(w, "ada", PASSWORD).await?;
    Ok(())
}

async fn every_end_is_told_to_the_user(w: &World) -> Outcome {
    let (first, second) = (register(w, "ada").await?, log_in(w, "ada", PASSWORD).await?);
    let (first, second) = (viewer(w, &first).await?, viewer(w, &second).await?);
    w.messenger.end_session(&first, second.session_id).await?;
    w.messenger.logout(&first).await?;
    let ended = [second, first].map(|session| Fact::SessionEnded { session_id: session.session_id });
    assert_eq!(w.told(Audience::User(first.user_id)).await?, ended);
    Ok(())
}

async fn expired_sessions_are_purged(w: &World) -> Outcome {
    let old = register(w, "ada").await?;
    w.clock.advance(SESSION_LIFETIME / 2);
    let young = register(w, "bob").await?;
    let young_token = young.tokens.refresh_token.clone();
    w.clock.advance(SESSION_LIFETIME / 2);
    assert_eq!(w.messenger.purge_expired_sessions().await?, 1);
    assert_eq!(w.messenger.purge_expired_sessions().await?, 0);
    assert_eq!(refusal(w.messenger.refresh(&old.tokens.refresh_token).await), Refusal::InvalidRefreshToken);
    w.messenger.refresh(&young_token).await?;
    Ok(())
}
