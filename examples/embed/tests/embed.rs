//! What an embedder copies must work as it stands.

use std::path::Path;
use std::process::Command;

/// Runs the example in a directory and answers what it printed.
fn run_in(directory: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_messenger-embed"))
        .current_dir(directory)
        .output()
        .expect("the example starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn two_people_talk_and_the_second_run_goes_on_from_the_first() {
    let directory = tempfile::tempdir().expect("a temporary directory");

    let first = "  1 Ada: Hello Bob!\n  2 Bob: Hello Ada!\n";
    let unread = "Bob has 1 unread\nBob has 0 unread\n";
    assert_eq!(run_in(directory.path()), format!("{first}{unread}"));

    let second = "  3 Ada: Hello Bob!\n  4 Bob: Hello Ada!\n";
    assert_eq!(run_in(directory.path()), format!("{first}{second}{unread}"));
}

#[test]
fn the_readme_shows_this_program() {
    let program = include_str!("../src/main.rs");
    let (_, program) = program.split_once("\n\n").expect("its documentation ends with an empty line");
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("```rust\n{program}```\n")), "README.md shows another program than src/main.rs");
}
