//! The search for users, as one statement that goes by index alone.

use messenger_core::user::Email;
use messenger_core::user_search::UserSearch;

use crate::sql::Sql;
use crate::users::user_columns;

/// The users of a page and one more: the rank of each, then the columns. Each
/// rank is found by itself, up to the limit. LOCATE, unlike LIKE, knows no
/// wildcards.
pub(crate) fn search_users(search: &UserSearch, limit: u32) -> Sql {
    let query = search.query.as_str();
    let email = search.email.as_ref().map(Email::as_str);
    let [exact_after, username_after, display_name_after, infix_after] = &search.after;
    let mut sql = Sql::new("WITH better AS ((SELECT u.username, 0 AS match_rank FROM users u WHERE u.username = ");
    sql.bind(query)
        .then(" AND u.username > ", exact_after.as_str())
        .then(") UNION ALL (SELECT u.username, 0 FROM users u WHERE u.email = ", email)
        .then(" AND u.findable_by_email AND u.username <> ", query)
        .then(" AND u.username > ", exact_after.as_str())
        // The index, whatever the optimiser thinks of a small table.
        .text(") UNION ALL (SELECT u.username, 1 FROM users u FORCE INDEX (users_username)")
        .then(" WHERE u.username > ", username_after.as_str())
        .then(" AND u.username < ", search.past_query.as_str());
    unless_found_by_email(&mut sql, email);
    sql.text(" ORDER BY u.username").limit_for_page(limit).text(") UNION ALL (SELECT u.username, 2");
    of_terms(&mut sql, search, &search.display_name_terms, display_name_after);
    sql.then(" AND LOCATE(", query).text(", u.display_name_folded) = 1");
    unless_found_by_email(&mut sql, email);
    sql.text(" ORDER BY a.username").limit_for_page(limit);
    sql.text(")), found AS (SELECT username, match_rank FROM better UNION ALL (SELECT u.username, 3");
    of_terms(&mut sql, search, &search.infix_terms, infix_after);
    sql.then(" AND (LOCATE(", query)
        .then(", u.username) > 0 OR LOCATE(", query)
        .then(", u.display_name_folded) > 0) AND LOCATE(", query)
        .text(", u.display_name_folded) <> 1");
    unless_found_by_email(&mut sql, email);
    // When the page has room for them: users of better ranks, who are among the
    // candidates, were in a page then.
    sql.then(" AND (SELECT COUNT(*) FROM better) <= ", i64::from(limit))
        .text(" ORDER BY a.username")
        .limit_for_page(limit)
        .text(")) SELECT f.match_rank, ")
        .text(user_columns!())
        .text(" FROM found f STRAIGHT_JOIN users u ON u.username = f.username ORDER BY f.match_rank, f.username")
        .limit_for_page(limit);
    sql
}

/// `FROM … WHERE …`: users `u` who have all three terms, in the order of their
/// usernames. The server begins with the rarest, which it asks the index for;
/// whoever has that one costs a look at the others. Usernames that begin with
/// the query are leapt over, since they are of a better rank.
fn of_terms(sql: &mut Sql, search: &UserSearch, terms: &[String; 3], after: &str) {
    let [one, two, three] = terms.each_ref().map(String::as_bytes);
    sql.text(" FROM (user_terms a JOIN user_terms b ON b.username = a.username")
        .text(" JOIN user_terms c ON c.username = a.username) STRAIGHT_JOIN users u ON u.username = a.username")
        .then(" WHERE a.term = ", one)
        .then(" AND b.term = ", two)
        .then(" AND c.term = ", three)
        .then(" AND a.username > ", after)
        .then(" AND (a.username < ", search.query.as_str())
        .then(" OR a.username >= ", search.past_query.as_str())
        .text(")");
}

fn unless_found_by_email(sql: &mut Sql, email: Option<&str>) {
    sql.then(" AND (u.findable_by_email AND u.email = ", email).text(") IS NOT TRUE");
}
