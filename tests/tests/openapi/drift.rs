//! The file in the repository is what people and generators read, so a change
//! of the wire is a change of this file, for a reviewer to see.

use std::fs;
use std::path::Path;

#[test]
fn the_document_in_the_repository_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.json");
    let checked_in = fs::read_to_string(path).expect("openapi.json is missing: run `make openapi`");
    let generated = messenger_http::document_text("");
    let differs = checked_in.lines().zip(generated.lines()).position(|(left, right)| left != right);
    let line = differs.unwrap_or_else(|| checked_in.lines().count().min(generated.lines().count())) + 1;
    assert!(checked_in == generated, "openapi.json is not what the code says, from line {line}: run `make openapi`");
}
