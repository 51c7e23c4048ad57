//! How the links are, in lines for people.

use preau::health::link::{
    budget::Test,
    lines::{FetchLine, MinuteLine, PointLine, Stand, UplinkLine},
};

use super::health::moment;

/// Characters of a target's name and address in a table.
const NAME_CHARS: usize = 20;
const ADDRESS_CHARS: usize = 22;

/// Is it cut, or does it carry badly?
pub fn is_bad(link: &UplinkLine) -> bool {
    matches!(link.stand, Stand::Down | Stand::Degraded) || link.loses_large
}

/// Every link.
pub fn tell(links: &[UplinkLine]) {
    if links.is_empty() {
        println!("no link is measured ([[health.links]] names them)");
    }
    links.iter().for_each(link);
}

fn link(link: &UplinkLine) {
    let known = [&link.network, &link.reference];
    let known: Vec<&str> = known.into_iter().flatten().map(String::as_str).collect();
    println!("{} on {}{}{}", link.name, link.interface, sep(&known), known.join(", "));
    let stand = match link.stand {
        Stand::Starting => "starting".to_owned(),
        Stand::Up => "up".to_owned(),
        Stand::Degraded => "DEGRADED".to_owned(),
        Stand::Down => format!("DOWN ({})", link.cause.as_deref().unwrap_or("unknown")),
    };
    let since = link.since.map_or_else(String::new, |at| format!(" since {}", moment(at)));
    println!("  state     {stand}{since}; {} s of outage since the start", link.down_seconds);
    if link.carrier == Some(false) {
        println!("  TROUBLE   {} has no carrier", link.interface);
    }
    let contract = link.contract.map(|rate| rate.map_or_else(|| "-".to_owned(), mbit));
    println!(
        "  traffic   {} in, {} out; contract {} down, {} up",
        mbit(link.rates[0]),
        mbit(link.rates[1]),
        contract[0],
        contract[1]
    );
    let [idle, busy] = link.latency_ms.map(ms);
    println!("  latency   {idle} ms idle, {busy} ms busy");
    let lost = if link.loses_large { "; LARGER ONES ARE LOST" } else { "" };
    let mtu = link.path_mtu.map_or_else(|| "-".to_owned(), |mtu| mtu.to_string());
    println!("  packets   of up to {mtu} bytes pass{lost}");
    if let Some(why) = &link.no_icmp {
        println!("  TROUBLE   no ICMP: {why}");
    }
    for test in &link.tests {
        print!("  test      {} ", moment(test.at));
        tested(test);
    }
    println!(
        "  {:NAME_CHARS$}  {:ADDRESS_CHARS$}  {:28}  {:28}  DNS  HTTP dns/connect/tls/first byte",
        "TARGET", "ADDRESS", "ICMP ms 50/90/99 ~jitter lost", "TCP"
    );
    link.targets.iter().for_each(target);
}

fn sep(known: &[&str]) -> &'static str {
    if known.is_empty() { "" } else { ": " }
}

/// A test's result.
pub fn tested(test: &Test) {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
    let rate = |rate: Option<f64>| rate.map_or_else(|| "-".to_owned(), |rate| mbit(rate as u64));
    println!(
        "{}: {} down, {} up ({} bytes moved; others took {} and {})",
        test.link,
        rate(test.down),
        rate(test.up),
        test.bytes,
        rate(Some(test.beside.0)),
        rate(Some(test.beside.1))
    );
}

fn target(target: &PointLine) {
    let name = if target.silent { format!("{} SILENT", target.name) } else { target.name.clone() };
    let dns = match &target.dns {
        None => "-".to_owned(),
        Some(Ok(took)) => ms(Some(*took)),
        Some(Err(why)) => format!("FAILS ({why})"),
    };
    println!(
        "  {name:NAME_CHARS$}  {:ADDRESS_CHARS$}  {:28}  {:28}  {dns}  {}",
        target.address,
        target.icmp.as_ref().map_or_else(|| "-".to_owned(), minute),
        target.tcp.as_ref().map_or_else(|| "-".to_owned(), minute),
        target.http.as_ref().map_or_else(|| "-".to_owned(), fetch),
    );
}

fn minute(minute: &MinuteLine) -> String {
    let times =
        minute.ms.map_or_else(|| "-".to_owned(), |all| all.map(|one| ms(Some(one))).join("/"));
    format!("{times} ~{} {}/{}", ms(minute.jitter_ms), minute.lost, minute.sent)
}

fn fetch(fetch: &FetchLine) -> String {
    let phases = [fetch.dns, fetch.connect, fetch.tls, fetch.first_byte].map(ms).join("/");
    match &fetch.status {
        Ok(status) => format!("{phases} {status}"),
        Err(why) => format!("{phases} FAILS ({why})"),
    }
}

fn ms(took: Option<f64>) -> String {
    took.map_or_else(|| "-".to_owned(), |took| format!("{took:.1}"))
}

#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn mbit(rate: u64) -> String {
    format!("{:.1} Mbit/s", rate as f64 * 8.0 / 1e6)
}
