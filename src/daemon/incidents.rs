//! What is asked of the incidents over the control socket.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    commands::{blocking, refused},
    house::House,
};
use crate::{
    control::{
        incidents::{IncidentAnswer, IncidentAsk, TicketForms},
        protocol::{Event, Fault, Refusal, clip},
        server::Events,
    },
    health::incident::Forms,
};

/// Lines in one event: some have a hundred spans.
const LINES_AT_ONCE: usize = 40;

/// Answers.
pub(super) async fn answer(
    house: Arc<House>,
    ask: IncidentAsk,
    events: &Events,
) -> Result<IncidentAnswer, Refusal> {
    if !house.incidents.is_ready() {
        return Err(Refusal::new(Fault::Busy, "the book of incidents is being read"));
    }
    match ask {
        IncidentAsk::Book { all } => Ok(book(&house, all, events).await),
        IncidentAsk::Ticket { id } => blocking(move || ticket(&house, &id)).await,
        IncidentAsk::Availability { day } => {
            blocking(move || {
                let now = Timestamp::now();
                let day = day.unwrap_or_else(|| house.incidents.day(now));
                Ok(IncidentAnswer::Availability(house.incidents.months(day, now)))
            })
            .await
        }
    }
}

/// The lines, a part after the other.
async fn book(house: &House, all: bool, events: &Events) -> IncidentAnswer {
    let (lines, waiting) = (house.incidents.lines(all), house.incidents.waiting());
    for part in lines.chunks(LINES_AT_ONCE) {
        events.send(Event::Incidents(part.to_vec())).await;
    }
    IncidentAnswer::Book { count: lines.len(), waiting }
}

/// Blocking.
fn ticket(house: &House, id: &str) -> Result<IncidentAnswer, Refusal> {
    let forms = house.incidents.ticket(id, Timestamp::now()).map_err(refused)?;
    let none = || {
        let says = "`preau health incidents --all` names them";
        Refusal::new(Fault::NoInput, format!("no incident is called `{}`: {says}", clip(id)))
    };
    let Forms { ticket, text, html } = forms.ok_or_else(none)?;
    // Text keys only: this cannot fail.
    let json = serde_json::to_value(&ticket).unwrap_or_default();
    Ok(IncidentAnswer::Ticket(Box::new(TicketForms { json, text, html })))
}
