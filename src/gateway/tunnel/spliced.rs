//! One direction, through a pipe in the kernel.

use std::io;

use rustix::{
    io::Errno,
    pipe::{SpliceFlags, splice},
};
use tokio::{io::Interest, net::TcpStream};

use super::{
    Mark,
    pipes::{PIPE_BYTES, Pipe},
};

const FLAGS: SpliceFlags = SpliceFlags::NONBLOCK.union(SpliceFlags::MOVE);

/// Moves bytes as long as there are some, about `most` of them: how many, and `false` when the sender
/// said its last.
pub async fn while_ready(
    from: &TcpStream,
    to: &TcpStream,
    mut pipe: Pipe,
    most: usize,
    mark: &Mark<'_>,
) -> io::Result<(usize, bool)> {
    let mut moved = 0;
    loop {
        let filled = match fill(from, &mut pipe, most - moved) {
            Ok(0) => return Ok((moved, false)),
            Ok(filled) => filled,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((moved, true)),
            Err(error) => return Err(error),
        };
        moved += filled;
        while pipe.holds > 0 {
            match drain(to, &mut pipe) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
        mark.moved(filled);
        if moved >= most {
            drop(pipe);
            tokio::task::yield_now().await;
            return Ok((moved, true));
        }
    }
}

/// From the socket into the pipe, at most so many bytes. The pipe is empty: that nothing can be moved
/// is the socket's fault.
fn fill(from: &TcpStream, pipe: &mut Pipe, most: usize) -> io::Result<usize> {
    let (_, write) = pipe.ends().ok_or(Errno::BADF)?;
    let most = PIPE_BYTES.min(most);
    let filled =
        from.try_io(Interest::READABLE, || Ok(splice(from, None, write, None, most, FLAGS)?))?;
    pipe.holds += filled;
    Ok(filled)
}

/// From the pipe, which holds bytes, into the socket.
fn drain(to: &TcpStream, pipe: &mut Pipe) -> io::Result<usize> {
    let (read, _) = pipe.ends().ok_or(Errno::BADF)?;
    let holds = pipe.holds;
    let drained =
        to.try_io(Interest::WRITABLE, || Ok(splice(read, None, to, None, holds, FLAGS)?))?;
    pipe.holds -= drained;
    Ok(drained)
}
