//! The cases, a room for each subject.

mod audience;
mod cursors;
mod kinds;
mod nodes;
mod polling;
mod sessions;
mod signals;
mod slow_readers;
mod sockets;
mod streaming;

use super::run::Case;

pub(super) fn all() -> Vec<Case> {
    let rooms = [
        polling::cases(),
        streaming::cases(),
        sockets::cases(),
        sessions::cases(),
        audience::cases(),
        cursors::cases(),
        kinds::cases(),
        slow_readers::cases(),
        signals::cases(),
        nodes::cases(),
    ];
    rooms.into_iter().flatten().collect()
}
