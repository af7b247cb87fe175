//! Several statements in one round trip.

use futures_util::TryStreamExt as _;
use messenger_core::store::{StoreError, StoreResult};
use sqlx::mysql::MySqlRow;
use sqlx::{AssertSqlSafe, Either, MySqlConnection};

use super::{Columns, Sql};

/// Several statements, sent in one round trip. The first that fails is the last
/// that is carried out.
pub(crate) struct Script {
    text: String,
    expected: Vec<Option<Expected>>,
}

/// How many rows an UPDATE must find, and what they are called.
struct Expected {
    rows: u64,
    what: &'static str,
}

/// What a statement of a script answered.
#[derive(Default)]
pub(crate) struct Answer {
    rows: Vec<MySqlRow>,
    found: u64,
}

impl Script {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { text: String::new(), expected: Vec::new() }
    }

    /// How many statements it has.
    pub(crate) fn len(&self) -> usize {
        self.expected.len()
    }

    /// Adds a statement.
    pub(crate) fn push(&mut self, sql: &Sql) {
        self.add(sql, None);
    }

    /// Adds a statement that must find `rows` rows.
    pub(crate) fn push_on(&mut self, sql: &Sql, rows: usize, what: &'static str) {
        self.add(sql, Some(Expected { rows: rows as u64, what }));
    }

    fn add(&mut self, sql: &Sql, expected: Option<Expected>) {
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        sql.write_out(&mut self.text);
        self.expected.push(expected);
    }

    /// Sends it; answers what each statement answered.
    pub(crate) async fn send(&self, connection: &mut MySqlConnection) -> Result<Vec<Answer>, sqlx::Error> {
        let mut answers = Vec::with_capacity(self.len());
        if self.text.is_empty() {
            return Ok(answers);
        }
        #[cfg(feature = "testing")]
        crate::testing::recording::note(|| self.text.clone());
        let mut answer = Answer::default();
        let mut stream = sqlx::raw_sql(AssertSqlSafe(self.text.as_str())).fetch_many(connection);
        while let Some(step) = stream.try_next().await? {
            match step {
                Either::Right(row) => answer.rows.push(row),
                Either::Left(end) => {
                    answer.found = end.rows_affected();
                    answers.push(std::mem::take(&mut answer));
                }
            }
        }
        Ok(answers)
    }

    /// Whether each statement found what it had to.
    pub(crate) fn check(&self, answers: &[Answer]) -> StoreResult<()> {
        if answers.len() != self.len() {
            return Err(StoreError::Defect(format!("{} of {} statements were answered", answers.len(), self.len())));
        }
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
