//! What may be asked of the incidents, and the answers.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::health::incident::ticket::Month;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentAsk {
    /// Those that are open, or the whole book.
    Book {
        /// Those that ended, too.
        all: bool,
    },
    /// One's ticket.
    Ticket {
        /// Its name.
        id: String,
    },
    /// The month's availability of each link.
    Availability {
        /// A day of the month; nothing = today.
        day: Option<Date>,
    },
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentAnswer {
    /// Of `Book`, whose lines came before.
    Book {
        /// Their number.
        count: usize,
        /// Incidents of which a ticket waits to be sent.
        waiting: usize,
    },
    /// Of `Ticket`.
    Ticket(Box<TicketForms>),
    /// Of `Availability`: one a link.
    Availability(Vec<Month>),
}

/// A ticket in its three forms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketForms {
    /// As data (docs/fr/incidents.md).
    pub json: serde_json::Value,
    /// As text, in 72 columns.
    pub text: String,
    /// As a page of one A4.
    pub html: String,
}
