//! Tickets on their way to the desk: by mail and by HTTPS, each with its bounds of time.

mod hook;
mod mail;

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use self::{hook::Hook, mail::Mail};
use super::{
    outbox::Way,
    ticket::{About, Ticket},
};
use crate::{
    config::{Network, Tickets},
    net::client::ClientError,
};

/// A longer file is no secret of a line.
const MAX_SECRET_BYTES: u64 = 4096;
/// What is readable by everyone on the box is no secret.
const OTHERS: u32 = 0o007;

/// Why tickets cannot be sent as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum PostError {
    /// A password or a token.
    #[error("health.tickets.{key}: {path}: {reason}", path = path.display())]
    Secret {
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An address, or an authority of `network.extra_authorities`.
    #[error("health.tickets.mail: {what}: {reason}")]
    Mail {
        /// What.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the client of the hook says of its certificates.
    #[error("health.tickets.hook: {0}")]
    Hook(#[from] ClientError),
}

/// Why a ticket was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The mail server, or the way there.
    #[error("the mail server {server}: {reason}")]
    Mail {
        /// Where.
        server: String,
        /// What it said, or what failed.
        reason: String,
    },
    /// The hook could not be reached.
    #[error("the hook: {0}")]
    Hook(#[from] ClientError),
    /// The hook said no.
    #[error("the hook answered {0}")]
    Refused(http::StatusCode),
    /// This way is not set up.
    #[error("this way is not set up")]
    NoWay,
}

/// Those who carry tickets.
#[derive(Debug)]
pub struct Post {
    mail: Option<Mail>,
    hook: Option<Hook>,
}

impl Post {
    /// As the settings say. Reads files. Blocking.
    pub fn open(tickets: &Tickets, network: &Network) -> Result<Self, PostError> {
        let mail = tickets.mail.as_ref().map(|mail| Mail::open(mail, network)).transpose()?;
        let hook = tickets.hook.as_ref().map(|hook| Hook::open(hook, network)).transpose()?;
        Ok(Self { mail, hook })
    }

    /// Sends a ticket; good when it was taken.
    pub async fn send(&self, way: Way, ticket: &Ticket, about: &About) -> Result<(), NotTaken> {
        match (way, &self.mail, &self.hook) {
            (Way::Mail, Some(mail), _) => Box::pin(mail.send(ticket, about)).await,
            (Way::Hook, _, Some(hook)) => Box::pin(hook.send(ticket)).await,
            _ => Err(NotTaken::NoWay),
        }
    }
}

/// A name for a state of an incident: whoever gets it twice knows it by this.
fn state_key(ticket: &Ticket) -> String {
    let state = if ticket.ended_at.is_some() { "ended" } else { "open" };
    format!("{}.{state}", ticket.id)
}

/// The one line of a file that not everybody may read. Blocking.
fn secret(key: &'static str, path: &Path) -> Result<String, PostError> {
    let fault = |reason: String| PostError::Secret { key, path: path.to_owned(), reason };
    let unreadable = |error: io::Error| fault(format!("cannot be read: {error}"));
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if mode & OTHERS != 0 {
        let close = "chown root:preau and chmod 640 close it";
        return Err(fault(format!("open to every user (mode {mode:03o}); {close}")));
    }
    let mut text = String::new();
    file.take(MAX_SECRET_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    let line = text.trim_end_matches(['\r', '\n']);
    let good = (1..=MAX_SECRET_BYTES).contains(&(line.len() as u64))
        && !line.chars().any(char::is_control);
    if good {
        Ok(line.to_owned())
    } else {
        Err(fault("one line of 1 to 4096 bytes is expected".into()))
    }
}
