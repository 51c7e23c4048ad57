//! The daemon's end: one request a connection, carried out while its client listens.

use std::{io, sync::Arc, time::Duration};

use nix::unistd::Uid;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    peer,
    protocol::{Command, Event, Fault, Outcome, Refusal, Reply, Request, VERSION},
    wire::{MAX_REPLY_BYTES, MAX_REQUEST_BYTES, WireError, line, read},
};

/// Clients served at once; a further one is told to come later.
const MAX_CLIENTS: usize = 16;
/// A request must come within this.
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
/// A client must take a line within this.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// A client that waits hears something at least this often.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
/// Pause after the system refused a connection for want of something.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Events that wait for a slow client.
const MAX_WAITING_EVENTS: usize = 16;

/// Carries out commands. The daemon is the one that can; tests have their own.
pub trait Commands: Clone + Send + Sync + 'static {
    /// Does what is asked. Dropped when the client goes away.
    fn obey(
        &self,
        command: Command,
        events: Events,
    ) -> impl Future<Output = Result<Outcome, Refusal>> + Send;
}

/// Where a command says how it goes on.
#[derive(Debug, Clone)]
pub struct Events(mpsc::Sender<Event>);

impl Events {
    /// Shows where things are; left out when the client is slow.
    pub fn show(&self, event: Event) {
        // Full: a later one says more. Closed: the client is gone, see `is_gone`.
        let _ = self.0.try_send(event);
    }

    /// Sends a part of the answer; waits for a slow client.
    pub async fn send(&self, event: Event) {
        // Closed: the command is about to be dropped.
        let _ = self.0.send(event).await;
    }

    /// Has the client gone away? Work on other threads stops by it.
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }
}

/// Serves the control socket until cancelled. `group` is `control.group`, as now in force.
pub async fn serve<C: Commands>(
    listener: Arc<UnixListener>,
    group: watch::Receiver<Option<String>>,
    commands: C,
    tracker: TaskTracker,
    token: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let accepted = tokio::select! {
            () = token.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "control socket: accept refused by the system");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = places.clone().try_acquire_owned().ok();
        let group = group.borrow().clone();
        let (commands, token) = (commands.clone(), token.clone());
        tracker.spawn(async move {
            let talked = Box::pin(converse(stream, place, group, commands, token)).await;
            if let Err(error) = talked {
                tracing::debug!(%error, "control client gone");
            }
        });
    }
}

async fn converse<C: Commands>(
    stream: UnixStream,
    place: Option<OwnedSemaphorePermit>,
    group: Option<String>,
    commands: C,
    token: CancellationToken,
) -> Result<(), WireError> {
    let allowed = is_allowed(&stream, group).await;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    if place.is_none() {
        let busy = format!("{MAX_CLIENTS} clients are being served: come back in a moment");
        return say(&mut writer, &Reply::Refused(Refusal::new(Fault::Busy, busy))).await;
    }
    if let Err(refusal) = allowed {
        return say(&mut writer, &Reply::Refused(refusal)).await;
    }
    let request = timeout(REQUEST_WITHIN, read(&mut reader, MAX_REQUEST_BYTES));
    let command = match request.await {
        Ok(Ok(Request { version: VERSION, command })) => command,
        Ok(Ok(Request { version, .. })) => {
            let says = format!("version {version} was spoken, the daemon speaks {VERSION}");
            return say(&mut writer, &Reply::Refused(Refusal::new(Fault::Usage, says))).await;
        }
        Ok(Err(WireError::Io(error))) => return Err(error.into()),
        Ok(Err(error)) => {
            return say(&mut writer, &Reply::Refused(Refusal::new(Fault::Usage, error))).await;
        }
        Err(_) => return Ok(()),
    };
    carry_out(command, reader, writer, commands, token).await
}

async fn is_allowed(stream: &UnixStream, group: Option<String>) -> Result<(), Refusal> {
    let internal = |error: &dyn std::fmt::Display| Refusal::new(Fault::Internal, error);
    let peer = stream.peer_cred().map_err(|error| internal(&error))?;
    let asked = move || peer::may_command(&peer, Uid::effective(), group.as_deref());
    if tokio::task::spawn_blocking(asked).await.map_err(|error| internal(&error))? {
        return Ok(());
    }
    tracing::warn!(uid = peer.uid(), "control socket: a stranger was refused");
    let says = format!(
        "user {} may not command this daemon: root, its own user and members of \
         `control.group` may",
        peer.uid()
    );
    Err(Refusal::new(Fault::Forbidden, says))
}

/// Runs one command, sends what it says, and stops it when its client goes away.
async fn carry_out<C: Commands>(
    command: Command,
    mut reader: BufReader<OwnedReadHalf>,
    mut writer: OwnedWriteHalf,
    commands: C,
    token: CancellationToken,
) -> Result<(), WireError> {
    tracing::debug!(?command, "control command");
    let (sender, mut events) = mpsc::channel(MAX_WAITING_EVENTS);
    let mut work = Box::pin(commands.obey(command, Events(sender)));
    let mut rest = [0; 1];
    let last = loop {
        tokio::select! {
            outcome = &mut work => break match outcome {
                Ok(outcome) => Reply::Done(outcome),
                Err(refusal) => Reply::Refused(refusal),
            },
            Some(event) = events.recv() => say(&mut writer, &Reply::Event(event)).await?,
            _ = reader.read(&mut rest) => return Err(WireError::Closed),
            () = token.cancelled() => {
                break Reply::Refused(Refusal::new(Fault::Stopping, "the daemon is stopping"));
            }
            () = tokio::time::sleep(ALIVE_EVERY) => {
                say(&mut writer, &Reply::Event(Event::Alive)).await?;
            }
        }
    };
    drop(work);
    while let Ok(event) = events.try_recv() {
        say(&mut writer, &Reply::Event(event)).await?;
    }
    say(&mut writer, &last).await
}

async fn say(writer: &mut OwnedWriteHalf, reply: &Reply) -> Result<(), WireError> {
    let line = match line(reply, MAX_REPLY_BYTES) {
        Err(error @ WireError::TooLong { .. }) => {
            tracing::error!(%error, "a reply is too long to be sent");
            line(&Reply::Refused(Refusal::new(Fault::Internal, error)), MAX_REPLY_BYTES)?
        }
        line => line?,
    };
    match timeout(TAKEN_WITHIN, writer.write_all(&line)).await {
        Ok(written) => Ok(written?),
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::control::{client, socket};

    /// Answers with many parts, or for ever.
    #[derive(Clone)]
    struct Scripted;

    impl Commands for Scripted {
        async fn obey(&self, command: Command, events: Events) -> Result<Outcome, Refusal> {
            match command {
                Command::Holdings => {
                    for _ in 0..100 {
                        events.send(Event::Holdings(vec![])).await;
                    }
                    Ok(Outcome::Holdings { count: 100 })
                }
                Command::Usage => Err(Refusal::new(Fault::Io, "the disk is gone")),
                _ => std::future::pending().await,
            }
        }
    }

    struct Served {
        folder: tempfile::TempDir,
        token: CancellationToken,
        tracker: TaskTracker,
        _file: socket::SocketFile,
    }

    fn served() -> Served {
        let folder = tempfile::tempdir().unwrap();
        let (listener, file) = socket::bind(&folder.path().join("s"), None).unwrap();
        let listener = Arc::new(UnixListener::from_std(listener).unwrap());
        let (token, tracker) = (CancellationToken::new(), TaskTracker::new());
        let (_, group) = watch::channel(None);
        tracker.spawn(serve(listener, group, Scripted, tracker.clone(), token.clone()));
        Served { folder, token, tracker, _file: file }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn every_part_comes_before_the_last_word() {
        let served = served();
        let path = served.folder.path().join("s");
        let (count, outcome, refused) = tokio::task::spawn_blocking(move || {
            let mut count = 0;
            let outcome = client::ask(&path, Command::Holdings, &mut |_| count += 1);
            (count, outcome, client::ask(&path, Command::Usage, &mut |_| ()))
        })
        .await
        .unwrap();
        assert_eq!((count, outcome.unwrap()), (100, Outcome::Holdings { count: 100 }));
        assert_eq!(refused.unwrap_err().to_string(), "the disk is gone");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_client_that_waits_is_told_that_the_daemon_stops() {
        let served = served();
        let path = served.folder.path().join("s");
        let asking = tokio::task::spawn_blocking(move || {
            let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
            let mut writer = &stream;
            std::io::Write::write_all(&mut writer, b"{\"version\":1,\"command\":\"status\"}\n")
                .unwrap();
            let mut text = String::new();
            (&stream).read_to_string(&mut text).unwrap();
            text
        });
        while served.tracker.len() < 2 {
            tokio::task::yield_now().await;
        }
        served.token.cancel();
        served.tracker.close();
        let text = asking.await.unwrap();
        // Cancelled before the connection was taken, it is closed without a word.
        assert!(text.is_empty() || text.contains("stopping"), "{text}");
        served.tracker.wait().await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn words_that_are_no_request_are_refused_by_name() {
        let served = served();
        let path = served.folder.path().join("s");
        let answers = tokio::task::spawn_blocking(move || {
            let mut answers = vec![];
            for words in ["{\"version\":9,\"command\":\"status\"}\n", "GET / HTTP/1.1\r\n"] {
                let stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
                std::io::Write::write_all(&mut &stream, words.as_bytes()).unwrap();
                let mut text = String::new();
                (&stream).read_to_string(&mut text).unwrap();
                answers.push(text);
            }
            answers
        })
        .await
        .unwrap();
        assert!(answers[0].contains("version 9 was spoken"), "{answers:?}");
        assert!(answers[1].contains("not understood"), "{answers:?}");
    }
}
