//! The list of migrations.

use sha2::{Digest as _, Sha256};

/// A change of the schema and the way back.
#[derive(Debug)]
pub(crate) struct Migration {
    pub(crate) version: u32,
    pub(crate) name: &'static str,
    pub(crate) up: &'static str,
    pub(crate) down: &'static str,
}

impl Migration {
    /// The SHA-256 of the way up, in hex. It tells whether the file is still
    /// what was applied.
    pub(crate) fn checksum(&self) -> String {
        use std::fmt::Write as _;
        Sha256::digest(self.up.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

macro_rules! migrations {
    ($($version:literal $name:literal $file:literal),+ $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            up: include_str!(concat!("../migrations/", $file, ".up.sql")),
            down: include_str!(concat!("../migrations/", $file, ".down.sql")),
        }),+]
    };
}

/// All of them, in the order in which they are applied. One that was released
/// is never changed; a new one is added at the end.
pub(crate) const MIGRATIONS: &[Migration] = migrations![
    1 "initial" "0001_initial",
    2 "presence" "0002_presence",
    3 "user_terms" "0003_user_terms",
    4 "one_index_for_messages" "0004_one_index_for_messages",
    5 "message_keys" "0005_message_keys",
    6 "message_places" "0006_message_places",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_listed_under_its_number_and_name() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<_> = std::fs::read_dir(directory)
            .expect("the directory is there")
            .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
            .collect();
        files.sort();
        let expected: Vec<_> = MIGRATIONS
            .iter()
            .flat_map(|migration| {
                ["down", "up"].map(|way| format!("{:04}_{}.{way}.sql", migration.version, migration.name))
            })
            .collect();
        assert_eq!(files, expected);
    }

    #[test]
    fn versions_are_dense() {
        let versions: Vec<_> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        let expected: Vec<_> = (1..).take(MIGRATIONS.len()).collect();
        assert_eq!(versions, expected);
    }
}
