//! `preau health incidents`, `ticket`, `availability`, for a person.

use std::{path::Path, str::FromStr};

use clap::Args;
use jiff::{Timestamp, civil::Date};
use preau::{
    control::{
        client,
        incidents::{IncidentAnswer, IncidentAsk},
        protocol::{Command, Outcome},
    },
    health::incident::{
        How,
        availability::{Clock, Share},
        book::Line,
        ticket,
    },
};
use serde_json::json;

use super::{
    ask::exit_of,
    exit::{Exit, fail},
};

/// The form of a ticket.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub struct Form {
    /// As text, in 72 columns (what is printed anyhow).
    #[arg(long)]
    text: bool,
    /// As a page of one A4.
    #[arg(long)]
    html: bool,
    /// Asked for by the option that all commands have.
    #[arg(skip)]
    json: bool,
}

impl Form {
    /// With what was asked of every command.
    pub fn or_json(self, json: bool) -> Self {
        Self { json, ..self }
    }
}

/// A month, as in `2026-11`.
#[derive(Debug, Clone, Copy)]
pub struct Month(pub Date);

impl FromStr for Month {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let first = (text.len() == 7).then(|| format!("{text}-01").parse().ok()).flatten();
        first.map(Self).ok_or_else(|| "a month is written 2026-11".to_owned())
    }
}

/// Prints a ticket in the form that was asked for.
pub fn ticket(socket: &Path, id: String, form: Form) -> Exit {
    let command = Command::Incidents { ask: IncidentAsk::Ticket { id } };
    match client::ask(socket, command, &mut |_| ()) {
        Ok(Outcome::Incidents(IncidentAnswer::Ticket(forms))) => {
            match form {
                Form { json: true, .. } => println!("{}", forms.json),
                Form { html: true, .. } => println!("{}", forms.html),
                _ => print!("{}", forms.text),
            }
            Exit::Good
        }
        Ok(_) => fail(Exit::Software, "the daemon answered another question"),
        Err(error) => {
            let exit = exit_of(&error);
            if form.json {
                println!("{}", json!({"error": error.to_string(), "exit": exit as u8}));
            }
            fail(exit, error)
        }
    }
}

/// Prints what was asked.
pub fn answer(answer: &IncidentAnswer, lines: &[Line], json: bool) -> Exit {
    match answer {
        IncidentAnswer::Book { waiting, .. } => return tell(lines, *waiting, json),
        IncidentAnswer::Availability(months) if json => println!("{}", json!({"months": months})),
        IncidentAnswer::Availability(months) => availability(months),
        IncidentAnswer::Ticket(forms) => print!("{}", forms.text),
    }
    Exit::Good
}

/// The incidents, a line each.
fn tell(lines: &[Line], waiting: usize, json: bool) -> Exit {
    let open = lines.iter().filter(|line| line.ended.is_none()).count();
    if json {
        println!("{}", json!({"incidents": lines, "open": open, "waiting": waiting}));
    } else if lines.is_empty() {
        println!("nothing is wrong, as far as the box sees");
    } else {
        lines.iter().for_each(line);
        if waiting > 0 {
            println!("{waiting} of them have a ticket that waits to be sent");
        }
    }
    if open > 0 { Exit::Temporary } else { Exit::Good }
}

fn line(line: &Line) {
    let state = match line.ended.as_ref() {
        None => "OPEN".to_owned(),
        Some(ended) => match &ended.how {
            How::Good => format!("ended {}", moment(ended.at)),
            How::Folded { into } => format!("part of {into}"),
            How::Unwatched => "no longer watched".to_owned(),
        },
    };
    println!("{}  since {}  {state}", line.id, moment(line.since));
    let mut more = String::new();
    if line.returns > 0 {
        more.push_str(&format!(" (came again {} times)", line.returns));
    }
    if line.effects > 0 {
        more.push_str(&format!(" (explains {} others)", line.effects));
    }
    let detail = if line.detail.is_empty() { &line.subject } else { &line.detail };
    println!("  {detail}{more}");
    for told in &line.told {
        let what = if told.ended { "that it is over" } else { "that it began" };
        println!("  told by {} {what}, {}", told.way, moment(told.at));
    }
}

/// A month of each link.
fn availability(months: &[ticket::Month]) {
    if months.is_empty() {
        println!("no link is watched, and none was ever down");
    }
    for month in months {
        let whole = &month.whole;
        println!("{}  {} to {}", whole.link, whole.first, whole.last);
        for share in &whole.shares {
            println!("  {}", shared(share));
        }
        println!("  outages    {}, the longest of {} s", whole.outages, whole.longest);
    }
}

fn shared(share: &Share) -> String {
    let clock = match share.clock {
        Clock::Always => "always",
        Clock::Classes => "classes",
        Clock::Boarding => "boarding",
    };
    // Down, never up: what is not whole is not said to be.
    let cut = |part: f64| format!("{:.3} %", (part * 100_000.0 + 1e-6).floor() / 1000.0);
    let part = share.availability().map_or_else(|| "-".to_owned(), cut);
    format!("{clock:10} {part:>10}  down {} s, not watched {} s", share.down, share.unknown())
}

fn moment(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
