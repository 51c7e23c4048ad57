//! Answers for a person.

use indicatif::HumanBytes;
use jiff::Timestamp;
use preau::{
    catalogue::ImportReport,
    control::protocol::{
        HoldingLine, HoldingState, Moving, ReloadReport, SourceLine, Status, SyncReport,
        VerifyReport,
    },
    journal,
    store::Usage,
};

/// Characters of a title in a table.
const TITLE_CHARS: usize = 40;

pub fn status(status: &Status) {
    let addresses: Vec<String> = match &status.https {
        Some(https) => vec![https.address.clone()],
        None => status.addresses.iter().map(|address| format!("http://{address}/")).collect(),
    };
    println!("{} ({}), préau {}", status.school, status.uai, status.version);
    println!("  running   {}, since {}", age(status.started_at), moment(status.started_at));
    println!(
        "  lending   {} of {} books on {}",
        status.here,
        status.holdings,
        addresses.join(", ")
    );
    if let Some(https) = &status.https {
        let until = https.certificate_until;
        let certificate = until.map_or_else(
            || "NONE YET: nothing is lent until there is one".to_owned(),
            |until| format!("until {}", moment(until)),
        );
        let trouble = https.trouble.as_ref().map(|why| format!(", TROUBLE: {why}"));
        println!("  https     certificate: {certificate}{}", trouble.unwrap_or_default());
    }
    if let Some(link) = &status.link {
        println!("  link      {}, since {}", link.state, moment(link.since));
    }
    for source in &status.sources {
        println!("  source    {}", source_line(source));
    }
    let room = &status.usage;
    println!(
        "  room      {} in {} packages, {} free",
        HumanBytes(room.packages),
        room.count,
        HumanBytes(room.free)
    );
    if let Some(cache) = &status.cache {
        println!(
            "  cache     {} on disk, {} in memory, of {} addresses",
            HumanBytes(cache.disk_bytes),
            HumanBytes(cache.memory_bytes),
            cache.disk_count + cache.memory_count
        );
    }
    println!("  work      {} tasks under way", status.tasks);
    moving(&status.moving);
    if !status.waiting_for_restart.is_empty() {
        println!("  settings  wait for a restart: {}", status.waiting_for_restart.join(", "));
    }
}

/// How the account of connections is.
pub fn journal(status: Option<&journal::Status>) {
    let Some(status) = status else {
        return println!("no journal is kept: journal.region_key is not set");
    };
    println!("  kept      {} records since the daemon started, {} lost", status.kept, status.lost);
    let oldest = status.oldest.map_or_else(|| "nothing yet".to_owned(), moment);
    println!(
        "  room      {} of {}, {} files, the oldest of {oldest}",
        HumanBytes(status.bytes),
        HumanBytes(status.most),
        status.files
    );
    let clock = if status.doubt { "in doubt: records say so" } else { "synchronised" };
    println!("  clock     {clock}");
    for (log, name) in ["connections", "refusals"].into_iter().zip(&status.fingerprints) {
        println!("  chain     {log} {name}");
    }
    if let Some(trouble) = &status.trouble {
        println!("  TROUBLE   {trouble}");
    }
}

fn source_line(source: &SourceLine) -> String {
    let good = match source.good_at {
        Some(at) => format!("{} entries, {} old", source.entries, age(at)),
        None => "no good answer yet".to_owned(),
    };
    let refused = match source.refused {
        0 => String::new(),
        count => format!(", {count} refused ({})", source.examples.join("; ")),
    };
    let failed = source.failure.as_ref().map(|why| format!(", FAILED: {why}")).unwrap_or_default();
    format!("{}: {good}{refused}{failed}", source.name)
}

fn moving(moving: &Moving) {
    for transfer in &moving.active {
        let total = transfer.total.map_or_else(|| "?".to_owned(), |t| HumanBytes(t).to_string());
        println!(
            "  fetching  {}: {} of {total}, {}/s",
            transfer.title,
            HumanBytes(transfer.done),
            HumanBytes(transfer.rate)
        );
    }
    if moving.queued > 0 {
        println!("  waiting   {} packages, {}", moving.queued, HumanBytes(moving.queued_bytes));
    }
    if let Some(why) = &moving.held_back {
        println!("  held back {why}");
    }
    for failure in &moving.failures {
        println!(
            "  failed    {}: {} (try {}, again at {})",
            failure.title,
            failure.reason,
            failure.tries,
            moment(failure.again_at)
        );
    }
    let unlisted = moving.failed.saturating_sub(moving.failures.len());
    if unlisted > 0 {
        println!("  failed    and {unlisted} more");
    }
}

pub fn sync(report: &SyncReport) {
    if !report.waited {
        println!("the daemon asks its sources and goes on by itself: see `preau status`");
    } else if report.is_whole() {
        println!("all is here");
    } else {
        println!("not all is here; what is missing will be tried again:");
        for source in report.sources.iter().filter(|source| source.failure.is_some()) {
            println!("  source    {}", source_line(source));
        }
        moving(&report.moving);
        if report.moving.held_back.is_some() {
            println!("`preau sync --now` fetches outside the window");
        }
    }
}

pub fn import(report: &ImportReport) {
    println!("{} packages stored, {} known already", report.stored, report.known);
    if !report.refused.is_empty() {
        println!("refused:");
    }
    for reason in &report.refused {
        println!("  {reason}");
    }
}

pub fn verify(report: &VerifyReport) {
    println!("{} packages checked, {}", report.checked, HumanBytes(report.bytes));
    if report.mended > 0 {
        println!("{} sidecars written again", report.mended);
    }
    if report.damaged > 0 {
        println!("{} packages damaged, set aside and to be fetched again:", report.damaged);
    }
    for title in &report.titles {
        println!("  {title}");
    }
}

pub fn usage(usage: &Usage) {
    let quota = usage.quota.map_or_else(|| "none".to_owned(), |q| HumanBytes(q).to_string());
    println!("packages  {} in {}", HumanBytes(usage.packages), usage.count);
    println!("incoming  {}", HumanBytes(usage.incoming));
    println!("index     {}", HumanBytes(usage.index));
    println!("quota     {quota}");
    println!(
        "free      {} on the disk, {} of it never taken",
        HumanBytes(usage.free),
        HumanBytes(usage.reserve)
    );
}

pub fn holdings(lines: &[HoldingLine]) {
    let size = |line: &HoldingLine| {
        line.size.map_or_else(|| "-".to_owned(), |size| HumanBytes(size).to_string())
    };
    let id_width =
        lines.iter().map(|line| line.id.chars().count()).max().unwrap_or(0).clamp(10, 60);
    println!(
        "{:TITLE_CHARS$}  {:id_width$}  {:8}  {:>10}  {:>6}",
        "TITLE", "IDENTIFIER", "STATE", "SIZE", "PUPILS"
    );
    for line in lines {
        let title: String = line.title.chars().take(TITLE_CHARS).collect();
        println!(
            "{title:TITLE_CHARS$}  {:id_width$}  {:8}  {:>10}  {:>6}",
            line.id,
            state(line.state),
            size(line),
            line.pupils
        );
    }
}

fn state(state: HoldingState) -> &'static str {
    match state {
        HoldingState::Here => "here",
        HoldingState::Fetching => "fetching",
        HoldingState::Queued => "queued",
        HoldingState::Failed => "failed",
        HoldingState::NotDue => "not due",
        HoldingState::None => "none",
    }
}

pub fn reload(report: &ReloadReport) {
    if report.applied.is_empty() && report.waiting_for_restart.is_empty() {
        println!("read again: nothing changed");
    }
    if !report.applied.is_empty() {
        println!("in force now: {}", report.applied.join(", "));
    }
    if !report.waiting_for_restart.is_empty() {
        println!("wait for a restart: {}", report.waiting_for_restart.join(", "));
    }
    for aside in &report.set_aside {
        println!("TROUBLE   {aside}");
    }
}

/// A moment in this machine's zone, to the second.
pub fn moment(at: Timestamp) -> String {
    at.to_zoned_datetime(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Time passed since, in its largest unit.
pub fn age(at: Timestamp) -> String {
    let seconds = Timestamp::now().duration_since(at).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
