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
    the_pieces_of_a_long_query_must_stand_together,
    a_query_is_not_found_across_two_names,
    names_of_one_and_two_characters_are_found,
    an_infix_of_one_or_two_characters_is_found_in_any_script,
    who_matches_in_two_ways_is_found_once_by_the_better_one,
    a_changed_display_name_is_found_and_the_old_one_is_not,
    a_name_that_was_not_committed_is_not_found,
    pages_join_without_gaps_or_repeats,
    pages_join_where_nearly_all_match,
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

async fn the_pieces_of_a_long_query_must_stand_together(w: &World) -> Outcome {
    // Each has all pieces of three characters, in another place or order.
    put(w, &[("u_1", "abcdxbcde"), ("u_2", "cdeabcdbcd"), ("u_3", "abcde")]).await?;
    assert_eq!(search(w, "abcde").await?, ["u_3"]);
    assert_eq!(search(w, "bcdeabcd").await?, Vec::<String>::new());
    put(w, &[("u_4", "annx annabel"), ("u_5", "annabel annx")]).await?;
    assert_eq!(search(w, "annabel").await?, ["u_5", "u_4"]);
    Ok(())
}

async fn a_query_is_not_found_across_two_names(w: &World) -> Outcome {
    put(w, &[("ada", "Lovelace"), ("love", "Ada")]).await?;
    for query in ["dal", "al", "adalove", "ada love", "adalovelace", "celove", "lovea", "ea"] {
        assert_eq!(search(w, query).await?, Vec::<String>::new(), "{query}");
    }
    Ok(())
}

async fn names_of_one_and_two_characters_are_found(w: &World) -> Outcome {
    put(w, &[("u_1", "Ж"), ("u_2", "愛"), ("u_3", "Жу"), ("u_4", "🦀🦀")]).await?;
    assert_eq!(search(w, "ж").await?, ["u_1", "u_3"]);
    assert_eq!(search(w, "жу").await?, ["u_3"]);
    assert_eq!(search(w, "жук").await?, Vec::<String>::new());
    assert_eq!(search(w, "愛").await?, ["u_2"]);
    assert_eq!(search(w, "🦀🦀").await?, ["u_4"]);
    assert_eq!(search(w, "🦀🦀🦀").await?, Vec::<String>::new());
    Ok(())
}

async fn an_infix_of_one_or_two_characters_is_found_in_any_script(w: &World) -> Outcome {
    put(w, &[("u_1", "Зоя Ц"), ("u_2", "勒芙蕾絲"), ("u_3", "x ß y"), ("u_4", "crab🦀")]).await?;
    assert_eq!(search(w, "я").await?, ["u_1"]);
    assert_eq!(search(w, "я ц").await?, ["u_1"]);
    assert_eq!(search(w, "芙蕾").await?, ["u_2"]);
    assert_eq!(search(w, "ß").await?, ["u_3"]);
    // A space at an end tells apart too, where it is not trimmed.
    assert_eq!(search(w, "x ß").await?, ["u_3"]);
    assert_eq!(search(w, "b🦀").await?, ["u_4"]);
    Ok(())
}

async fn who_matches_in_two_ways_is_found_once_by_the_better_one(w: &World) -> Outcome {
    let email = Some(Email::parse("x@example.org").expect("an email"));
    let by_email = User {
        email,
        findable_by_email: true,
        display_name: DisplayName::parse("mail x@example.org").expect("a display name"),
        ..w.new_user("zoe")
    };
    w.put([&by_email]).await?;
    put(w, &[("bert", "x@example.org"), ("anna", "Anna of Annas"), ("ann", "Joann"), ("joann", "Ann")]).await?;
    assert_eq!(search(w, "x@example.org").await?, ["zoe", "bert"]);
    for query in ["ann", "an", "a"] {
        assert_eq!(search(w, query).await?[..3], ["ann", "anna", "joann"], "{query}");
    }
    Ok(())
}

async fn a_changed_display_name_is_found_and_the_old_one_is_not(w: &World) -> Outcome {
    let name = |text| DisplayName::parse(text).expect("a display name");
    let ada = User { display_name: name("Augusta King"), ..w.new_user("ada") };
    w.put([&ada]).await?;
    let countess = User { display_name: name("Countess King"), ..ada.clone() };
    w.change(async |tx| tx.users().update_user(&ada, &countess).await).await?;
    for query in ["c", "cou", "countess", "ss k", "king", "g", "ada"] {
        assert_eq!(search(w, query).await?, ["ada"], "{query}");
    }
    for query in ["au", "gus", "augusta", "ta king"] {
        assert_eq!(search(w, query).await?, Vec::<String>::new(), "{query}");
    }
    // And back; a piece of the username was a piece of the name's, too.
    let same = User { display_name: name("Ada"), ..ada.clone() };
    w.change(async |tx| tx.users().update_user(&countess, &same).await).await?;
    w.change(async |tx| tx.users().update_user(&same, &ada).await).await?;
    for query in ["ad", "da", "augusta", "a k"] {
        assert_eq!(search(w, query).await?, ["ada"], "{query}");
    }
    assert_eq!(search(w, "countess").await?, Vec::<String>::new());
    Ok(())
}

async fn a_name_that_was_not_committed_is_not_found(w: &World) -> Outcome {
    let mut tx = w.begin().await?;
    tx.users().insert_user(&w.new_user("lovelace")).await?;
    assert_eq!(tx.users().search_users(&query("vel"), first(10)).await?.items.len(), 1);
    tx.rollback().await?;
    assert_eq!(search(w, "vel").await?, Vec::<String>::new());
    w.put_user("lovelace").await?;
    assert_eq!(search(w, "vel").await?, ["lovelace"]);
    Ok(())
}

async fn pages_join_where_nearly_all_match(w: &World) -> Outcome {
    let named: Vec<_> = (0..9)
        .flat_map(|n| {
            [
                (format!("user{n}"), format!("User {n}")),
                (format!("a{n}x"), format!("User {n}")),
                (format!("z{n}x"), format!("A user {n}")),
                (format!("m{n}user"), "M".to_owned()),
            ]
        })
        .collect();
    let named: Vec<_> = named.iter().map(|(username, name)| (username.as_str(), name.as_str())).collect();
    put(w, &named).await?;
    put(w, &[("user", "Someone"), ("nobody", "No one")]).await?;
    for (text, count) in [("u", 37), ("us", 37), ("use", 37), ("user", 37), ("user ", 37), ("user 1", 3), ("ser 8", 3)]
    {
        let all = search(w, text).await?;
        assert_eq!(all.len(), count, "{text}");
        for limit in [1, 4, 9, 10, 18, 36, 37] {
            let read = async |slice| w.read().await?.users().search_users(&query(text), slice).await;
            let walked: Vec<_> = walk(limit, read).await?.into_iter().map(|user| user.username.to_string()).collect();
            assert_eq!(walked, all, "{text} in pages of {limit}");
        }
    }
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
