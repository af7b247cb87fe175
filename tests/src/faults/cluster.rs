//! The nodes of a scenario: real processes on one database.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random::Random;
use crate::binary::{Place, Running};

/// How long a node has to stop in peace.
pub(super) const DRAIN_SECONDS: u16 = 8;

/// Where clients find nodes.
pub(super) struct Doors(Mutex<Vec<Door>>);

#[derive(Debug, Clone, Copy)]
struct Door {
    address: SocketAddr,
    open: bool,
}

impl Doors {
    fn doors(&self) -> MutexGuard<'_, Vec<Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Any node that clients may turn to. One that was killed is among them:
    /// nobody told them.
    pub(super) fn pick(&self, random: &mut Random) -> SocketAddr {
        let doors = self.doors();
        let open: Vec<_> = (0..doors.len()).filter(|node| doors[*node].open).collect();
        doors[*random.pick(&open)].address
    }

    pub(super) fn of(&self, node: usize) -> SocketAddr {
        self.doors()[node].address
    }

    /// Sends nobody there any more, as a load balancer does with a node that is
    /// not ready.
    pub(super) fn close(&self, node: usize) {
        self.doors()[node].open = false;
    }

    /// Sends clients there.
    pub(super) fn open(&self, node: usize) {
        self.doors()[node].open = true;
    }
}

pub(super) struct Cluster {
    places: Vec<Place>,
    running: Vec<Option<Running>>,
    pub(super) doors: Arc<Doors>,
    pub(super) kills: u32,
}

impl Cluster {
    /// A node in each of the places.
    pub(super) async fn start(places: Vec<Place>) -> Self {
        let (mut running, mut doors) = (Vec::new(), Vec::new());
        for place in &places {
            let node = serve(place).await;
            doors.push(Door { address: node.address(), open: true });
            running.push(Some(node));
        }
        Self { places, running, doors: Arc::new(Doors(Mutex::new(doors))), kills: 0 }
    }

    /// Ends it as a crash would.
    pub(super) fn kill(&mut self, node: usize) {
        // Dropped is killed.
        self.running[node] = None;
        self.kills += 1;
    }

    /// Starts it again, at another address.
    pub(super) async fn restart(&mut self, node: usize) {
        let running = serve(&self.places[node]).await;
        self.doors.doors()[node] = Door { address: running.address(), open: true };
        self.running[node] = Some(running);
    }

    pub(super) fn node(&mut self, node: usize) -> Result<&mut Running, String> {
        self.running[node].as_mut().ok_or_else(|| format!("node {node} does not run"))
    }

    /// It has ended, as it should.
    pub(super) fn forget(&mut self, node: usize) {
        self.running[node] = None;
    }

    /// Whether all that should run do, and what those that do not have said.
    pub(super) fn fallen(&mut self) -> Vec<String> {
        let running = self.running.iter_mut().flatten();
        let fallen = running.filter_map(|node| (!node.is_running()).then(|| node.log()));
        fallen.map(|log| format!("a node ended by itself: {}", log.lines().last().unwrap_or_default())).collect()
    }
}

async fn serve(place: &Place) -> Running {
    place.serve(&["--rate-limits", "off", "--drain-seconds", &DRAIN_SECONDS.to_string()]).await
}
