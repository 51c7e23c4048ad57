//! Commands that talk to the daemon: asked, shown while they run, ended with a code.

use std::path::Path;

use preau::control::{
    client::{self, AskError},
    protocol::{Command, Event, Fault, HoldingLine, Outcome, SyncReport, VerifyReport},
};
use serde_json::json;

use super::{
    exit::{Exit, fail},
    filtering, health, health_box, incidents, link,
    show::Show,
    tables, uplink,
};

/// Asks, shows, answers.
pub fn ask(socket: &Path, command: Command, json: bool) -> Exit {
    let mut show = Show::new(json);
    let mut holdings: Vec<HoldingLine> = Vec::new();
    let (mut points, mut lines, mut metrics) = (Vec::new(), Vec::new(), String::new());
    let outcome = client::ask(socket, command, &mut |event| match event {
        Event::Holdings(part) => holdings.extend(part),
        Event::AccessPoints(part) => points.extend(part),
        Event::Incidents(part) => lines.extend(part),
        Event::Metrics(lines) if json => metrics.push_str(&lines),
        Event::Metrics(lines) => print!("{lines}"),
        event => show.event(&event),
    });
    if let Ok(Outcome::Sync(report)) = &outcome {
        // What came last came after the last event.
        show.event(&Event::Moving(report.moving.clone()));
    }
    show.end();
    match outcome {
        Ok(Outcome::Machine(lines)) => health_box::tell(&lines, json),
        Ok(Outcome::Metrics(lines)) if json => {
            println!("{}", json!({"lines": lines, "text": metrics}));
            Exit::Good
        }
        Ok(Outcome::Wifi(controllers)) => health::tell(&controllers, &points, json),
        Ok(Outcome::Incidents(answer)) => incidents::answer(&answer, &lines, json),
        Ok(outcome) if json => {
            println!("{}", as_json(&outcome, &holdings));
            exit(&outcome)
        }
        Ok(outcome) => {
            tell(&outcome, &holdings);
            exit(&outcome)
        }
        Err(error) => {
            let exit = exit_of(&error);
            if json {
                println!("{}", json!({"error": error.to_string(), "exit": exit as u8}));
            }
            fail(exit, error)
        }
    }
}

fn as_json(outcome: &Outcome, holdings: &[HoldingLine]) -> serde_json::Value {
    match outcome {
        Outcome::Status(status) => json!(status),
        Outcome::Sync(report) => {
            let mut value = json!(report);
            value["whole"] = json!(report.waited.then(|| report.is_whole()));
            value
        }
        Outcome::Import(report) => json!(report),
        Outcome::Verify(report) => json!(report),
        Outcome::Rebuild { packages } => json!({"packages": packages}),
        Outcome::Usage(usage) => json!(usage),
        Outcome::Revoke { count } => json!({"revoked": count}),
        Outcome::Holdings { count } => json!({"count": count, "holdings": holdings}),
        Outcome::Filter(answer) => json!(answer),
        Outcome::Journal(status) => json!({"journal": status}),
        Outcome::Wifi(controllers) => json!({"controllers": controllers}),
        Outcome::Machine(lines) => json!(lines),
        // Told with its text.
        Outcome::Metrics(lines) => json!({"lines": lines}),
        Outcome::Uplink(status) => json!({"uplink": status}),
        Outcome::Links(links) => json!({"links": links}),
        Outcome::Throughput(test) => json!(test),
        // Told with its lines.
        Outcome::Incidents(_) => json!(null),
        Outcome::Reload(report) => json!(report),
    }
}

fn tell(outcome: &Outcome, holdings: &[HoldingLine]) {
    match outcome {
        Outcome::Status(status) => tables::status(status),
        Outcome::Sync(report) => tables::sync(report),
        Outcome::Import(report) => tables::import(report),
        Outcome::Verify(report) => tables::verify(report),
        Outcome::Rebuild { packages } => println!("index made anew: {packages} packages"),
        Outcome::Usage(usage) => tables::usage(usage),
        Outcome::Revoke { count } => {
            println!("{count} passes, sessions and keys of reading apps open nothing any more");
        }
        Outcome::Holdings { .. } => tables::holdings(holdings),
        Outcome::Filter(answer) => filtering::tell(answer),
        Outcome::Journal(status) => tables::journal(status.as_ref()),
        // Told with their parts, or as they came.
        Outcome::Wifi(_) | Outcome::Machine(_) | Outcome::Incidents(_) | Outcome::Metrics(_) => {}
        Outcome::Uplink(status) => uplink::tell(status.as_ref()),
        Outcome::Links(links) => link::tell(links),
        Outcome::Throughput(test) => link::tested(test),
        Outcome::Reload(report) => tables::reload(report),
    }
}

fn exit(outcome: &Outcome) -> Exit {
    match outcome {
        Outcome::Sync(report @ SyncReport { waited: true, .. }) if !report.is_whole() => {
            Exit::Temporary
        }
        Outcome::Import(report) if !report.refused.is_empty() => Exit::Data,
        Outcome::Links(links) if links.iter().any(link::is_bad) => Exit::Temporary,
        Outcome::Reload(report) if !report.set_aside.is_empty() => Exit::Config,
        Outcome::Verify(VerifyReport { damaged: 1.., .. }) => Exit::Data,
        Outcome::Uplink(Some(status)) if uplink::is_held(status) => Exit::Temporary,
        _ => Exit::Good,
    }
}

pub fn exit_of(error: &AskError) -> Exit {
    match error {
        AskError::NotRunning { .. } => Exit::Unavailable,
        AskError::Forbidden { .. } => Exit::NoPermission,
        AskError::Wire(_) => Exit::Io,
        AskError::Refused(refusal) => match refusal.fault {
            Fault::Usage => Exit::Usage,
            Fault::Forbidden => Exit::NoPermission,
            Fault::Busy => Exit::Temporary,
            Fault::Data => Exit::Data,
            Fault::NoInput => Exit::NoInput,
            Fault::Io => Exit::Io,
            Fault::Config => Exit::Config,
            Fault::Stopping => Exit::Unavailable,
            Fault::Internal => Exit::Software,
        },
    }
}
