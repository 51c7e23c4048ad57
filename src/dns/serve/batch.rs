//! Datagrams taken by the dozen: one call of the system for all that have come (recvmmsg(2)).

use std::{
    io::{self, IoSliceMut},
    net::{SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket},
    os::fd::AsRawFd as _,
};

use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg};

/// Datagrams of one call.
const DATAGRAMS: usize = 32;
/// Bytes of a question: a name, EDNS and a cookie; padding (RFC 8467) at most. What is longer is cut.
const MAX_QUESTION_BYTES: usize = 1500;

/// Room for datagrams.
pub struct Batch {
    /// One a datagram.
    buffers: Vec<[u8; MAX_QUESTION_BYTES]>,
    headers: MultiHeaders<SockaddrStorage>,
    /// The length of each that came, and whose it is.
    came: Vec<(usize, SocketAddr)>,
}

impl Batch {
    /// Empty.
    pub fn new() -> Self {
        Self {
            buffers: vec![[0; MAX_QUESTION_BYTES]; DATAGRAMS],
            headers: MultiHeaders::preallocate(DATAGRAMS, None),
            came: Vec::with_capacity(DATAGRAMS),
        }
    }

    /// Waits for one, as long as the socket does, and takes all that have come until then.
    ///
    /// # Errors
    /// None came in that time (`WouldBlock`), or the system has none to give.
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<()> {
        self.came.clear();
        let Some(buffers) = self.buffers.first_chunk_mut::<DATAGRAMS>() else { return Ok(()) };
        let mut places = buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
        let (headers, flags) = (&mut self.headers, MsgFlags::MSG_WAITFORONE);
        let came = recvmmsg(socket.as_raw_fd(), headers, places.iter_mut(), flags, None)?;
        // One that has no address is nobody's to answer, and keeps its place.
        let nobody = SocketAddr::from(([0, 0, 0, 0], 0));
        self.came.extend(came.map(|one| {
            let peer = one.address.as_ref().and_then(address);
            (one.bytes, peer.unwrap_or(nobody))
        }));
        Ok(())
    }

    /// What came last.
    pub fn datagrams(&self) -> impl Iterator<Item = (&[u8], SocketAddr)> {
        let all = self.buffers.iter().zip(&self.came);
        all.map(|(buffer, (length, peer))| (buffer.get(..*length).unwrap_or_default(), *peer))
            .filter(|(_, peer)| peer.port() != 0)
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = storage.as_sockaddr_in() {
        return Some(SocketAddrV4::new(v4.ip(), v4.port()).into());
    }
    let v6 = storage.as_sockaddr_in6()?;
    Some(SocketAddrV6::new(v6.ip(), v6.port(), v6.flowinfo(), v6.scope_id()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_came_is_taken_in_its_order_with_whose_it_is() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(socket) = UdpSocket::bind(any) else { continue };
            let (near, senders) =
                (socket.local_addr().unwrap(), [(); 3].map(|()| UdpSocket::bind(any)));
            let mut batch = Batch::new();
            for round in 1..=3_usize {
                for (number, sender) in senders.iter().flatten().enumerate() {
                    sender.send_to(&vec![7; 100 * number + round], near).unwrap();
                }
                batch.receive(&socket).unwrap();
                let came: Vec<_> =
                    batch.datagrams().map(|(bytes, peer)| (bytes.len(), peer)).collect();
                let sent: Vec<_> = (0..)
                    .map(|number| 100 * number + round)
                    .zip(senders.iter().flatten().map(|sender| sender.local_addr().unwrap()))
                    .collect();
                assert_eq!(came, sent);
            }
        }
    }

    #[test]
    fn more_than_fit_are_taken_by_the_next_call_and_one_too_long_is_cut() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(socket.local_addr().unwrap()).unwrap();
        for number in 0..=DATAGRAMS {
            sender.send(&vec![0; if number == 0 { 9000 } else { number }]).unwrap();
        }
        let mut batch = Batch::new();
        batch.receive(&socket).unwrap();
        let lengths: Vec<_> = batch.datagrams().map(|(bytes, _)| bytes.len()).collect();
        assert_eq!((lengths.len(), lengths[0], lengths[1]), (DATAGRAMS, MAX_QUESTION_BYTES, 1));
        batch.receive(&socket).unwrap();
        assert_eq!(batch.datagrams().count(), 1);
    }
}
