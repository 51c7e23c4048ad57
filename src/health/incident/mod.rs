//! What is wrong becomes incidents: opened on evidence, closed with hysteresis, causes told from effects,
//! kept with what shows them, told as tickets to the region's desk.
//!
//! `rules` is what each kind waits for; `machine`, pure, turns findings into incidents; `book` keeps them;
//! `availability`, pure, is a month against the contract; `ticket` writes an incident for people and
//! programs; `outbox`, pure, says who is to be told what and when; `post` sends; `run` is the task.
//! Not here: what is wrong. Those who measure say so (`finding::Watcher`).

pub mod availability;
pub mod book;
mod desk;
mod hours;
mod machine;
mod outbox;
mod post;
mod record;
mod rules;
mod run;
mod spans;
pub mod ticket;

pub use self::{
    availability::Hours,
    desk::Forms,
    post::PostError,
    record::{Effect, Ended, How, Incident, Spell, Thing, Told},
    rules::Severity,
    run::{Incidents, Setup},
};
