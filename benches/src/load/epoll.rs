//! The ceiling of `fanout`: a loop over epoll, on one thread, that writes
//! given bytes to many sockets and does nothing else.

use std::io::{self, Write as _};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// The sockets of a loop. Each is ready to be written to most of the time;
/// those that are not are waited for.
pub struct Loop {
    poll: Poll,
    events: Events,
    peers: Vec<Peer>,
}

struct Peer {
    stream: TcpStream,
    /// How much of what is being written it has taken.
    taken: usize,
}

impl Loop {
    /// Over these connections.
    pub fn over(streams: Vec<std::net::TcpStream>) -> io::Result<Self> {
        let (poll, mut peers) = (Poll::new()?, Vec::with_capacity(streams.len()));
        for stream in streams {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(peers.len()), Interest::WRITABLE)?;
            peers.push(Peer { stream, taken: 0 });
        }
        Ok(Self { poll, events: Events::with_capacity(1_024), peers })
    }

    /// Writes the same bytes to all; returns when the last has taken them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut waiting = 0;
        for peer in &mut self.peers {
            peer.taken = 0;
            waiting += usize::from(!peer.write(bytes)?);
        }
        while waiting > 0 {
            self.poll.poll(&mut self.events, None)?;
            for event in &self.events {
                if let Some(peer) = self.peers.get_mut(event.token().0).filter(|peer| peer.taken < bytes.len()) {
                    waiting -= usize::from(peer.write(bytes)?);
                }
            }
        }
        Ok(())
    }
}

impl Peer {
    /// Writes as much as it takes; whether that was all.
    fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        while self.taken < bytes.len() {
            match self.stream.write(&bytes[self.taken..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => self.taken += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    #[test]
    fn who_reads_late_gets_every_byte() -> io::Result<()> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let mut reader = std::net::TcpStream::connect(listener.local_addr()?)?;
        let mut sockets = Loop::over(vec![listener.accept()?.0])?;
        let reading = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            std::io::copy(&mut reader, &mut io::sink())
        });
        // More than the buffers in between hold.
        let bytes = vec![b'x'; 20_000_000];
        sockets.write(&bytes)?;
        drop(sockets);
        assert_eq!(reading.join().expect("it does not panic")?, bytes.len() as u64);
        Ok(())
    }
}
