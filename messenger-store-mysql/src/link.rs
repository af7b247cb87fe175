//! One connection with a transaction on it, as the repositories use it, and
//! what is known of its state.

use async_trait::async_trait;
use messenger_core::store::{StoreError, StoreResult, UniqueKey};
use sqlx::MySqlConnection;
use sqlx::mysql::{MySqlQueryResult, MySqlRow};

use crate::error::Failure;
use crate::pool::{End, Lease, NoTransaction};
use crate::sql::{Answer, Columns, Script, Sql};

/// Where a [`Link`] gets its connection from: the pool, or a test's outer
/// transaction.
#[async_trait]
pub(crate) trait Source: Send {
    /// The connection itself.
    fn connection(&mut self) -> &mut MySqlConnection;

    /// Ends the unit of work.
    async fn end(&mut self, end: End) -> Result<(), sqlx::Error>;

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

/// A unit of work on a connection.
pub(crate) struct Link {
    // Taken when the unit of work ends.
    source: Option<Box<dyn Source>>,
    condition: Condition,
}

/// What is known of the connection and its transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    /// Both are in order.
    Sound,
    /// A statement is under way; or its future was dropped, and nobody knows
    /// how far it came.
    Doubtful,
    /// A statement failed. A deadlock has rolled the transaction back already,
    /// and what followed would commit by itself: so nothing may follow.
    Failed(String),
}

impl Link {
    /// A unit of work that has just begun.
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self { source: Some(source), condition: Condition::Sound }
    }

    /// All rows.
    pub(crate) async fn rows(&mut self, sql: Sql) -> StoreResult<Vec<MySqlRow>> {
        let source = self.enter()?;
        let result = sql.fetch_all(source.connection()).await;
        self.leave(result, UniqueKey::Other)
    }

    /// All rows, read into what they mean.
    pub(crate) async fn all<T>(
        &mut self,
        sql: Sql,
        read: fn(&mut Columns<'_>) -> StoreResult<T>,
    ) -> StoreResult<Vec<T>> {
        let rows = self.rows(sql).await?;
        rows.iter().map(|row| read(&mut Columns::of(row))).collect()
    }

    /// The only row, if there is one.
    pub(crate) async fn optional<T>(
        &mut self,
        sql: Sql,
        read: fn(&mut Columns<'_>) -> StoreResult<T>,
    ) -> StoreResult<Option<T>> {
        // Not sqlx's fetch_optional: it leaves the end of the answer unread.
        let rows = self.rows(sql).await?;
        rows.first().map(|row| read(&mut Columns::of(row))).transpose()
    }

    /// Carries out a change.
    pub(crate) async fn run(&mut self, sql: Sql) -> StoreResult<MySqlQueryResult> {
        self.run_keyed(sql, UniqueKey::Other).await
    }

    /// Carries out a change in which a taken primary key means `primary`.
    pub(crate) async fn run_keyed(&mut self, sql: Sql, primary: UniqueKey) -> StoreResult<MySqlQueryResult> {
        let source = self.enter()?;
        let result = sql.execute(source.connection()).await;
        self.leave(result, primary)
    }

    /// Carries out a change that must find `expected` rows.
    pub(crate) async fn run_on(&mut self, sql: Sql, expected: usize, what: &str) -> StoreResult<()> {
        // The number of rows found, not of rows changed: sqlx asks for it.
        let found = self.run(sql).await?.rows_affected();
        if found == expected as u64 {
            Ok(())
        } else {
            let error = StoreError::Defect(format!("{found} of {expected} {what} are stored"));
            self.fail(&error);
            Err(error)
        }
    }

    /// Carries out several statements in one round trip; answers what each
    /// answered.
    pub(crate) async fn answers(&mut self, script: Script) -> StoreResult<Vec<Answer>> {
        let source = self.enter()?;
        let result = script.send(source.connection()).await;
        let answers = self.leave(result, UniqueKey::Other)?;
        if let Err(error) = script.check(&answers) {
            self.fail(&error);
            return Err(error);
        }
        Ok(answers)
    }

    /// Carries out several changes in one round trip.
    pub(crate) async fn run_all(&mut self, script: Script) -> StoreResult<()> {
        self.answers(script).await.map(drop)
    }

    /// Makes the changes durable.
    pub(crate) async fn commit(mut self) -> StoreResult<()> {
        let source = self.enter()?;
        match source.end(End::Commit).await {
            Ok(()) => {
                self.condition = Condition::Sound;
                self.finish();
                Ok(())
            }
            // What answered "conflict" has rolled back. Of anything else that
            // goes wrong here nobody can say what became of the transaction.
            Err(error) => {
                let error = match Failure::of(error, UniqueKey::Other) {
                    Failure::Statement(error @ StoreError::Conflict(_)) => error,
                    failure => StoreError::OutcomeUnknown(failure.into_error().to_string()),
                };
                self.lose(&error);
                Err(error)
            }
        }
    }

    /// Undoes the changes.
    pub(crate) async fn rollback(mut self) -> StoreResult<()> {
        // Allowed after a failure, so not by way of `enter`.
        if self.condition == Condition::Doubtful {
            return Ok(());
        }
        let Some(source) = self.source.as_mut() else { return Ok(()) };
        self.condition = Condition::Doubtful;
        match source.end(End::Rollback).await {
            Ok(()) => {
                self.finish();
                Ok(())
            }
            // The connection is closed, and the server rolls back.
            Err(error) => {
                tracing::debug!(%error, "a rollback got no answer");
                Ok(())
            }
        }
    }

    /// Gives the connection up as if it had broken.
    pub(crate) fn lose(&mut self, error: &StoreError) {
        if let Some(mut source) = self.source.take() {
            source.note(error);
            source.discard();
        }
        self.condition = Condition::Doubtful;
    }

    /// Refuses whatever follows but a rollback.
    pub(crate) fn fail(&mut self, error: &StoreError) {
        self.condition = Condition::Failed(error.to_string());
        if let Some(source) = self.source.as_mut() {
            source.note(error);
        }
    }

    fn enter(&mut self) -> StoreResult<&mut dyn Source> {
        match &self.condition {
            Condition::Sound => {}
            Condition::Doubtful => {
                return Err(StoreError::Unavailable("the connection was lost, or a statement was dropped".to_owned()));
            }
            Condition::Failed(error) => {
                return Err(StoreError::Defect(format!("used after it had failed: {error}")));
            }
        }
        match self.source.as_mut() {
            Some(source) => {
                self.condition = Condition::Doubtful;
                Ok(source.as_mut())
            }
            None => Err(StoreError::Defect("used after its end".to_owned())),
        }
    }

    fn leave<T>(&mut self, result: Result<T, sqlx::Error>, primary: UniqueKey) -> StoreResult<T> {
        match result.map_err(|error| Failure::of(error, primary)) {
            Ok(value) => {
                self.condition = Condition::Sound;
                Ok(value)
            }
            Err(Failure::Statement(error)) => {
                self.fail(&error);
                Err(error)
            }
            Err(Failure::Connection(error)) => {
                self.lose(&error);
                Err(error)
            }
        }
    }

    fn finish(&mut self) {
        if let Some(source) = self.source.take() {
            source.give_back();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(source) = self.source.take() {
            match self.condition {
                Condition::Doubtful => source.discard(),
                Condition::Sound | Condition::Failed(_) => source.abandon(),
            }
        }
    }
}

#[async_trait]
impl Source for Lease {
    fn connection(&mut self) -> &mut MySqlConnection {
        Lease::connection(self)
    }

    async fn end(&mut self, end: End) -> Result<(), sqlx::Error> {
        Lease::end(self, end).await
    }

    fn give_back(self: Box<Self>) {
        Lease::give_back(*self);
    }

    fn abandon(mut self: Box<Self>) {
        // Without a runtime the connection is closed: the server rolls back.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if Lease::end(&mut self, End::Rollback).await.is_ok() {
                    Lease::give_back(*self);
                }
            });
        }
    }

    fn discard(self: Box<Self>) {}
}

#[async_trait]
impl Source for NoTransaction {
    fn connection(&mut self) -> &mut MySqlConnection {
        self.0.connection()
    }

    async fn end(&mut self, _end: End) -> Result<(), sqlx::Error> {
        Ok(())
    }

    fn give_back(self: Box<Self>) {
        self.0.give_back();
    }

    fn abandon(self: Box<Self>) {
        self.0.give_back();
    }

    fn discard(self: Box<Self>) {}
}
