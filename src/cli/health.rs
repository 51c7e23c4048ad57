//! `preau health`: what may be asked; how the school's Wi-Fi is, from the daemon or by one look of one's
//! own.

use std::path::Path;

use clap::Subcommand;
use jiff::Timestamp;
use preau::{
    config::{Config, Controller},
    health::wifi::{
        Radio, Standing, Target,
        lines::{ApLine, ControllerLine},
    },
};
use serde_json::json;

use super::{
    Common, default_path,
    exit::{Exit, fail},
    incidents::{Form, Month},
};

/// Characters of a name and of a place in a table.
const NAME_CHARS: usize = 28;
const PLACE_CHARS: usize = 20;

/// What can be asked.
#[derive(Debug, Subcommand)]
pub enum HealthCommand {
    /// What the daemon knows of the links to the Internet: outages, round trips, loss, names, fetches.
    ///
    /// Exit code 75: a link is cut, or carries badly. Times are milliseconds: of each target the middle,
    /// nine tenths and 99 of a hundred round trips of the last minute, and their jitter.
    Link,
    /// Test now what a link carries, against what its contract promises.
    ///
    /// It fills the link for some seconds: never in class hours, and within the bytes that
    /// `[health.throughput]` allows a day and a month. Exit code 75: not now, with the reason.
    Throughput {
        /// The link's name [default: the first one].
        link: Option<String>,
    },
    /// What the daemon knows of the Wi-Fi: how each access point stands, since when, its radios.
    ///
    /// Exit code 75: a controller does not answer, or an access point is down or missing.
    Wifi,
    /// How the box itself is: disks, heat, clock, certificate, mirror, proxy; and what is wrong.
    ///
    /// Exit code 75: something is. `-` is what cannot be read.
    Box,
    /// Ask the controllers of the settings now, without the daemon, and say what they tell.
    ///
    /// Exit code 75: one of them tells nothing. Each radio: channel, clients, noise (dBm), use of
    /// the channel (%), power (dBm); `-` is what the controller did not tell.
    #[command(after_help = "Example:\n  preau health poll lycee --config my.toml")]
    Poll {
        /// The controller's name [default: every one].
        name: Option<String>,
    },
    /// What is wrong now: each open incident in a line; with --all the whole book, the latest first.
    ///
    /// Exit code 75: something is open.
    Incidents {
        /// Those that ended, too.
        #[arg(long)]
        all: bool,
    },
    /// An incident's ticket for the region's desk, as text (in French).
    #[command(after_help = "Examples:\n  \
        preau health ticket 0510035L-20261126-7KD2MC\n  \
        preau health ticket 0510035L-20261126-7KD2MC --html > ticket.html")]
    Ticket {
        /// Its name, as `preau health incidents` tells it.
        id: String,
        #[command(flatten)]
        form: Form,
    },
    /// How much of a month each link carried: in all, in class hours, in boarders' evenings.
    Availability {
        /// Which month, as in 2026-11 [default: this one].
        #[arg(long, value_name = "YYYY-MM")]
        month: Option<Month>,
    },
}

/// What the daemon knows.
pub fn tell(controllers: &[ControllerLine], points: &[ApLine], json: bool) -> Exit {
    show(controllers, points, json);
    let bad = |one: &ControllerLine| {
        one.trouble.is_some() || one.standing.down + one.standing.missing > 0
    };
    if controllers.iter().any(bad) { Exit::Temporary } else { Exit::Good }
}

/// One look at a controller, or at all.
pub fn poll(name: Option<&str>, common: &Common) -> Exit {
    let path = common.config.as_deref().unwrap_or(default_path());
    let config = match Config::load(path) {
        Ok((config, _)) => config,
        Err(error) => {
            eprint!("{}", error.render(false));
            return Exit::of_config(&error);
        }
    };
    let wanted = |one: &&Controller| name.is_none_or(|name| one.name == name);
    let controllers: Vec<&Controller> = config.health.controllers.iter().filter(wanted).collect();
    if controllers.is_empty() {
        return fail(Exit::Config, none_of(name, path));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Software, format!("no runtime: {error}")),
    };
    let (mut exit, mut lines, mut points) = (Exit::Good, Vec::new(), Vec::new());
    for controller in controllers {
        let target = match Target::open(controller) {
            Ok(target) => target,
            Err(error) => return fail(Exit::Config, error),
        };
        match runtime.block_on(target.look_alone()) {
            Ok((line, own)) => {
                lines.push(line);
                points.extend(own);
            }
            Err(error) => {
                let why = format!("{} ({}): {error}", controller.name, controller.address);
                exit = fail(Exit::Temporary, why);
            }
        }
    }
    show(&lines, &points, common.json);
    exit
}

fn none_of(name: Option<&str>, path: &Path) -> String {
    let path = path.display();
    name.map_or_else(
        || format!("{path} names no controller: [[health.controllers]]"),
        |name| format!("{path} names no controller {name}"),
    )
}

fn show(controllers: &[ControllerLine], points: &[ApLine], json: bool) {
    if json {
        println!("{}", json!({"controllers": controllers, "access_points": points}));
        return;
    }
    if controllers.is_empty() {
        println!("no controller tells anything ([[health.controllers]] names them)");
    }
    for one in controllers {
        controller(one);
        let own: Vec<&ApLine> =
            points.iter().filter(|point| point.controller == one.name).collect();
        if !own.is_empty() {
            println!(
                "  {:NAME_CHARS$}  {:8} {:PLACE_CHARS$}  RADIOS channel/clients/noise/use/power",
                "ACCESS POINT", "STATE", "PLACE"
            );
        }
        own.into_iter().for_each(access_point);
    }
}

fn controller(one: &ControllerLine) {
    let kind = one.kind.map_or_else(|| "controller".to_owned(), |kind| kind.to_string());
    println!(
        "{} ({}), {kind}: {}",
        one.name,
        one.address,
        one.description.as_deref().unwrap_or("-")
    );
    let since = one.since.map_or_else(String::new, |at| format!(", since {}", moment(at)));
    match &one.trouble {
        Some(why) => println!("  TROUBLE   {why}{since}"),
        None if one.answered_at.is_none() => println!("  not asked yet"),
        None => println!(
            "  answers   in {} ms{since}",
            one.took_ms.map_or_else(|| "-".to_owned(), |took| took.to_string())
        ),
    }
    let count = |count: Option<u64>| count.map_or_else(|| "-".to_owned(), |n| n.to_string());
    println!(
        "  counts    {} access points, {} clients (radios: {})",
        count(one.access_points),
        count(one.clients),
        count(one.clients_of_radios)
    );
    let stand = one.standing;
    println!(
        "  listed    {} up, {} down, {} missing, {} unknown",
        stand.up, stand.down, stand.missing, stand.unknown
    );
    for ssid in &one.ssids {
        println!("  network   {}: {} clients", ssid.name, count(ssid.clients.map(u64::from)));
    }
    for gap in &one.gaps {
        println!("  unknown   {gap}");
    }
}

fn access_point(point: &ApLine) {
    let name = point.name.clone().unwrap_or_else(|| point.mac.to_string());
    let place = point.place.as_ref().map_or_else(String::new, |place| {
        let parts = [&place.building, &place.floor, &place.room];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ")
    });
    let state = match point.standing {
        Standing::Up => "up".to_owned(),
        Standing::Down => "DOWN".to_owned(),
        Standing::Missing => "MISSING".to_owned(),
        Standing::Unknown => "unknown".to_owned(),
    };
    let mut line = format!(
        "  {:NAME_CHARS$}  {state:8} {:PLACE_CHARS$} ",
        cut(&name, NAME_CHARS),
        cut(&place, PLACE_CHARS)
    );
    if matches!(point.standing, Standing::Down | Standing::Missing) {
        line.push_str(&format!(" since {}", moment(point.since)));
    }
    for one in &point.radios {
        line.push_str(&format!(" {}", radio(one)));
    }
    println!("{}", line.trim_end());
}

fn radio(one: &Radio) -> String {
    let say = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    format!(
        "{}/{}/{}/{}/{}",
        say(one.channel.map(|channel| channel.to_string())),
        say(one.clients.map(|clients| clients.to_string())),
        say(one.noise_dbm.map(|noise| noise.to_string())),
        say(one.utilisation_percent.map(|percent| percent.to_string())),
        say(one.power_dbm.map(|power| power.to_string())),
    )
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// In the time zone of who asks.
pub fn moment(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
