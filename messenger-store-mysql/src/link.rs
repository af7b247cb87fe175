//! One connection with a transaction on it, as the repositories use it, and
//! what is known of its state.

use messenger_core::store::{StoreError, StoreResult, UniqueKey};
use sqlx::mysql::MySqlRow;

use crate::error::Failure;
use crate::lease::End;
use crate::source::{Source, close};
use crate::sql::{Answer, Broken, Columns, Fixed, Script, Sql};

/// A unit of work on a connection.
pub(crate) struct Link {
    // Taken when the unit of work ends.
    source: Option<Box<dyn Source>>,
    condition: Condition,
    /// Changes that go to the server together with what comes next.
    put_off: PutOff,
}

/// Changes, and what a taken primary key means in them.
struct PutOff {
    script: Script,
    primary: UniqueKey,
}

impl PutOff {
    fn nothing() -> Self {
        Self { script: Script::new(), primary: UniqueKey::Other }
    }

    fn is_empty(&self) -> bool {
        self.script.len() == 0
    }

    /// Whether a key of both can be told.
    fn bears(&self, primary: UniqueKey) -> bool {
        self.primary == primary || self.primary == UniqueKey::Other || primary == UniqueKey::Other
    }
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
        Self { source: Some(source), condition: Condition::Sound, put_off: PutOff::nothing() }
    }

    /// All rows.
    pub(crate) async fn rows(&mut self, sql: Sql) -> StoreResult<Vec<MySqlRow>> {
        if !self.put_off.is_empty() {
            return Ok(only(self.answers(Script::of(&sql)).await?).rows);
        }
        let source = self.enter()?;
        let answer = if source.has_begun() {
            sql.fetch_all(source.connection()).await.map_err(|error| Failure::of(error, UniqueKey::Other))
        } else {
            source.begin(&Script::of(&sql), UniqueKey::Other).await.map(only)
        };
        Ok(self.leave(answer)?.rows)
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
    pub(crate) async fn run(&mut self, sql: Sql) -> StoreResult<Answer> {
        self.run_keyed(sql, UniqueKey::Other).await
    }

    /// Carries out a change in which a taken primary key means `primary`.
    pub(crate) async fn run_keyed(&mut self, sql: Sql, primary: UniqueKey) -> StoreResult<Answer> {
        self.catch_up().await?;
        let source = self.enter()?;
        let answer = if source.has_begun() {
            sql.execute(source.connection()).await.map_err(|error| Failure::of(error, primary))
        } else {
            source.begin(&Script::of(&sql), primary).await.map(only)
        };
        self.leave(answer)
    }

    /// Carries out a change that must find `expected` rows, together with what
    /// comes next.
    pub(crate) async fn run_on(&mut self, sql: Sql, expected: usize, what: &'static str) -> StoreResult<()> {
        let mut script = Script::new();
        script.push_on(&sql, expected, what);
        self.run_later(script, UniqueKey::Other).await
    }

    /// Carries out several statements in one round trip; answers what each
    /// answered.
    pub(crate) async fn answers(&mut self, script: Script) -> StoreResult<Vec<Answer>> {
        let PutOff { script: before, primary } = self.take_put_off();
        let mut answers = self.send(&before.followed_by(&script), primary).await?;
        Ok(answers.split_off(before.len()))
    }

    /// Carries out several changes in one round trip, in which a taken primary
    /// key means `primary`.
    pub(crate) async fn run_all_keyed(&mut self, script: Script, primary: UniqueKey) -> StoreResult<()> {
        self.catch_up().await?;
        self.send(&script, primary).await.map(drop)
    }

    /// Carries out several changes together with what comes next, which fails
    /// if one of them does. A taken primary key means `primary`.
    pub(crate) async fn run_later(&mut self, script: Script, primary: UniqueKey) -> StoreResult<()> {
        if !self.put_off.bears(primary) {
            self.catch_up().await?;
        }
        let before = self.take_put_off();
        let primary = if before.primary == UniqueKey::Other { primary } else { before.primary };
        self.put_off = PutOff { script: before.script.followed_by(&script), primary };
        Ok(())
    }

    fn take_put_off(&mut self) -> PutOff {
        std::mem::replace(&mut self.put_off, PutOff::nothing())
    }

    /// Carries out what was put off.
    async fn catch_up(&mut self) -> StoreResult<()> {
        if self.put_off.is_empty() {
            return Ok(());
        }
        let PutOff { script, primary } = self.take_put_off();
        self.send(&script, primary).await.map(drop)
    }

    async fn send(&mut self, script: &Script, primary: UniqueKey) -> StoreResult<Vec<Answer>> {
        let source = self.enter()?;
        let answers = if source.has_begun() {
            let sent = script.send(Fixed::default(), Fixed::default(), source.connection()).await;
            sent.map_err(|broken| Failure::of(broken.error, primary))
        } else {
            source.begin(script, primary).await
        };
        let answers = self.leave(answers)?;
        if let Err(error) = script.check(&answers) {
            self.fail(&error);
            return Err(error);
        }
        Ok(answers)
    }

    /// Makes the changes durable.
    pub(crate) async fn commit(mut self) -> StoreResult<()> {
        // What was put off may only then be found wanting.
        self.catch_up().await?;
        self.commit_with(&Script::new()).await.map(drop)
    }

    /// Carries out the last changes, and what was put off before them, and makes
    /// all of it durable, in one round trip: nothing that this side does, or
    /// fails to do, comes between them. Answers what each of the last changes
    /// answered. They must fail unless `@sound`.
    pub(crate) async fn commit_with(mut self, script: &Script) -> StoreResult<Vec<Answer>> {
        let PutOff { script: before, primary } = self.take_put_off();
        let script = before.followed_by(script);
        let mut source = self.enter()?;
        if !source.has_begun() {
            // Nothing was asked, so there is nothing to keep; or all of it was put
            // off, and a connection that has broken is best found out before COMMIT.
            let begun = match script.len() {
                0 => Ok(Vec::new()),
                _ => source.begin(&Script::new(), UniqueKey::Other).await,
            };
            self.leave(begun)?;
            if script.len() == 0 {
                self.finish();
                return Ok(Vec::new());
            }
            source = self.enter()?;
        }
        let closing = source.closing(End::Commit).to_owned();
        let sent = script.send(Fixed::default(), Fixed::new(&closing), source.connection()).await;
        let Broken { error, answers } = match sent {
            Ok(mut answers) => {
                self.condition = Condition::Sound;
                self.finish();
                return Ok(answers.split_off(before.len()));
            }
            Err(broken) => broken,
        };
        match Failure::of(error, primary) {
            // COMMIT was not come to. What was not found is why, if something was not.
            Failure::Statement(error) if answers.len() < script.len() => {
                let error = script.check(&answers).err().unwrap_or(error);
                self.fail(&error);
                Err(error)
            }
            // A COMMIT that answers "conflict" has rolled back.
            Failure::Statement(error @ StoreError::Conflict(_)) => {
                self.lose(&error);
                Err(error)
            }
            // Of anything else that goes wrong here nobody can say what became
            // of the transaction.
            failure => {
                let error = StoreError::OutcomeUnknown(failure.into_error().to_string());
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
        if source.has_begun() {
            self.condition = Condition::Doubtful;
            if let Err(error) = close(source.as_mut(), End::Rollback).await {
                // The connection is closed, and the server rolls back.
                tracing::debug!(%error, "a rollback got no answer");
                return Ok(());
            }
        }
        self.finish();
        Ok(())
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

    fn leave<T>(&mut self, result: Result<T, Failure>) -> StoreResult<T> {
        match result {
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

/// The answer of a script of one statement.
fn only(answers: Vec<Answer>) -> Answer {
    answers.into_iter().next().unwrap_or_default()
}
