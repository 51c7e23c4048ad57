//! Service tickets: once, for a moment, for one address. Pure.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// CAS Protocol 3.0 §3.1.1: short, since it passes through a browser's address.
const TICKET_LIFE: Duration = Duration::from_secs(30);
/// Tickets waiting, and sign-ins remembered for logout.
const MAX_KEPT: usize = 1000;

/// A ticket that waits to be validated.
#[derive(Debug)]
struct Waiting {
    service: String,
    person: &'static str,
    until: Instant,
}

/// Who went where, for single logout.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) ticket: String,
    pub(super) service: String,
    pub(super) person: &'static str,
}

#[derive(Debug, Default)]
pub(super) struct Tickets {
    waiting: HashMap<String, Waiting>,
    signed_in: Vec<SignedIn>,
}

/// Why a ticket is not taken, in the words of CAS 3.0 §2.5.3.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    Ticket,
    Service,
}

impl Refused {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Ticket => "INVALID_TICKET",
            Self::Service => "INVALID_SERVICE",
        }
    }
}

impl Tickets {
    pub(super) fn give(
        &mut self,
        ticket: &str,
        service: &str,
        person: &'static str,
        now: Instant,
    ) -> bool {
        self.waiting.retain(|_, waiting| waiting.until > now);
        if self.waiting.len() >= MAX_KEPT {
            return false;
        }
        let waiting = Waiting { service: service.to_owned(), person, until: now + TICKET_LIFE };
        self.waiting.insert(ticket.to_owned(), waiting);
        true
    }

    /// A ticket is good once, whatever comes of it.
    pub(super) fn take(
        &mut self,
        ticket: &str,
        service: &str,
        now: Instant,
    ) -> Result<&'static str, Refused> {
        let waiting = self.waiting.remove(ticket).filter(|waiting| waiting.until > now);
        let waiting = waiting.ok_or(Refused::Ticket)?;
        if waiting.service != service {
            return Err(Refused::Service);
        }
        if self.signed_in.len() >= MAX_KEPT {
            self.signed_in.remove(0);
        }
        let (ticket, person) = (ticket.to_owned(), waiting.person);
        self.signed_in.push(SignedIn { ticket, service: waiting.service, person });
        Ok(person)
    }

    /// Forgets where a person went, and says it.
    pub(super) fn sign_out(&mut self, person: &str) -> Vec<SignedIn> {
        let all = std::mem::take(&mut self.signed_in);
        let (gone, stay) = all.into_iter().partition(|one| one.person == person);
        self.signed_in = stay;
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_once_for_a_moment_and_for_its_address() {
        let (mut tickets, now) = (Tickets::default(), Instant::now());
        assert!(tickets.give("ST-1", "https://a/", "demo-e01", now));
        assert_eq!(tickets.take("ST-1", "https://a/", now), Ok("demo-e01"));
        assert_eq!(tickets.take("ST-1", "https://a/", now), Err(Refused::Ticket));
        tickets.give("ST-2", "https://a/", "demo-e01", now);
        assert_eq!(tickets.take("ST-2", "https://b/", now), Err(Refused::Service));
        tickets.give("ST-3", "https://a/", "demo-e01", now);
        assert_eq!(tickets.take("ST-3", "https://a/", now + TICKET_LIFE), Err(Refused::Ticket));
        let gone = tickets.sign_out("demo-e01");
        assert_eq!((gone.len(), gone[0].ticket.as_str()), (1, "ST-1"));
        assert!(tickets.sign_out("demo-e01").is_empty());
    }
}
