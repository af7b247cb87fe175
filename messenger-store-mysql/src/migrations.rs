//! The migrations themselves: `migrations/NNNN_name.{up,down}.sql`.

use messenger_core::store::MigrationError;
use sha2::{Digest as _, Sha256};

/// One step of the schema, forth and back.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "testing"), allow(unreachable_pub, reason = "tests alone bring migrations of their own"))]
pub struct Migration {
    /// Its number; migrations are applied in ascending order.
    pub version: u32,
    /// What it does, in a few words.
    pub name: &'static str,
    /// The statements forth. DDL commits on its own, and a crash can fall
    /// between a statement and its record: write each so that it can run
    /// twice. For what has no `IF NOT EXISTS` on MySQL, the migrator takes
    /// "is there already" for done, but in `CREATE TABLE`: a column, a key, a
    /// constraint.
    pub up: &'static str,
    /// The statements back; they are repeated from the first one after a
    /// failure, so write `IF EXISTS`.
    pub down: &'static str,
}

/// All of this version's, in ascending order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "initial",
        up: include_str!("../migrations/0001_initial.up.sql"),
        down: include_str!("../migrations/0001_initial.down.sql"),
    },
    Migration {
        version: 2,
        name: "presence",
        up: include_str!("../migrations/0002_presence.up.sql"),
        down: include_str!("../migrations/0002_presence.down.sql"),
    },
    Migration {
        version: 3,
        name: "user_terms",
        up: include_str!("../migrations/0003_user_terms.up.sql"),
        down: include_str!("../migrations/0003_user_terms.down.sql"),
    },
];

/// The statements of a script: each ends with a `;` at the end of a line.
/// Lines of comment belong to none.
pub(crate) fn statements(script: &str) -> Vec<String> {
    let mut statements = Vec::new();
    let mut statement = String::new();
    for line in script.lines().map(str::trim_end) {
        if line.is_empty() || line.trim_start().starts_with("--") {
            continue;
        }
        statement.push_str(line.strip_suffix(';').unwrap_or(line));
        if line.ends_with(';') {
            statements.push(std::mem::take(&mut statement));
        } else {
            statement.push('\n');
        }
    }
    if !statement.trim().is_empty() {
        statements.push(statement.trim_end().to_owned());
    }
    statements
}

/// What tells that applied statements were edited since.
pub(crate) fn checksum(statements: &[String]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for statement in statements {
        hash.update((statement.len() as u64).to_be_bytes());
        hash.update(statement);
    }
    hash.finalize().into()
}

/// A migration as `schema_migrations` knows it.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    pub(crate) version: u32,
    pub(crate) name: String,
    /// Of the statements that were carried out.
    pub(crate) checksum: Vec<u8>,
    pub(crate) applied_at: Option<i64>,
    pub(crate) statements_done: u32,
}

/// Refuses a history that is not this version's: migrations that it does not
/// know, that were edited after they were applied, or that were left out.
pub(crate) fn check_history(known: &[Migration], recorded: &[Recorded]) -> Result<(), MigrationError> {
    for row in recorded {
        let (version, name) = (row.version, &row.name);
        let Some(migration) = known.iter().find(|migration| migration.version == version) else {
            return Err(MigrationError::new(format!(
                "the database has migration {version} ({name}), which this version of messenger does not know: \
                 use the version that applied it, or a later one"
            )));
        };
        let all = statements(migration.up);
        let done = usize::try_from(row.statements_done).unwrap_or(usize::MAX);
        let complete = row.applied_at.is_none() || done == all.len();
        if !complete || all.get(..done).is_none_or(|done| checksum(done).as_slice() != row.checksum) {
            return Err(MigrationError::new(format!(
                "migration {version} ({name}) was edited after it was applied: restore its text and write another \
                 migration instead"
            )));
        }
    }
    let first_gap = known.iter().find(|migration| !recorded.iter().any(|row| row.version == migration.version));
    if let (Some(gap), Some(last)) = (first_gap, recorded.iter().map(|row| row.version).max())
        && gap.version < last
    {
        return Err(MigrationError::new(format!(
            "migration {} ({}) is missing below migration {last}, which is there: the database was made by \
                 another history",
            gap.version, gap.name
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Migration] = &[
        Migration { version: 1, name: "one", up: "A;\nB;\n", down: "" },
        Migration { version: 2, name: "two", up: "C;\n", down: "" },
    ];

    fn row(version: u32, done: &[&str], applied_at: Option<i64>) -> Recorded {
        let statements: Vec<_> = done.iter().map(|&text| text.to_owned()).collect();
        Recorded {
            version,
            name: "some".to_owned(),
            checksum: checksum(&statements).to_vec(),
            applied_at,
            statements_done: u32::try_from(done.len()).expect("few"),
        }
    }

    #[test]
    fn a_script_falls_apart_at_the_semicolons_that_end_lines() {
        let script = "-- a; comment;\nCREATE a (\n  -- inside;\n  b ';' c\n);\n\nDROP d;  \nlast";
        assert_eq!(statements(script), ["CREATE a (\n  b ';' c\n)", "DROP d", "last"]);
    }

    #[test]
    fn a_history_that_grows_is_accepted() {
        for recorded in [
            vec![],
            vec![row(1, &[], None)],
            vec![row(1, &["A"], None)],
            vec![row(1, &["A", "B"], Some(0))],
            vec![row(1, &["A", "B"], Some(0)), row(2, &["C"], Some(0))],
        ] {
            assert!(check_history(KNOWN, &recorded).is_ok(), "{recorded:?}");
        }
    }

    #[test]
    fn a_history_of_another_kind_is_refused() {
        for (recorded, expected) in [
            (row(3, &["D"], Some(0)), "does not know"),
            (row(1, &["A", "X"], Some(0)), "was edited"),
            (row(1, &["A"], Some(0)), "was edited"),
            (row(1, &["X"], None), "was edited"),
            (row(2, &["C"], Some(0)), "is missing below"),
        ] {
            let error = check_history(KNOWN, &[recorded]).expect_err(expected).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn every_migration_has_its_number_in_order_and_a_way_back() {
        for (index, migration) in MIGRATIONS.iter().enumerate() {
            assert_eq!(usize::try_from(migration.version).expect("few"), index + 1);
            assert!(!statements(migration.up).is_empty() && !statements(migration.down).is_empty());
        }
    }
}
