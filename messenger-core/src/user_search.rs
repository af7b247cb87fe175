//! How a search finds users without reading all of them.
//!
//! Stores keep an index of *terms*, the short pieces of a user's names. A query
//! of up to three characters is a term itself; whoever matches a longer one has
//! all of its terms, and the rows of those who do tell the rest.
//!
//! Where a display name begins is marked by a character that is in no name. So
//! "the display name begins with" is "contains" too, and one rule does for both.

use std::collections::BTreeSet;

use crate::page::SearchKey;
use crate::user::{DisplayName, Email, MatchRank, UserQuery, Username};

/// Stands before a folded display name. Names have no control characters, and
/// folding makes none.
const BEGINNING: &str = "\u{1}";

/// Comes after whatever a username may hold.
const PAST_USERNAMES: &str = "~";

/// The longest term, in characters. Longer ones would be rarer, and each
/// character more is as many rows again.
const LONGEST: usize = 3;

/// All pieces of one to three characters of a username and of a folded display
/// name, each once. None has more than twelve bytes.
pub fn user_terms(username: &Username, display_name: &DisplayName) -> BTreeSet<String> {
    let mut terms = pieces(username.as_str());
    terms.extend(pieces(&from_beginning(&display_name.folded())));
    // Everybody has it.
    terms.remove(BEGINNING);
    terms
}

/// A search as a store carries it out: what it looks up for each
/// [`MatchRank`], and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSearch {
    /// What names are compared with.
    pub query: String,
    /// What emails are compared with.
    pub email: Option<Email>,
    /// Usernames that begin with the query are not below it, and below this.
    pub past_query: String,
    /// Terms of every user whose folded display name begins with the query.
    /// Others may have them all, in other places.
    pub display_name_terms: [String; 3],
    /// The same of every user one of whose names contains the query.
    pub infix_terms: [String; 3],
    /// Of each rank, only usernames beyond this one are asked for.
    pub after: [String; 4],
}

impl UserSearch {
    /// The part of the list that comes after a key.
    pub fn new(query: &UserQuery, after: Option<&SearchKey>) -> Self {
        let email = query.as_email();
        let query = query.folded().to_owned();
        let ranks = [MatchRank::Exact, MatchRank::UsernamePrefix, MatchRank::DisplayNamePrefix, MatchRank::Infix];
        let after = ranks.map(|rank| {
            let after = begin_of(rank, after);
            // The query itself as a username is of a better rank.
            if rank == MatchRank::UsernamePrefix { after.max(&query) } else { after }.to_owned()
        });
        Self {
            email,
            past_query: format!("{query}{PAST_USERNAMES}"),
            display_name_terms: terms_within(&from_beginning(&query)),
            infix_terms: terms_within(&query),
            after,
            query,
        }
    }
}

fn begin_of(rank: MatchRank, after: Option<&SearchKey>) -> &str {
    match after {
        Some(key) if key.rank > rank as u8 => PAST_USERNAMES,
        Some(key) if key.rank == rank as u8 => &key.username,
        _ => "",
    }
}

fn from_beginning(folded: &str) -> String {
    format!("{BEGINNING}{folded}")
}

fn pieces(text: &str) -> BTreeSet<String> {
    let bounds = bounds(text);
    let of_length = |length| bounds.windows(length + 1).map(move |ends| text[ends[0]..ends[length]].to_owned());
    (1..=LONGEST).flat_map(of_length).collect()
}

/// A short text itself; of another the first, the middle and the last of its
/// longest pieces. There are always three, so that a statement has one text.
fn terms_within(text: &str) -> [String; 3] {
    let bounds = bounds(text);
    let last = bounds.len().saturating_sub(LONGEST + 1);
    [0, last / 2, last].map(|first| {
        let end = bounds.get(first + LONGEST).copied().unwrap_or(text.len());
        text[bounds[first]..end].to_owned()
    })
}

/// Where characters begin, and where the last one ends.
fn bounds(text: &str) -> Vec<usize> {
    text.char_indices().map(|(at, _)| at).chain([text.len()]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(username: &str, display_name: &str) -> BTreeSet<String> {
        user_terms(
            &Username::parse(username).expect("a username"),
            &DisplayName::parse(display_name).expect("a display name"),
        )
    }

    fn search(query: &str, after: Option<(u8, &str)>) -> UserSearch {
        let key = after.map(|(rank, username)| SearchKey { rank, username: username.to_owned() });
        UserSearch::new(&UserQuery::parse(query).expect("a query"), key.as_ref())
    }

    #[test]
    fn terms_are_the_short_pieces_of_both_names() {
        let expected = ["a_b", "a_", "_b", "a", "_", "b", "\u{1}éö", "\u{1}é", "éö", "é", "ö"];
        assert_eq!(terms("a_b", "ÉÖ"), expected.map(str::to_owned).into());
        assert_eq!(terms("aaaa", "A"), ["aaa", "aa", "a", "\u{1}a"].map(str::to_owned).into());
    }

    #[test]
    fn no_term_has_more_bytes_than_stores_have_room_for() {
        // One character that folds into eighteen, and the widest there are.
        for name in ["\u{fdfa}", "🦀🦀🦀🦀"] {
            assert!(terms("ada", name).iter().all(|term| term.len() <= 12), "{name}");
        }
    }

    #[test]
    fn a_short_query_is_its_own_term() {
        for (query, terms) in [("a", ["a"; 3]), ("éö", ["éö"; 3]), ("abc", ["abc"; 3])] {
            assert_eq!(search(query, None).infix_terms, terms);
        }
        assert_eq!(search("ab", None).display_name_terms, ["\u{1}ab"; 3]);
    }

    #[test]
    fn a_long_query_has_terms_from_one_end_to_the_other() {
        assert_eq!(search("abcd", None).infix_terms, ["abc", "abc", "bcd"]);
        assert_eq!(search("abcdefg", None).infix_terms, ["abc", "cde", "efg"]);
        assert_eq!(search("abc", None).display_name_terms, ["\u{1}ab", "\u{1}ab", "abc"]);
    }

    #[test]
    fn a_page_begins_in_the_rank_of_its_key() {
        assert_eq!(search("ann", None).after, ["", "ann", "", ""]);
        assert_eq!(search("ann", Some((1, "annc"))).after, ["~", "annc", "", ""]);
        assert_eq!(search("ann", Some((1, "aa"))).after, ["~", "ann", "", ""]);
        assert_eq!(search("ann", Some((3, "joann"))).after, ["~", "~", "~", "joann"]);
    }

    /// Names and queries of so few characters that one is often in the other.
    const NAME: &str = "[abcß 🦀]{1,12}";

    proptest! {
        #[test]
        fn who_matches_has_the_terms_of_the_query(username in "[abc]{3,12}", name in NAME, query in NAME) {
            prop_assume!(!name.trim().is_empty() && !query.trim().is_empty());
            let terms = terms(&username, &name);
            let folded = DisplayName::parse(&name).expect("a display name").folded();
            let search = search(&query, None);
            if folded.contains(&search.query) || username.contains(&search.query) {
                prop_assert!(search.infix_terms.iter().all(|term| terms.contains(term)));
            }
            if folded.starts_with(&search.query) {
                prop_assert!(search.display_name_terms.iter().all(|term| terms.contains(term)));
            }
        }

        #[test]
        fn who_has_a_short_query_as_a_term_matches_it(username in "[abc]{3,12}", name in NAME, query in "[abcß🦀]{1,2}") {
            prop_assume!(!name.trim().is_empty());
            let terms = terms(&username, &name);
            let folded = DisplayName::parse(&name).expect("a display name").folded();
            let search = search(&query, None);
            let [infix, ..] = &search.infix_terms;
            let [prefix, ..] = &search.display_name_terms;
            prop_assert_eq!(terms.contains(infix), folded.contains(&query) || username.contains(&query));
            prop_assert_eq!(terms.contains(prefix), folded.starts_with(&query));
        }

        #[test]
        fn usernames_that_begin_with_the_query_are_between_its_bounds(username in "[a-z0-9]{3,12}", query in "[a-z0-9]{1,4}") {
            let search = search(&query, None);
            let between = search.query <= username && username < search.past_query;
            prop_assert_eq!(between, username.starts_with(&query));
        }
    }
}
