//! A ticket by mail (RFC 5321): its text, and its page beside it for whoever shows HTML.

use std::{fmt, fs, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};

use super::{NotTaken, PostError, secret, state_key};
use crate::{
    config::{MailTls, Network, TicketMail},
    health::incident::ticket::{self, About, State, Ticket},
};

/// A server must answer each command within this.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// A message must be taken within this, connection included.
const TAKEN_WITHIN: Duration = Duration::from_secs(90);
/// Characters of a server's word that the log shows.
const MAX_REASON_CHARS: usize = 300;

/// A mail server, and the addresses of tickets.
pub(super) struct Mail {
    server: String,
    from: Mailbox,
    to: Vec<Mailbox>,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Mail {
    /// As the settings say. Reads files. Blocking.
    pub(super) fn open(mail: &TicketMail, network: &Network) -> Result<Self, PostError> {
        let tls = match mail.tls {
            MailTls::None => Tls::None,
            MailTls::Starttls => Tls::Required(parameters(mail, network)?),
            MailTls::Tls => Tls::Wrapper(parameters(mail, network)?),
        };
        let host = mail.server.host.clone();
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(mail.server.port)
            .tls(tls)
            .timeout(Some(ANSWER_WITHIN));
        if let Some((user, path)) = mail.user.as_ref().zip(mail.password_file.as_ref()) {
            let password = secret("mail.password_file", path)?;
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        let mailbox = |address: &String| -> Result<Mailbox, PostError> {
            let address = address.parse().map_err(|error: lettre::address::AddressError| {
                PostError::Mail { what: address.clone(), reason: error.to_string() }
            })?;
            Ok(Mailbox::new(None, address))
        };
        Ok(Self {
            server: mail.server.to_string(),
            from: mailbox(&mail.from)?,
            to: mail.to.iter().map(mailbox).collect::<Result<_, _>>()?,
            transport: builder.build(),
        })
    }

    /// Sends a ticket; good when the server took it.
    pub(super) async fn send(&self, ticket: &Ticket, about: &About) -> Result<(), NotTaken> {
        let failed = |reason: String| NotTaken::Mail {
            server: self.server.clone(),
            reason: reason.chars().take(MAX_REASON_CHARS).collect(),
        };
        let message = self.message(ticket, about).map_err(failed)?;
        match tokio::time::timeout(TAKEN_WITHIN, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(failed(causes(&error))),
            Err(_) => Err(failed(format!("did not take the message within {TAKEN_WITHIN:?}"))),
        }
    }

    fn message(&self, ticket: &Ticket, about: &About) -> Result<Message, String> {
        let domain = self.from.email.domain();
        let first = format!("<{}.open@{domain}>", ticket.id);
        let own = format!("<{}@{domain}>", state_key(ticket));
        let state = match ticket.state {
            State::Open => "",
            State::Ended => "[terminé] ",
            State::Folded => "[rattaché] ",
            State::Unwatched => "[plus surveillé] ",
        };
        let subject = format!("{state}{} : {} ({})", ticket.school.name, ticket.fact, ticket.id);
        let mut builder = Message::builder().from(self.from.clone()).subject(subject);
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        if own != first {
            builder = builder.in_reply_to(first.clone()).references(first);
        }
        // Nobody's out-of-office answers a machine (RFC 3834 §5).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let page = ticket::page(ticket, about).map_err(|error| error.to_string())?;
        builder
            .message_id(Some(own))
            .date_now()
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(ticket::text(ticket, about), page))
            .map_err(|error| error.to_string())
    }
}

/// TLS with the system's authorities and those of the settings.
fn parameters(mail: &TicketMail, network: &Network) -> Result<TlsParameters, PostError> {
    let fault = |what: String, reason: String| PostError::Mail { what, reason };
    let mut builder = TlsParameters::builder(mail.server.host.clone());
    for path in &network.extra_authorities {
        let here = || path.display().to_string();
        let pem = fs::read(path).map_err(|error| fault(here(), error.to_string()))?;
        let known = Certificate::from_pem(&pem).map_err(|error| fault(here(), causes(&error)))?;
        builder = builder.add_root_certificate(known);
    }
    builder.build_rustls().map_err(|error| fault("TLS".into(), causes(&error)))
}

/// An error and what it came from: lettre's own words are short.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(": {cause}"));
        next = cause.source();
    }
    text
}
