//! What a whole run has to have seen.

use libtest_mimic::Failed;
use messenger_tests::http::Contract;

/// Every answer that the document lists for an operation was given by it, by
/// status and code: what is listed is real. (That every answer seen is listed
/// is checked answer by answer.)
pub(crate) fn every_answer_in_the_document_was_seen() -> Result<(), Failed> {
    let contract = Contract::get();
    let mut missing = vec![];
    for operation in contract.operations() {
        for (status, response) in operation.described["responses"].as_object().expect("responses") {
            let number = status.parse().expect("a status");
            let codes = response["x-codes"]
                .as_array()
                .map_or(vec![""], |codes| codes.iter().map(|code| code.as_str().expect("a code")).collect());
            for code in codes {
                if !contract.seen.has(&operation.id, number, code) {
                    missing.push(format!("{} {status} {code}", operation.id));
                }
            }
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{} answers are in the document and no case got them:\n  {}", missing.len(), missing.join("\n  "))
        .into())
}
