//! The command line's end: asks, shows what comes, gives the last word. Blocking.

use std::{
    io::{self, BufReader, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    protocol::{Command, Event, Outcome, Refusal, Reply, Request, VERSION},
    wire::{MAX_REPLY_BYTES, MAX_REQUEST_BYTES, WireError, line, read_blocking},
};

/// A daemon that says nothing for this long is taken for dead; a busy one says `Alive`.
const SILENCE: Duration = Duration::from_secs(60);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Nobody is there.
    #[error(
        "no daemon answers on {}: is `preau run` (systemctl status preau) running?",
        socket.display()
    )]
    NotRunning {
        /// The socket.
        socket: PathBuf,
    },
    /// The file's mode forbids it.
    #[error(
        "you may not use {}: root, the daemon's own user and members of `control.group` may",
        socket.display()
    )]
    Forbidden {
        /// The socket.
        socket: PathBuf,
    },
    /// The daemon said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The connection broke.
    #[error(transparent)]
    Wire(#[from] WireError),
}

/// Asks the daemon on `socket`; `show` sees each event as it comes.
pub fn ask(
    socket: &Path,
    command: Command,
    show: &mut dyn FnMut(Event),
) -> Result<Outcome, AskError> {
    let mut stream = connect(socket)?;
    let words = line(&Request { version: VERSION, command }, MAX_REQUEST_BYTES)?;
    match stream.write_all(&words) {
        // A daemon that has no place answers before it reads.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written.map_err(WireError::Io)?,
    }
    let mut reader = BufReader::new(stream);
    loop {
        match read_blocking(&mut reader, MAX_REPLY_BYTES)? {
            Reply::Event(event) => show(event),
            Reply::Done(outcome) => return Ok(outcome),
            Reply::Refused(refusal) => return Err(refusal.into()),
        }
    }
}

fn connect(socket: &Path) -> Result<UnixStream, AskError> {
    let stream = UnixStream::connect(socket).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => AskError::Forbidden { socket: socket.to_owned() },
        _ => AskError::NotRunning { socket: socket.to_owned() },
    })?;
    stream.set_read_timeout(Some(SILENCE)).map_err(WireError::Io)?;
    stream.set_write_timeout(Some(SILENCE)).map_err(WireError::Io)?;
    Ok(stream)
}
