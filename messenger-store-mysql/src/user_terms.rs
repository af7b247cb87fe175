//! The index of terms that users are searched by, in step with their names.

use std::collections::BTreeSet;

use messenger_core::user::Username;

use crate::sql::{CHUNK, Script, Sql};

/// Adds terms that the user does not have. One that is there all the same stays:
/// a process of an older version beside this one knows nothing of terms.
pub(crate) fn insert_terms(script: &mut Script, username: &Username, terms: &BTreeSet<String>) {
    for terms in chunks(terms) {
        let mut sql = Sql::new("INSERT IGNORE INTO user_terms (term, username) VALUES ");
        sql.rows(&terms, |sql, term| {
            sql.bind(term.as_bytes()).then(", ", username.as_str());
        });
        script.push(&sql);
    }
}

/// Takes terms away.
pub(crate) fn delete_terms(script: &mut Script, username: &Username, terms: &BTreeSet<String>) {
    for terms in chunks(terms) {
        let mut sql = Sql::new("DELETE FROM user_terms WHERE username = ");
        sql.bind(username.as_str()).text(" AND term IN (").list(&terms, ", ", |sql, term| {
            sql.bind(term.as_bytes());
        });
        sql.text(")");
        script.push(&sql);
    }
}

fn chunks(terms: &BTreeSet<String>) -> Vec<Vec<&String>> {
    let terms: Vec<_> = terms.iter().collect();
    terms.chunks(CHUNK).map(<[_]>::to_vec).collect()
}
