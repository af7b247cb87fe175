//! What access tokens are signed with. No key is built in: it comes from the
//! environment, or is made at random and kept beside the SQLite file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use messenger_core::id::{IdGenerator, SystemIds};
use messenger_core::token::SigningKeys;

use crate::Failure;
use crate::database::Database;

const VARIABLE: &str = "MESSENGER_SIGNING_KEYS";

/// The keys from the environment, else those beside the database's file.
pub(crate) fn find(database: &Database) -> Result<SigningKeys, Failure> {
    let given = match std::env::var(VARIABLE) {
        Ok(keys) => Some(keys),
        Err(std::env::VarError::NotPresent) => None,
        Err(std::env::VarError::NotUnicode(_)) => return Err(Failure::Usage(format!("{VARIABLE} is not UTF-8"))),
    };
    match (given.filter(|keys| !keys.trim().is_empty()), database.file()) {
        (Some(keys), _) => SigningKeys::parse(&keys).map_err(|error| Failure::Usage(format!("{VARIABLE}: {error}"))),
        (None, Some(file)) => keys_beside(file),
        (None, None) => Err(Failure::Usage(format!(
            "{VARIABLE} is required with MySQL, the same for all nodes: at least 32 bytes, such as from \
             `openssl rand -base64 32`"
        ))),
    }
}

fn keys_beside(database: &Path) -> Result<SigningKeys, Failure> {
    let path = key_path(database);
    let failed =
        |error: std::io::Error| Failure::Run(format!("cannot keep a signing key in {}: {error}", path.display()));
    let key = match std::fs::read_to_string(&path) {
        Ok(key) => key,
        Err(error) if error.kind() == ErrorKind::NotFound => make(&path).map_err(failed)?,
        Err(error) => return Err(failed(error)),
    };
    SigningKeys::parse(key.trim()).map_err(|error| Failure::Run(format!("{}: {error}", path.display())))
}

fn key_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".signing-key");
    name.into()
}

/// Makes a key and answers the one that is kept: where two start at once, one
/// makes it and both use it.
///
/// It is written in full to a file of its own and then linked to its name,
/// which fails when the name is taken: nobody ever reads half a key.
fn make(path: &Path) -> std::io::Result<String> {
    let mut random = [0; 32];
    SystemIds.fill_random(&mut random);
    let key = URL_SAFE_NO_PAD.encode(random);
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = write_new(&draft, &key).and_then(|()| match std::fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // What went wrong first is what is told: after it there may be no draft.
    let removed = std::fs::remove_file(&draft);
    written?;
    removed?;
    std::fs::read_to_string(path)
}

fn write_new(path: &Path, key: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{key}")?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_keeps_a_key_from_being_written_is_told() {
        // Nobody may make files there, and root neither.
        let Err(Failure::Run(told)) = keys_beside(Path::new("/sys/messenger.db")) else { panic!("it is refused") };
        assert!(told.contains("/sys/messenger.db.signing-key") && !told.contains("No such file"), "{told}");
    }

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("m.db");
        let first = format!("{:?}", keys_beside(&database).expect("made"));
        let second = format!("{:?}", keys_beside(&database).expect("found"));
        assert_eq!(first, second);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = key_path(&database).metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(directory.path()).expect("a directory").count(), 1, "no draft is left");
    }

    #[test]
    fn who_comes_second_uses_the_key_of_the_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("m.db.signing-key");
        write_new(&path, &"k".repeat(32)).expect("written");
        assert_eq!(make(&path).expect("read").trim(), "k".repeat(32));
    }

    #[test]
    fn a_broken_key_file_stops_the_start() {
        let directory = tempfile::tempdir().expect("a directory");
        let database = directory.path().join("m.db");
        std::fs::write(key_path(&database), "short").expect("written");
        assert!(matches!(keys_beside(&database), Err(Failure::Run(_))));
    }
}
