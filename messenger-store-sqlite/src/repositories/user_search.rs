//! The search for users, as one statement that goes by index alone.

use messenger_core::user::{Email, User};
use messenger_core::user_search::UserSearch;
use rusqlite::{Connection, named_params};

use crate::error::SqlResult;
use crate::rows::{USER_COLUMNS, one_more, user, user_columns};

/// The next user of a term in the order of usernames.
macro_rules! next_of {
    ($term:literal) => {
        concat!("(SELECT min(t.username) FROM user_terms t WHERE t.term = ", $term, " AND t.username > w.username)")
    };
}

/// Goes up through the users of three terms at once, always to the farthest of
/// the three next ones: whoever has all three is not passed over, and of the
/// users of the rarest each is a step at most. Where it stops is a candidate,
/// not always one who has all, and first of all where it began; it leaps over
/// the usernames that begin with the query, which are of a better rank. NOT
/// MATERIALIZED: it goes no farther than it is asked to.
macro_rules! walk {
    ($name:literal, $from:literal, $one:literal, $two:literal, $three:literal) => {
        concat!(
            $name,
            " (username) AS NOT MATERIALIZED (SELECT ",
            $from,
            " UNION ALL SELECT max(",
            next_of!($one),
            ", ",
            next_of!($two),
            ", ",
            next_of!($three),
            ", CASE WHEN w.username >= :query AND w.username < :past_query THEN :past_query ELSE '' END) FROM ",
            $name,
            " w WHERE w.username IS NOT NULL)"
        )
    };
}

/// Whether the user `u` is of none of the ranks of usernames and emails.
macro_rules! is_neither_name_nor_email {
    () => {
        "NOT (u.username >= :query AND u.username < :past_query)
         AND (u.findable_by_email AND u.email = :email) IS NOT TRUE"
    };
}

macro_rules! display_name_begins {
    () => {
        "substr(u.display_name_folded, 1, length(:query)) = :query"
    };
}

/// Each rank by itself, up to the limit. instr and substr compare characters;
/// LIKE has wildcards. Infixes are looked for when the page has room for them:
/// users of better ranks, who are among the candidates, were in a page then.
const SEARCH: &str = concat!(
    "WITH RECURSIVE ",
    walk!("named", ":display_name_after", ":display_name_1", ":display_name_2", ":display_name_3"),
    ", better (username, rank) AS MATERIALIZED (
         SELECT u.username, 0 FROM users u WHERE u.username = :query AND u.username > :exact_after
         UNION ALL
         SELECT u.username, 0 FROM users u
         WHERE u.email = :email AND u.findable_by_email AND u.username <> :query AND u.username > :exact_after
         UNION ALL
         SELECT * FROM (
             SELECT u.username, 1 FROM users u
             WHERE u.username > :username_after AND u.username < :past_query
             AND (u.findable_by_email AND u.email = :email) IS NOT TRUE
             ORDER BY u.username LIMIT :limit
         ) s
         UNION ALL
         SELECT * FROM (
             SELECT u.username, 2 FROM named w CROSS JOIN users u ON u.username = w.username
             WHERE u.username > :display_name_after AND ",
    display_name_begins!(),
    " AND ",
    is_neither_name_nor_email!(),
    "        LIMIT :limit
         ) s
     ), ",
    walk!(
        "containing",
        ":infix_after WHERE (SELECT count(*) FROM better) < :limit",
        ":infix_1",
        ":infix_2",
        ":infix_3"
    ),
    ", page (username, rank) AS MATERIALIZED (
         SELECT username, rank FROM better
         UNION ALL
         SELECT * FROM (
             SELECT u.username, 3 FROM containing w CROSS JOIN users u ON u.username = w.username
             WHERE u.username > :infix_after
             AND (instr(u.username, :query) > 0 OR instr(u.display_name_folded, :query) > 0) AND NOT ",
    display_name_begins!(),
    " AND ",
    is_neither_name_nor_email!(),
    "        LIMIT :limit
         ) s
         ORDER BY rank, username LIMIT :limit
     )
     SELECT ",
    user_columns!("u"),
    ", p.rank FROM page p CROSS JOIN users u ON u.username = p.username ORDER BY p.rank, p.username"
);

/// The users of a page and one more, each with their rank.
pub(super) fn search_users(connection: &Connection, search: &UserSearch, limit: u32) -> SqlResult<Vec<(User, u8)>> {
    let mut select = connection.prepare_cached(SEARCH)?;
    let [exact_after, username_after, display_name_after, infix_after] = &search.after;
    let [display_name_1, display_name_2, display_name_3] = &search.display_name_terms;
    let [infix_1, infix_2, infix_3] = &search.infix_terms;
    let found = select.query_map(
        named_params! {
            ":query": search.query,
            ":past_query": search.past_query,
            ":email": search.email.as_ref().map(Email::as_str),
            ":exact_after": exact_after,
            ":username_after": username_after,
            ":display_name_after": display_name_after,
            ":infix_after": infix_after,
            ":display_name_1": display_name_1,
            ":display_name_2": display_name_2,
            ":display_name_3": display_name_3,
            ":infix_1": infix_1,
            ":infix_2": infix_2,
            ":infix_3": infix_3,
            ":limit": one_more(limit),
        },
        |row| Ok((user(row, 0)?, row.get(USER_COLUMNS)?)),
    )?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
