//! A ticket as a page: one A4 when printed, readable on a phone, without a script.

use askama::Template;

use super::{
    About, Ticket,
    sheet::{Row, Section, Sheet, percent},
};

/// A bar of the month's days.
struct Bar {
    x: usize,
    y: f64,
    height: f64,
    known: bool,
    says: String,
}

#[derive(Template)]
#[template(path = "ticket.html")]
struct Page<'a> {
    sheet: &'a Sheet,
}

impl Page<'_> {
    /// A bar a day; what little is missing from all is shown tenfold, since a day that lacks an hour is
    /// a bad one.
    #[allow(clippy::unused_self, reason = "askama calls methods of the page")]
    fn bars(&self, section: &Section) -> Vec<Bar> {
        let days = section.bars.iter().enumerate();
        days.map(|(place, day)| {
            let missing = day.map_or(0.0, |part| ((1.0 - part) * 10.0).min(1.0));
            let height = if day.is_some() { 20.0 * (1.0 - missing) + 2.0 } else { 2.0 };
            Bar {
                x: place * 10,
                y: 22.0 - height,
                height,
                known: day.is_some(),
                says: format!("{} : {}", place + 1, day.map_or_else(|| "–".to_owned(), percent)),
            }
        })
        .collect()
    }

    /// The cell that tells which row it is.
    #[allow(clippy::unused_self, reason = "askama calls methods of the page")]
    fn name<'r>(&self, row: &'r Row) -> &'r str {
        row.cells.first().map_or("", String::as_str)
    }
}

/// The page, whole.
///
/// # Errors
/// None in practice: the template writes to memory.
pub fn page(ticket: &Ticket, about: &About) -> Result<String, askama::Error> {
    Page { sheet: &Sheet::of(ticket, about) }.render()
}
