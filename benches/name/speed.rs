//! Answers a second, the processor time of each, and the slowest hundredth, in turn.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use crate::{
    Bench,
    load::{self, Questions},
    support::{
        process::Server,
        report::{Better, Row, median},
    },
};

/// Rounds of each; the median counts, and one more before them counts nothing.
const ROUNDS: usize = 5;
/// Seconds of a round.
const SECONDS: u32 = 3;
/// Names that are asked for again and again.
const KNOWN: usize = 10_000;
/// Names of a round that nobody knows yet.
const UNKNOWN: usize = 60_000;
/// The same, for the time that each takes.
const UNKNOWN_STEADILY: usize = 20_000;
/// Megabytes of unbound's caches: more than all names of all rounds take.
const CACHE: usize = 256;

/// Names that both have in their cache.
pub fn cached(bench: &Bench, rows: &mut Vec<Row>) -> Result<()> {
    let [ours, unbound] = servers(bench)?;
    let file = bench.school.work.join("known");
    load::write(&file, (0..KNOWN).map(|n| format!("www{n}.site{}.example.fr", n % 997)))?;
    let known = Questions { file: &file, code: "NOERROR" };
    for server in [&ours, &unbound] {
        load::round(server, &known, None)?;
    }
    let asked = bench.forwarder.asked();
    repeated("cached", &known, [&ours, &unbound], rows)?;
    ensure!(bench.forwarder.asked() - asked < 100, "what is cached was asked for again");
    Ok(())
}

/// Names that both refuse, and names below them.
pub fn blocked(bench: &Bench, rows: &mut Vec<Row>) -> Result<()> {
    let [ours, unbound] = servers(bench)?;
    let file = bench.school.work.join("refused");
    load::write(&file, bench.refused.some(KNOWN))?;
    let refused = Questions { file: &file, code: "NXDOMAIN" };
    let asked = bench.forwarder.asked();
    repeated("blocked", &refused, [&ours, &unbound], rows)?;
    ensure!(bench.forwarder.asked() - asked < 100, "what is blocked was asked for");
    Ok(())
}

fn servers(bench: &Bench) -> Result<[Server; 2]> {
    let ours = bench.school.preau("preau", &bench.refused.lists, true)?;
    Ok([ours, bench.school.unbound("unbound", &bench.refused.zone, CACHE)?])
}

/// The same questions, for some seconds a round.
fn repeated(
    what: &str,
    questions: &Questions<'_>,
    pair: [&Server; 2],
    rows: &mut Vec<Row>,
) -> Result<()> {
    println!("{what}");
    let mut rounds = [Vec::new(), Vec::new()];
    let mut slowest = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (server, (rounds, slowest)) in pair.iter().zip(rounds.iter_mut().zip(&mut slowest)) {
            let one = load::round(server, questions, Some(SECONDS))?;
            if round > 0 {
                rounds.push(one);
                slowest.push(load::slowest(server, questions, Some(SECONDS))?);
            }
        }
    }
    add(what, rounds, slowest, rows);
    Ok(())
}

/// Names that nobody knows yet, each once, others in each round.
pub fn forwarded(bench: &Bench, rows: &mut Vec<Row>) -> Result<()> {
    println!("forwarded");
    let pair = &servers(bench)?;
    let mut number = 0;
    let mut fresh = |count: usize| -> Result<PathBuf> {
        number += 1;
        let file = bench.school.work.join("unknown");
        load::write(&file, (0..count).map(|n| format!("n{n}.round{number}.example.org")))?;
        Ok(file)
    };
    let mut rounds = [Vec::new(), Vec::new()];
    let mut slowest = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        for (server, (rounds, slowest)) in pair.iter().zip(rounds.iter_mut().zip(&mut slowest)) {
            let file = fresh(UNKNOWN)?;
            let asked = bench.forwarder.asked();
            let one = load::round(server, &Questions { file: &file, code: "NOERROR" }, None)?;
            let asked = bench.forwarder.asked() - asked;
            ensure!(asked >= UNKNOWN as u64, "{asked} of {UNKNOWN} questions were forwarded");
            if round > 0 {
                rounds.push(one);
                let file = fresh(UNKNOWN_STEADILY)?;
                let questions = Questions { file: &file, code: "NOERROR" };
                slowest.push(load::slowest(server, &questions, None)?);
            }
        }
    }
    add("forwarded", rounds, slowest, rows);
    Ok(())
}

fn add(what: &str, rounds: [Vec<load::Round>; 2], slowest: [Vec<f64>; 2], rows: &mut Vec<Row>) {
    let of = |figure: fn(&load::Round) -> f64| {
        rounds.each_ref().map(|one| median(one.iter().map(figure).collect()))
    };
    let mut row = |name: String, unit, better, [ours, theirs]: [f64; 2]| {
        println!("  {name}: {ours:.3} {unit}, unbound {theirs:.3}");
        rows.push(Row::new(name, unit, better, ours, "unbound", theirs));
    };
    row(format!("{what} answers"), "/s", Better::More, of(|one| one.rate));
    let name = format!("processor time, {what} answer");
    row(name, "µs", Better::Less, of(|one| one.processor));
    let name = format!("99th percentile, {what}, 10,000 a second");
    row(name, "ms", Better::Less, slowest.map(median));
}
