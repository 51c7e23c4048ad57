//! One direction, through a buffer: where no pipe is at hand.

use std::io;

use tokio::net::TcpStream;

use super::Mark;

const BUFFER_BYTES: usize = 16 * 1024;

/// Moves bytes as long as there are some, about `most` of them: how many, and `false` when the sender
/// said its last.
pub async fn while_ready(
    from: &TcpStream,
    to: &TcpStream,
    most: usize,
    mark: &Mark<'_>,
) -> io::Result<(usize, bool)> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut moved = 0;
    while moved < most {
        let mut rest = match from.try_read(&mut buffer) {
            Ok(0) => return Ok((moved, false)),
            Ok(read) => &buffer[..read],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok((moved, true)),
            Err(error) => return Err(error),
        };
        let read = rest.len();
        moved += read;
        while !rest.is_empty() {
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
                Err(error) => return Err(error),
            }
        }
        mark.moved(read);
    }
    // A pipe may be free by now.
    tokio::task::yield_now().await;
    Ok((moved, true))
}
