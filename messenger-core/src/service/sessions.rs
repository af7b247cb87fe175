//! A user's sessions: seeing them, ending them, changing the password.

use crate::Messenger;
use crate::change::Change;
use crate::credential::Password;
use crate::error::{Refusal, Result};
use crate::id::{SessionId, UserId};
use crate::page::{ListScope, Page, PageRequest};
use crate::password::Verdict;
use crate::service::auth::end_session;
use crate::session::{RefreshToken, Session, StoredTicket, TICKET_LIFETIME, Ticket};
use crate::token::Viewer;

/// How many expired sessions one transaction ends.
const PURGE_BATCH: u32 = 100;

impl Messenger {
    /// The viewer's sessions, latest first.
    pub async fn list_sessions(&self, viewer: &Viewer, page: PageRequest) -> Result<Page<Session>> {
        let scope = ListScope::new("sessions", &[viewer.user_id.as_uuid().as_bytes()]);
        let slice = scope.slice(&page)?;
        let now = self.inner.clock.now();
        let rows = self.read_latest().await?.sessions().list_sessions(viewer.user_id, now, slice).await?;
        Ok(scope.page(rows, |session| session))
    }

    /// Ends the viewer's present session.
    pub async fn logout(&self, viewer: &Viewer) -> Result<()> {
        match self.end_session(viewer, viewer.session_id).await {
            Err(crate::Error::Refused(Refusal::SessionNotFound)) => Ok(()),
            ended => ended,
        }
    }

    /// Ends the session of a refresh token, spent or not. An unknown token has
    /// no session to end, which is what was asked for.
    pub async fn logout_with_refresh_token(&self, presented: &RefreshToken) -> Result<()> {
        let hash = &presented.hash();
        self.transact(|mut change| async move {
            let Some(token) = change.sessions().find_refresh_token(hash).await? else {
                return change.done(());
            };
            if let Some(session) = change.sessions().lock_session(token.session_id).await? {
                end_session(&mut change, &session).await?;
            }
            change.done(())
        })
        .await
    }

    /// Ends one of the viewer's sessions; another's is as if it did not exist.
    pub async fn end_session(&self, viewer: &Viewer, id: SessionId) -> Result<()> {
        self.transact(|mut change| async move {
            let session = change.sessions().lock_session(id).await?;
            let session = session.filter(|session| session.user_id == viewer.user_id);
            end_session(&mut change, &session.ok_or(Refusal::SessionNotFound)?).await?;
            change.done(())
        })
        .await
    }

    /// A ticket that opens one connection in the viewer's session, on any node,
    /// within [`TICKET_LIFETIME`].
    pub async fn issue_ticket(&self, viewer: &Viewer) -> Result<Ticket> {
        let ticket = Ticket::generate(&*self.inner.ids);
        let hash = ticket.hash();
        self.transact(|mut change| async move {
            let session = change.sessions().lock_session(viewer.session_id).await?;
            let session_id = session.ok_or(Refusal::InvalidToken)?.id;
            let expires_at = change.now().after(TICKET_LIFETIME);
            change.sessions().insert_ticket(&StoredTicket { hash, session_id, expires_at }).await?;
            change.done(())
        })
        .await?;
        Ok(ticket)
    }

    /// Whose ticket it is. It is spent by this, whatever the answer.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidTicket`] for everything that can be wrong with it.
    pub async fn redeem_ticket(&self, presented: &Ticket) -> Result<Viewer> {
        let hash = &presented.hash();
        let viewer = self
            .transact(|mut change| async move {
                let now = change.now();
                let ticket = change.sessions().take_ticket(hash).await?.filter(|ticket| ticket.expires_at > now);
                let session = match ticket {
                    Some(ticket) => change.sessions().find_session(ticket.session_id).await?,
                    None => None,
                };
                let session = session.filter(|session| !session.is_expired(now));
                change.done(session.map(|session| Viewer { user_id: session.user_id, session_id: session.id }))
            })
            .await?;
        Ok(viewer.ok_or(Refusal::InvalidTicket)?)
    }

    /// Ends all of the viewer's sessions but the present one.
    pub async fn end_other_sessions(&self, viewer: &Viewer) -> Result<()> {
        self.transact(|mut change| async move {
            change.users().lock_users(&[viewer.user_id]).await?;
            end_sessions_of(&mut change, viewer.user_id, viewer.session_id).await?;
            change.done(())
        })
        .await
    }

    /// Changes the viewer's password and ends all other sessions.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongPassword`], also for a user without one.
    pub async fn change_password(&self, viewer: &Viewer, current: &Password, new: &Password) -> Result<()> {
        let stored = self.read_latest().await?.credentials().find_password_hash(viewer.user_id).await?;
        if self.inner.hasher.verify(current, stored.clone()).await? == Verdict::Wrong {
            return Err(Refusal::WrongPassword.into());
        }
        let hash = &self.inner.hasher.hash(&*self.inner.ids, new).await?;
        let stored = &stored;
        self.transact(|mut change| async move {
            change.users().lock_users(&[viewer.user_id]).await?;
            // Of two changes at once, the one that comes second is based on a
            // password that no longer is.
            if change.credentials().find_password_hash(viewer.user_id).await? != *stored {
                return Err(Refusal::WrongPassword.into());
            }
            let now = change.now();
            change.credentials().put_password_hash(viewer.user_id, hash, now).await?;
            end_sessions_of(&mut change, viewer.user_id, viewer.session_id).await?;
            change.done(())
        })
        .await
    }

    /// Removes sessions and tickets that ended by themselves, and answers how
    /// many sessions those were. To be
    /// called now and then; nothing but disk space depends on it.
    pub async fn purge_expired_sessions(&self) -> Result<u64> {
        let mut purged = 0;
        loop {
            let now = self.inner.clock.now();
            let expired = self.read_latest().await?.sessions().find_expired_sessions(now, PURGE_BATCH).await?;
            let mut ids: Vec<_> = expired.iter().map(|session| session.id).collect();
            ids.sort_unstable();
            if ids.is_empty() {
                self.transact(|mut change| async move {
                    let now = change.now();
                    change.sessions().delete_expired_tickets(now).await?;
                    change.done(())
                })
                .await?;
                return Ok(purged);
            }
            let ids = &ids;
            purged += self
                .transact(|mut change| async move {
                    let mut ended = 0;
                    for id in ids {
                        let session = change.sessions().lock_session(*id).await?;
                        if let Some(session) = session.filter(|session| session.is_expired(now)) {
                            end_session(&mut change, &session).await?;
                            ended += 1;
                        }
                    }
                    change.done(ended)
                })
                .await?;
        }
    }
}

/// Ends a locked user's sessions, apart from one.
async fn end_sessions_of(change: &mut Change, user: UserId, except: SessionId) -> Result<()> {
    for session in change.sessions().lock_sessions_of(user).await? {
        if session.id != except {
            end_session(change, &session).await?;
        }
    }
    Ok(())
}
