//! Several statements in one round trip.

use futures_util::TryStreamExt as _;
use messenger_core::store::{StoreError, StoreResult};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use super::{Columns, Sql};

/// Several statements, sent in one round trip. The first that fails is the last
/// that is carried out.
#[derive(Default)]
pub(crate) struct Script {
    text: String,
    expected: Vec<Option<Expected>>,
}

/// How many rows an UPDATE must find, and what they are called.
#[derive(Clone, Copy)]
struct Expected {
    rows: u64,
    what: &'static str,
}

/// What a statement answered.
#[derive(Default)]
pub(crate) struct Answer {
    /// Its rows.
    pub(crate) rows: Vec<MySqlRow>,
    /// How many rows a change found.
    pub(crate) found: u64,
    /// What the change left with `LAST_INSERT_ID`.
    pub(crate) last_insert_id: u64,
}

/// Statements whose text is always the same, around the changing ones: what a
/// unit of work begins or ends with.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fixed<'t> {
    text: &'t str,
    statements: usize,
}

impl<'t> Fixed<'t> {
    /// Separated by `; `.
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, statements: if text.is_empty() { 0 } else { text.split("; ").count() } }
    }
}

/// A script that was not carried out to its end.
pub(crate) struct Broken {
    /// What went wrong.
    pub(crate) error: sqlx::Error,
    /// What the statements before it answered.
    pub(crate) answers: Vec<Answer>,
}

impl Script {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { text: String::new(), expected: Vec::new() }
    }

    /// One of one statement.
    pub(crate) fn of(sql: &Sql) -> Self {
        let mut script = Self::new();
        script.push(sql);
        script
    }

    /// How many statements it has.
    pub(crate) fn len(&self) -> usize {
        self.expected.len()
    }

    /// Adds a statement.
    pub(crate) fn push(&mut self, sql: &Sql) {
        self.add(sql, None);
    }

    /// Adds a statement that must find `rows` rows. When COMMIT goes to the
    /// server with it, only the server can say so in time: it notes in
    /// `@sound`, a variable of the connection, whether all was found as yet.
    pub(crate) fn push_on(&mut self, sql: &Sql, rows: usize, what: &'static str) {
        self.expect(sql, rows, what);
        // An UPDATE counts the rows it finds: sqlx asks for it.
        self.push(Sql::new("SET @sound = @sound AND ROW_COUNT() = ").bind(rows));
    }

    /// Adds a statement that must find `rows` rows, which is checked when the
    /// script has been carried out, or has failed.
    pub(crate) fn expect(&mut self, sql: &Sql, rows: usize, what: &'static str) {
        self.add(sql, Some(Expected { rows: rows as u64, what }));
    }

    /// This one and then another.
    pub(crate) fn followed_by(&self, other: &Self) -> Self {
        let separator = if self.text.is_empty() || other.text.is_empty() { "" } else { "; " };
        let text = format!("{}{separator}{}", self.text, other.text);
        Self { text, expected: [&self.expected[..], &other.expected[..]].concat() }
    }

    fn add(&mut self, sql: &Sql, expected: Option<Expected>) {
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        sql.write_out(&mut self.text);
        self.expected.push(expected);
    }

    /// Sends it between two fixed parts; answers what each of its own
    /// statements answered.
    pub(crate) async fn send(
        &self,
        before: Fixed<'_>,
        after: Fixed<'_>,
        connection: &mut MySqlConnection,
    ) -> Result<Vec<Answer>, Broken> {
        let parts: Vec<_> = [before.text, &self.text, after.text].into_iter().filter(|part| !part.is_empty()).collect();
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        if !self.text.is_empty() {
            #[cfg(feature = "testing")]
            crate::testing::recording::note(|| self.text.clone());
        }
        let total = before.statements + self.len() + after.statements;
        let mut answers = Vec::with_capacity(total);
        let mut answer = Answer::default();
        let text = parts.join("; ");
        let mut stream = sqlx::raw_sql(AssertSqlSafe(text)).fetch_many(connection);
        let error = loop {
            match stream.try_next().await {
                Ok(Some(Either::Right(row))) => answer.rows.push(row),
                Ok(Some(Either::Left(end))) => {
                    answer.found = end.rows_affected();
                    answer.last_insert_id = end.last_insert_id();
                    answers.push(std::mem::take(&mut answer));
                }
                Ok(None) if answers.len() < total => {
                    let missing = total - answers.len();
                    break Some(sqlx::Error::Protocol(format!("{missing} statements were not answered")));
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        answers.drain(..before.statements.min(answers.len()));
        match error {
            None => {
                answers.truncate(self.len());
                Ok(answers)
            }
            Some(error) => Err(Broken { error, answers }),
        }
    }

    /// Whether each statement found what it had to.
    pub(crate) fn check(&self, answers: &[Answer]) -> StoreResult<()> {
        for (expected, answer) in self.expected.iter().zip(answers) {
            if let Some(Expected { rows, what }) = expected
                && answer.found != *rows
            {
                return Err(StoreError::Defect(format!("{} of {rows} {what} are stored", answer.found)));
            }
        }
        Ok(())
    }
}

/// Reads all rows of these answers into what they mean.
pub(crate) fn read_all<T>(answers: &[Answer], read: fn(&mut Columns<'_>) -> StoreResult<T>) -> StoreResult<Vec<T>> {
    answers.iter().flat_map(|answer| &answer.rows).map(|row| read(&mut Columns::of(row))).collect()
}
