//! Stands between a node and its database and counts how often the node asks.
//!
//! A turn is that the node speaks after the database did: one round trip,
//! whatever it says and whether or not it is encrypted. So it counts for one
//! node alone, on a server that others use too.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::Outcome;

/// A counting way to a server.
pub struct Turns {
    address: SocketAddr,
    count: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Turns {
    /// On the way to a server of the form `host:port`.
    pub async fn before(server: &str) -> Outcome<Self> {
        let server = server.to_socket_addrs()?.next().ok_or("the server has no address")?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let count = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&count);
        let task = tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                // A connection that breaks is the node's to notice.
                tokio::spawn(carry(node, server, Arc::clone(&counted)));
            }
        });
        Ok(Self { address, count, task })
    }

    /// Where the node has to connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many turns there were so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(node: TcpStream, server: SocketAddr, count: Arc<AtomicU64>) -> io::Result<()> {
    let database = TcpStream::connect(server).await?;
    node.set_nodelay(true)?;
    database.set_nodelay(true)?;
    let (node_read, node_write) = node.into_split();
    let (database_read, database_write) = database.into_split();
    let database_spoke = AtomicBool::new(true);
    let asking = copy(node_read, database_write, || {
        if database_spoke.swap(false, Ordering::Relaxed) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let answering = copy(database_read, node_write, || database_spoke.store(true, Ordering::Relaxed));
    tokio::select! { ended = asking => ended, ended = answering => ended }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut each: impl FnMut(),
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        each();
        to.write_all(&buffer[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_and_its_answer_are_one_turn() -> Outcome<()> {
        let server = TcpListener::bind(("127.0.0.1", 0)).await?;
        let turns = Turns::before(&server.local_addr()?.to_string()).await?;
        let mut node = TcpStream::connect(turns.address()).await?;
        let (mut database, _) = server.accept().await?;
        for asked in 1..=3 {
            node.write_all(b"?").await?;
            assert_eq!(database.read_u8().await?, b'?');
            assert_eq!(turns.count(), asked);
            database.write_all(b"!").await?;
            assert_eq!(node.read_u8().await?, b'!');
        }
        Ok(())
    }
}
