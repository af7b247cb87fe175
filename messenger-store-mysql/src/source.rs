//! Where a unit of work gets its connection from.

use async_trait::async_trait;
use messenger_core::store::{StoreError, UniqueKey};
use sqlx::MySqlConnection;

use crate::error::Failure;
use crate::lease::{End, Lease};
use crate::sql::{Answer, Fixed, Script};

/// Where a [`Link`](crate::link::Link) gets its connection from: the pool, or a test's outer
/// transaction.
#[async_trait]
pub(crate) trait Source: Send {
    /// The connection itself.
    fn connection(&mut self) -> &mut MySqlConnection;

    /// Whether the unit of work has begun: what it begins with goes to the
    /// server with its first statements.
    fn has_begun(&self) -> bool {
        true
    }

    /// Begins the unit of work with its first statements; asked once, unless it
    /// has begun.
    async fn begin(&mut self, script: &Script, primary: UniqueKey) -> Result<Vec<Answer>, Failure> {
        let sent = script.send(Fixed::default(), Fixed::default(), self.connection()).await;
        sent.map_err(|broken| Failure::of(broken.error, primary))
    }

    /// What ends the unit of work.
    fn closing(&self, end: End) -> &str;

    /// Takes the connection back after the unit of work has ended.
    fn give_back(self: Box<Self>);

    /// Takes the connection back with the unit of work still open: it must be
    /// undone.
    fn abandon(self: Box<Self>);

    /// Gets rid of a connection whose state is doubtful.
    fn discard(self: Box<Self>);

    /// Learns of a failure that the caller is about to get.
    fn note(&mut self, _error: &StoreError) {}
}

/// Ends a unit of work on its connection.
pub(crate) async fn close(source: &mut dyn Source, end: End) -> Result<(), sqlx::Error> {
    let closing = source.closing(end).to_owned();
    let sent = Script::new().send(Fixed::new(&closing), Fixed::default(), source.connection()).await;
    sent.map(drop).map_err(|broken| broken.error)
}

#[async_trait]
impl Source for Lease {
    fn connection(&mut self) -> &mut MySqlConnection {
        Lease::connection(self)
    }

    fn has_begun(&self) -> bool {
        Lease::has_begun(self)
    }

    async fn begin(&mut self, script: &Script, primary: UniqueKey) -> Result<Vec<Answer>, Failure> {
        Lease::begin(self, script, primary).await
    }

    fn closing(&self, end: End) -> &str {
        Lease::closing(self, end)
    }

    fn give_back(self: Box<Self>) {
        Lease::give_back(*self);
    }

    fn abandon(mut self: Box<Self>) {
        if !Lease::has_begun(&self) || Lease::closing(&self, End::Rollback).is_empty() {
            return Lease::give_back(*self);
        }
        // Without a runtime the connection is closed: the server rolls back.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if close(self.as_mut(), End::Rollback).await.is_ok() {
                    Lease::give_back(*self);
                }
            });
        }
    }

    fn discard(self: Box<Self>) {}
}
