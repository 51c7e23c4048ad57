//! What the types of `[health]` cannot say.

mod link;

use std::{collections::HashSet, time::Duration};

use super::{Found, absolute};
use crate::config::{
    Config, SnmpUser,
    report::Severity::{Error, Warning},
};

const MAX_CONTROLLERS: usize = 16;
const MAX_TRAP_SOCKETS: usize = 4;
const MAX_NAME_CHARS: usize = 32;
const SHORTEST_INTERVAL: Duration = Duration::from_secs(10);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
const LONGEST_TIMEOUT: Duration = Duration::from_secs(10);
/// RFC 3411 §5 (`SnmpAdminString`) and RFC 3414 §5 (`usmUserName`).
const MAX_USER_BYTES: usize = 32;

pub(super) fn check_health(config: &Config, found: &mut Found<'_>) {
    let controllers = &config.health.controllers;
    if controllers.len() > MAX_CONTROLLERS {
        let says = format!("{} controllers", controllers.len());
        found("health.controllers", Error, says, "at most 16");
    }
    let traps = &config.health.traps.listen;
    if traps.len() > MAX_TRAP_SOCKETS {
        let says = format!("{} addresses", traps.len());
        found("health.traps.listen", Error, says, "at most 4");
    }
    if !traps.is_empty() && controllers.is_empty() {
        let says = "nobody may send traps".into();
        found("health.traps.listen", Warning, says, "[[health.controllers]]");
    }
    let mut names = HashSet::new();
    for (index, one) in controllers.iter().enumerate() {
        let at = |name: &str| format!("health.controllers[{index}].{name}");
        if !is_plain(&one.name) {
            let says = format!("`{}` names no controller", one.name.escape_debug());
            found(&at("name"), Error, says, "1 to 32 letters, digits, `-`, `_` and `.`");
        } else if !names.insert(&one.name) {
            let says = format!("another controller is called `{}`", one.name);
            found(&at("name"), Error, says, "a name of its own for each controller");
        }
        if one.interval.0 < SHORTEST_INTERVAL || one.interval.0 > LONGEST_INTERVAL {
            found(&at("interval"), Error, format!("asked every {}", one.interval), "10s to 1h");
        }
        if one.timeout.0 < SHORTEST_TIMEOUT || one.timeout.0 > LONGEST_TIMEOUT {
            found(&at("timeout"), Error, format!("an answer in {}", one.timeout), "100ms to 10s");
        }
        match (&one.community_file, &one.v3) {
            (None, None) => {
                let says = "nothing says how it is asked".into();
                let expected = "community_file, or [health.controllers.v3]";
                found(&at("address"), Error, says, expected);
            }
            (Some(_), Some(_)) => {
                let says = "a community and a user of v3 are set".into();
                found(&at("community_file"), Warning, says, "one of the two; v3 is used");
            }
            _ => {}
        }
        for (name, path) in [("community_file", &one.community_file), ("places", &one.places)] {
            if let Some(path) = path {
                absolute(&at(name), path, found);
            }
        }
        if let Some(user) = &one.v3 {
            check_user(&at("v3"), user, found);
        }
    }
    link::check_links(&config.health, found);
}

/// A name that stands in reports and in labels of values.
fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=MAX_NAME_CHARS).contains(&name.chars().count()) && name.chars().all(plain)
}

fn check_user(key: &str, user: &SnmpUser, found: &mut Found<'_>) {
    if user.user.is_empty() || user.user.len() > MAX_USER_BYTES {
        let says = format!("`{}` names no user", user.user.escape_debug());
        found(&format!("{key}.user"), Error, says, "1 to 32 bytes");
    }
    absolute(&format!("{key}.auth_key_file"), &user.auth_key_file, found);
    if let Some(path) = &user.privacy_key_file {
        absolute(&format!("{key}.privacy_key_file"), path, found);
    } else {
        let says = "without a privacy key everybody on the way reads along".into();
        found(&format!("{key}.user"), Warning, says, "privacy_key_file");
    }
}
