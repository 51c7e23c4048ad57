//! How the reports to the region are, for a person.

use indicatif::HumanBytes;
use preau::uplink::Status;

use super::tables::{age, moment};

/// Does something stand in the way?
pub fn is_held(status: &Status) -> bool {
    status.trouble.is_some() || status.clock_in_doubt
}

/// What is known.
pub fn tell(status: Option<&Status>) {
    let Some(status) = status else {
        return println!("nothing is reported: uplink.url is not set");
    };
    println!("  to        {}", status.url);
    println!("  series    {} at the last collection", status.series);
    let oldest = status.oldest.map(|at| format!(", the oldest of {}", moment(at)));
    println!(
        "  waiting   {} values, {} of {}{}",
        status.waiting,
        HumanBytes(status.bytes),
        HumanBytes(status.quota),
        oldest.unwrap_or_default()
    );
    println!("  taken     {} of {} values since the daemon started", status.sent, status.came);
    if status.thinned > 0 {
        println!("  thinned   {} values, for want of room", status.thinned);
    }
    let dropped = &status.dropped;
    if dropped.refused + dropped.full + dropped.damaged + dropped.clock > 0 {
        println!(
            "  LOST      {} refused by the region, {} for want of room, {} damaged, {} of a false moment",
            dropped.refused, dropped.full, dropped.damaged, dropped.clock
        );
    }
    let taken =
        status.taken_at.map_or_else(|| "nothing yet".to_owned(), |at| format!("{} ago", age(at)));
    println!("  last      taken: {taken}");
    if let Some((at, words)) = &status.answer {
        println!("  answer    {words} ({} ago)", age(*at));
    }
    if status.clock_in_doubt {
        println!("  TROUBLE   the clock is not synchronised: nothing is sent until it is");
    }
    if let Some(trouble) = &status.trouble {
        println!("  TROUBLE   {trouble}");
    }
}
