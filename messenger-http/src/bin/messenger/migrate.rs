//! `messenger migrate`.

use std::fmt;

use messenger_core::store::{MigrationError, MigrationState, MigrationStatus};

use crate::Failure;
use crate::cli::{MigrateAction, Options};
use crate::database::Database;

pub(crate) async fn migrate(options: Options, action: MigrateAction) -> Result<(), Failure> {
    let migrator = Database::parse(&options.database_url)?.migrator();
    let failed = |error: MigrationError| Failure::Run(error.to_string());
    match action {
        MigrateAction::Up => {
            let applied = migrator.up().await.map_err(failed)?;
            if applied.is_empty() {
                println!("nothing to apply");
            }
            print(&applied);
        }
        MigrateAction::Down => match migrator.down().await.map_err(failed)? {
            Some(one) => println!("{}", Line(&one)),
            None => println!("nothing to take back"),
        },
        MigrateAction::Status => {
            print(&migrator.status().await.map_err(failed)?);
        }
    }
    Ok(())
}

fn print(statuses: &[MigrationStatus]) {
    for status in statuses {
        println!("{}", Line(status));
    }
}

/// `0001  applied 2026-01-01T00:00:00Z  the first tables`
struct Line<'a>(&'a MigrationStatus);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MigrationStatus { version, name, state } = self.0;
        write!(f, "{version:04}  ")?;
        match state {
            MigrationState::Pending => write!(f, "{:<28}", "pending")?,
            MigrationState::Applied { at } => {
                let at = jiff::Timestamp::from_second(at.as_seconds()).unwrap_or_default();
                write!(f, "{:<28}", format!("applied {at}"))?;
            }
            MigrationState::Interrupted { statements_done } => {
                write!(f, "{:<28}", format!("stopped after statement {statements_done}"))?;
            }
        }
        write!(f, "  {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use messenger_core::clock::Timestamp;

    #[test]
    fn a_line_tells_version_state_and_name() {
        let line = |state| Line(&MigrationStatus { version: 1, name: "first tables".to_owned(), state }).to_string();
        assert_eq!(line(MigrationState::Pending), "0001  pending                       first tables");
        let applied = line(MigrationState::Applied { at: Timestamp::from_millis(1_700_000_000_999) });
        assert_eq!(applied, "0001  applied 2023-11-14T22:13:20Z  first tables");
        let stopped = line(MigrationState::Interrupted { statements_done: 3 });
        assert_eq!(stopped, "0001  stopped after statement 3     first tables");
    }
}
