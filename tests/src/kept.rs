//! A server process that does not outlive the tests, and can be killed and
//! started again before they end.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Starts the server and stops it when this process is gone, however that
/// ends: then the pipe closes, `read` answers, and the server is ended by its
/// process id. Signals of the terminal are for this process, not for it. Its
/// directory goes with it, unless it is to be started again.
const KEEPER: &str = r#"
    trap '' INT TERM HUP
    "$@" >>"$LOG" 2>&1 </dev/null &
    server=$!
    word=
    read -r word
    kill -9 "$server"
    wait "$server" 2>/dev/null
    [ "$word" = keep ] || rm -rf "$DIRECTORY"
"#;

/// Where servers are installed that are not on every user's PATH.
const FURTHER_PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/usr/libexec"];

/// A running server. Dropped, it is killed and its directory removed.
pub(crate) struct Kept(Child);

impl Kept {
    /// Starts `program`, whose files and `log` are in `directory`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        directory: &Path,
        log: &Path,
    ) -> Result<Self, String> {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(program).args(arguments);
        command.env("LOG", log).env("DIRECTORY", directory).stdin(Stdio::piped());
        command.spawn().map(Self).map_err(|error| format!("sh cannot be run: {error}"))
    }

    /// Kills it as a crash would, and leaves its files.
    pub(crate) fn kill(mut self) {
        if let Some(stdin) = &mut self.0.stdin {
            // A keeper that is gone has killed it already.
            let _ = stdin.write_all(b"keep\n");
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // A keeper that cannot be waited for has nothing more to say.
        let _ = self.0.wait();
    }
}

/// An installed program.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(FURTHER_PLACES.map(PathBuf::from));
    places.map(|place| place.join(name)).find(|candidate| candidate.is_file())
}

/// One that was free a moment ago; the server would say if it no longer is.
pub(crate) fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
