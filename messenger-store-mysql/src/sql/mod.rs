//! Building statements and reading rows.
//!
//! A statement is sent in one of two forms, and callers do not see which:
//!
//! - *Prepared*, its values bound, when its text is always the same. A text is
//!   prepared once per connection and kept there, and a server keeps a bounded
//!   number for all connections; there are as many as there are statements in
//!   this crate.
//! - *Written out*, its values as literals, when it speaks of several items, so
//!   that its text is another one each time. To prepare it would cost a round
//!   trip and the description of every placeholder (*measured*: a fifth of the
//!   sends on MariaDB 10.11). A literal is a decimal number or hexadecimal
//!   digits: no value can be anything but a value.

mod columns;
mod script;
mod value;

pub(crate) use columns::{Columns, read_id, read_number, unreadable};
pub(crate) use script::{Answer, Broken, Fixed, Script, read_all};
pub(crate) use value::Value;

use std::collections::BTreeMap;

use messenger_core::clock::Timestamp;
use messenger_core::page::TimeKey;
use sqlx::mysql::MySqlArguments;
use sqlx::{AssertSqlSafe, MySqlConnection};
use uuid::Uuid;

/// At most so many items in one statement; longer slices take several. A batch
/// of a lane fits, and as many of the longest messages stay below what the
/// servers take in one packet.
pub(crate) const CHUNK: usize = 256;

/// A statement whose text is made of literals of this crate; all else is values.
pub(crate) struct Sql {
    parts: Vec<Part>,
    items: Items,
}

enum Part {
    Text(&'static str),
    Value(Value),
}

/// Whether the text depends on how many items there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Items {
    One,
    Several,
}

/// A statement as it is sent.
enum Form {
    /// The text is the same for all values.
    Prepared(String, MySqlArguments),
    /// The values are in the text.
    WrittenOut(String),
}

impl Sql {
    /// Begins with a literal.
    pub(crate) fn new(text: &'static str) -> Self {
        Self { parts: vec![Part::Text(text)], items: Items::One }
    }

    /// Goes on with a literal.
    pub(crate) fn text(&mut self, text: &'static str) -> &mut Self {
        self.parts.push(Part::Text(text));
        self
    }

    /// Binds a value.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.parts.push(Part::Value(value.into()));
        self
    }

    /// Binds an id.
    pub(crate) fn id(&mut self, id: Uuid) -> &mut Self {
        self.bind(id)
    }

    /// Binds an id or NULL.
    pub(crate) fn optional_id(&mut self, id: Option<Uuid>) -> &mut Self {
        self.bind(id)
    }

    /// Binds an instant.
    pub(crate) fn time(&mut self, at: Timestamp) -> &mut Self {
        self.bind(at)
    }

    /// Binds an instant or NULL.
    pub(crate) fn optional_time(&mut self, at: Option<Timestamp>) -> &mut Self {
        self.bind(at)
    }

    /// Binds values between literals: `bind(a)`, then each literal with its
    /// value. Reads like the statement.
    pub(crate) fn then(&mut self, text: &'static str, value: impl Into<Value>) -> &mut Self {
        self.text(text).bind(value)
    }

    /// `?, ?, …`: ids for an IN list. There must be at least one.
    pub(crate) fn ids(&mut self, ids: &[Uuid]) -> &mut Self {
        self.list(ids, ", ", |sql, id| {
            sql.id(*id);
        })
    }

    /// `(…) OR (…)`: conditions on several columns. Both servers look each up
    /// by index; MariaDB scans for `(a, b) IN ((?, ?))`.
    pub(crate) fn any_of<T>(&mut self, items: &[T], mut push: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.list(items, " OR ", |sql, item| {
            sql.text("(");
            push(sql, item);
            sql.text(")");
        })
    }

    /// `(…), (…)`: rows to insert.
    pub(crate) fn rows<T>(&mut self, items: &[T], mut push: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.list(items, ", ", |sql, item| {
            sql.text("(");
            push(sql, item);
            sql.text(")");
        })
    }

    /// `column = CASE WHEN key THEN value … ELSE column END`: another value
    /// for each row of an UPDATE that finds these rows and no others. The ELSE
    /// is what tells the server the type. One value for all needs no CASE,
    /// whose cost grows with the square of the rows.
    pub(crate) fn case<T>(
        &mut self,
        column: &'static str,
        items: &[T],
        key: impl Fn(&mut Self, &T),
        value: impl Fn(&T) -> Value,
    ) -> &mut Self {
        self.text(column);
        let mut values: Vec<_> = items.iter().map(value).collect();
        if values.windows(2).all(|two| two[0] == two[1]) {
            // There is at least one row.
            return self.then(" = ", values.pop().unwrap_or(Value::Null));
        }
        self.text(" = CASE");
        for (item, value) in items.iter().zip(values) {
            self.text(" WHEN ");
            key(self, item);
            self.then(" THEN ", value);
        }
        self.text(" ELSE ").text(column).text(" END")
    }

    /// What comes after a key in a list that is ordered by an instant and an
    /// id, latest first. The first comparison bounds the index range.
    pub(crate) fn before(&mut self, after: Option<TimeKey>, at: &'static str, id: &'static str) -> &mut Self {
        if let Some(key) = after {
            self.text(" AND ").text(at).text(" <= ").time(key.at);
            self.text(" AND (").text(at).text(" < ").time(key.at);
            self.text(" OR ").text(id).text(" < ").id(key.id).text(")");
        }
        self
    }

    /// The same for a list with the earliest first.
    pub(crate) fn beyond(&mut self, after: Option<TimeKey>, at: &'static str, id: &'static str) -> &mut Self {
        if let Some(key) = after {
            self.text(" AND ").text(at).text(" >= ").time(key.at);
            self.text(" AND (").text(at).text(" > ").time(key.at);
            self.text(" OR ").text(id).text(" > ").id(key.id).text(")");
        }
        self
    }

    /// One row more than the page holds: it tells whether there are more.
    pub(crate) fn limit_for_page(&mut self, limit: u32) -> &mut Self {
        self.then(" LIMIT ", i64::from(limit) + 1)
    }

    /// Pushes every item. From the second one on the text is not one to keep.
    pub(crate) fn list<T>(
        &mut self,
        items: &[T],
        separator: &'static str,
        mut push: impl FnMut(&mut Self, &T),
    ) -> &mut Self {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.items = Items::Several;
                self.text(separator);
            }
            push(self, item);
        }
        self
    }

    /// Sends it, for its rows.
    pub(crate) async fn fetch_all(self, connection: &mut MySqlConnection) -> Result<Answer, sqlx::Error> {
        self.note();
        let rows = match self.form()? {
            Form::Prepared(text, arguments) => {
                sqlx::query_with(AssertSqlSafe(text), arguments).fetch_all(connection).await
            }
            Form::WrittenOut(text) => sqlx::raw_sql(AssertSqlSafe(text)).fetch_all(connection).await,
        };
        Ok(Answer { rows: rows?, ..Answer::default() })
    }

    /// Sends it, for what it does.
    pub(crate) async fn execute(self, connection: &mut MySqlConnection) -> Result<Answer, sqlx::Error> {
        self.note();
        let done = match self.form()? {
            Form::Prepared(text, arguments) => {
                sqlx::query_with(AssertSqlSafe(text), arguments).execute(connection).await
            }
            Form::WrittenOut(text) => sqlx::raw_sql(AssertSqlSafe(text)).execute(connection).await,
        }?;
        Ok(Answer { rows: Vec::new(), found: done.rows_affected(), last_insert_id: done.last_insert_id() })
    }

    #[cfg_attr(not(feature = "testing"), allow(clippy::unused_self, reason = "only checks ask what was sent"))]
    fn note(&self) {
        #[cfg(feature = "testing")]
        crate::testing::recording::note(|| {
            let mut text = String::new();
            self.write_out(&mut text);
            text
        });
    }

    fn write_out(&self, text: &mut String) {
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(value) => value.write(text),
            }
        }
    }

    fn form(self) -> Result<Form, sqlx::Error> {
        let mut text = String::with_capacity(self.parts.len() * 16);
        if self.items == Items::Several {
            self.write_out(&mut text);
            return Ok(Form::WrittenOut(text));
        }
        let mut arguments = MySqlArguments::default();
        for part in self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Value(value) => {
                    text.push('?');
                    value.bind(&mut arguments).map_err(sqlx::Error::Encode)?;
                }
            }
        }
        Ok(Form::Prepared(text, arguments))
    }
}

/// Each id once, in ascending order.
pub(crate) fn sorted_ids(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<_> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Each thing once, in the order of their keys; of repeats, the last: what
/// writing one after the other would come to.
pub(crate) fn last_of_each<T, K: Ord>(items: &[T], key: impl Fn(&T) -> K) -> Vec<&T> {
    let by_key: BTreeMap<K, &T> = items.iter().map(|item| (key(item), item)).collect();
    by_key.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(sql: Sql) -> (String, bool) {
        match sql.form().expect("a statement") {
            Form::Prepared(text, _) => (text, true),
            Form::WrittenOut(text) => (text, false),
        }
    }

    #[test]
    fn a_value_is_digits_whatever_it_spells() {
        let mut sql = Sql::new("INSERT INTO t VALUES ");
        sql.rows(&["'); DROP TABLE t; --", "\\' ; ? \u{0} ü"], |sql, text| {
            sql.bind(*text).then(", ", text.as_bytes()).then(", ", -1_i64).then(", ", None::<&str>);
        });
        let (text, prepared) = sent(sql);
        assert!(!prepared);
        let values = text.strip_prefix("INSERT INTO t VALUES ").expect("the literal");
        let strange = values.replace("_utf8mb4 x'", "").replace("x'", "").replace("NULL", "");
        assert!(strange.chars().all(|c| c.is_ascii_hexdigit() || "(), '-".contains(c)), "{values}");
        assert!(values.starts_with("(_utf8mb4 x'27293b2044524f50205441424c4520743b202d2d', x'2729"), "{values}");
    }

    #[test]
    fn a_statement_about_one_item_has_one_text_for_all_values() {
        let about = |ids: &[Uuid]| {
            let mut sql = Sql::new("SELECT id FROM t WHERE id IN (");
            sql.ids(ids).then(") AND a = ", "b").limit_for_page(50);
            sent(sql)
        };
        let one = ("SELECT id FROM t WHERE id IN (?) AND a = ? LIMIT ?".to_owned(), true);
        assert_eq!(about(&[Uuid::nil()]), one);
        assert_eq!(about(&[Uuid::max()]), one);
        assert!(!about(&[Uuid::nil(), Uuid::max()]).1);
    }
}
