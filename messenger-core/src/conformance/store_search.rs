//! Search for users.

use super::failure::Outcome;
use super::rows::{after, first, walk};
use super::world::World;
use super::{Case, isolated};
use crate::page::SearchKey;
use crate::store::StoreResult;
use crate::user::{DisplayName, Email, User, UserQuery};

pub(super) const CASES: &[Case] = isolated!("store_search":
    a_username_is_found_by_its_start_and_by_its_middle,
    a_display_name_is_found_whatever_its_case_and_width,
    a_display_name_is_found_in_any_script,
    the_best_match_comes_first_and_then_the_username,
    an_email_finds_only_who_allows_it,
    a_part_of_an_email_finds_nobody,
    a_percent_sign_stands_for_itself,
    an_underscore_stands_for_itself,
    a_backslash_stands_for_itself,
    quotes_and_nul_do_no_harm,
    accents_and_letters_of_other_scripts_are_not_confused,
    pages_join_without_gaps_or_repeats,
    a_page_begins_after_its_key_even_when_that_user_is_gone,
);

fn query(text: &str) -> UserQuery {
    UserQuery::parse(text).expect("a query")
}

async fn search(w: &World, text: &str) -> StoreResult<Vec<String>> {
    let rows = w.read().await?.users().search_users(&query(text), first(100)).await?;
    assert_eq!(rows.next, None, "all fits into one page");
    Ok(rows.items.into_iter().map(|user| user.username.to_string()).collect())
}

async fn put(w: &World, named: &[(&str, &str)]) -> StoreResult<()> {
    let users: Vec<_> = named
        .iter()
        .map(|(username, name)| {
            let display_name = DisplayName::parse(name).expect("a display name");
            User { display_name, ..w.new_user(username) }
        })
        .collect();
    w.put(&users).await
}

async fn a_username_is_found_by_its_start_and_by_its_middle(w: &World) -> Outcome {
    put(w, &[("lovelace", "One"), ("babbage", "Two")]).await?;
    assert_eq!(search(w, "love").await?, ["lovelace"]);
    assert_eq!(search(w, "abba").await?, ["babbage"]);
    assert_eq!(search(w, "BABBAGE").await?, ["babbage"]);
    assert_eq!(search(w, "lovers").await?, Vec::<String>::new());
    Ok(())
}

async fn a_display_name_is_found_whatever_its_case_and_width(w: &World) -> Outcome {
    put(w, &[("u_1", "ＡＤＡ Lovelace"), ("u_2", "Charles")]).await?;
    assert_eq!(search(w, "ada love").await?, ["u_1"]);
    assert_eq!(search(w, "ｌｏｖｅ").await?, ["u_1"]);
    Ok(())
}

async fn a_display_name_is_found_in_any_script(w: &World) -> Outcome {
    put(w, &[("u_1", "Ада Лавлейс"), ("u_2", "愛達 勒芙蕾絲"), ("u_3", "עדה"), ("u_4", "crab 🦀 fan")]).await?;
    assert_eq!(search(w, "ЛАВЛ").await?, ["u_1"]);
    assert_eq!(search(w, "勒芙").await?, ["u_2"]);
    assert_eq!(search(w, "דה").await?, ["u_3"]);
    assert_eq!(search(w, "🦀").await?, ["u_4"]);
    Ok(())
}

async fn the_best_match_comes_first_and_then_the_username(w: &World) -> Outcome {
    put(
        w,
        &[
            ("zoe", "Has ann inside"),
            ("joann", "Infix"),
            ("carl", "Anniversary"),
            ("bert", "Ann Two"),
            ("anna", "Prefix"),
            ("ann.b", "Prefix"),
            ("ann", "Exact"),
            ("dora", "No match"),
        ],
    )
    .await?;
    assert_eq!(search(w, "ann").await?, ["ann", "ann.b", "anna", "bert", "carl", "joann", "zoe"]);
    Ok(())
}

async fn an_email_finds_only_who_allows_it(w: &World) -> Outcome {
    let with = |username: &str, address: &str, findable_by_email| User {
        email: Some(Email::parse(address).expect("an email")),
        findable_by_email,
        ..w.new_user(username)
    };
    w.put(&[with("shown", "a@example.org", true), with("hidden", "b@example.org", false)]).await?;
    assert_eq!(search(w, "A@example.org").await?, ["shown"]);
    assert_eq!(search(w, "b@example.org").await?, Vec::<String>::new());
    Ok(())
}

async fn a_part_of_an_email_finds_nobody(w: &World) -> Outcome {
    let email = Some(Email::parse("countess@example.org").expect("an email"));
    w.put(&[User { email, findable_by_email: true, ..w.new_user("ada") }]).await?;
    for part in ["countess", "example", "@", "ountess@example.org"] {
        assert_eq!(search(w, part).await?, Vec::<String>::new(), "{part}");
    }
    Ok(())
}

async fn a_percent_sign_stands_for_itself(w: &World) -> Outcome {
    put(w, &[("u_1", "100% Ada"), ("u_2", "100 Bob")]).await?;
    assert_eq!(search(w, "%").await?, ["u_1"]);
    assert_eq!(search(w, "100% a").await?, ["u_1"]);
    assert_eq!(search(w, "1%a").await?, Vec::<String>::new());
    Ok(())
}

async fn an_underscore_stands_for_itself(w: &World) -> Outcome {
    put(w, &[("ada_l", "One"), ("adaxl", "Two")]).await?;
    assert_eq!(search(w, "a_l").await?, ["ada_l"]);
    assert_eq!(search(w, "___").await?, Vec::<String>::new());
    Ok(())
}

async fn a_backslash_stands_for_itself(w: &World) -> Outcome {
    put(w, &[("u_1", r"back\slash"), ("u_2", "backslash"), ("u_3", r"ends with \")]).await?;
    assert_eq!(search(w, r"k\s").await?, ["u_1"]);
    assert_eq!(search(w, r"\").await?, ["u_1", "u_3"]);
    assert_eq!(search(w, r"\%").await?, Vec::<String>::new());
    Ok(())
}

async fn quotes_and_nul_do_no_harm(w: &World) -> Outcome {
    put(w, &[("u_1", "O'Hara \"Red\""), ("u_2", "Rhett")]).await?;
    assert_eq!(search(w, "o'h").await?, ["u_1"]);
    assert_eq!(search(w, "\"red\"").await?, ["u_1"]);
    assert_eq!(search(w, "' OR 1=1 --").await?, Vec::<String>::new());
    assert_eq!(search(w, "rhett\u{0}butler").await?, Vec::<String>::new());
    Ok(())
}

async fn accents_and_letters_of_other_scripts_are_not_confused(w: &World) -> Outcome {
    // Names are compared bytewise once folded: a collation that takes "é" for
    // "e", or "ß" for "ss", would find another user.
    put(w, &[("u_1", "René"), ("u_2", "Rene"), ("u_3", "Weiß"), ("u_4", "Weiss")]).await?;
    assert_eq!(search(w, "rené").await?, ["u_1"]);
    assert_eq!(search(w, "rene").await?, ["u_2"]);
    assert_eq!(search(w, "weiß").await?, ["u_3"]);
    Ok(())
}

async fn pages_join_without_gaps_or_repeats(w: &World) -> Outcome {
    let named: Vec<_> = (0..10).map(|n| (format!("ann{n}"), "Someone")).collect();
    let named: Vec<_> = named.iter().map(|(username, name)| (username.as_str(), *name)).collect();
    put(w, &named).await?;
    put(w, &[("ann", "Exact"), ("first", "Annabel"), ("joann", "Infix"), ("second", "Annabel")]).await?;
    let all = search(w, "ann").await?;
    for limit in [1, 2, 3, 7, 13, 14, 15] {
        let read = async |slice| w.read().await?.users().search_users(&query("ann"), slice).await;
        let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|user| user.username.to_string()).collect();
        assert_eq!(walked, all, "in pages of {limit}");
    }
    Ok(())
}

async fn a_page_begins_after_its_key_even_when_that_user_is_gone(w: &World) -> Outcome {
    put(w, &[("anna", "One"), ("annc", "Two")]).await?;
    let key = SearchKey { rank: 1, username: "annb".to_owned() };
    let rows = w.read().await?.users().search_users(&query("ann"), after(key, 5)).await?;
    assert_eq!(rows.items.into_iter().map(|user| user.username.to_string()).collect::<Vec<_>>(), ["annc"]);
    Ok(())
}
