//! Questions by `dnsperf`, and what it says of the answers.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    net::SocketAddr,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::support::process::Server;

/// Sockets that ask, as if as many devices did.
const CLIENTS: usize = 20;
/// Questions without an answer yet, at most.
const OUTSTANDING: usize = 100;
/// Questions a second at which the time of each is taken: what a large school asks when all its
/// browsers open at once, and far from what either can do.
const STEADY: usize = 10_000;
/// The share of questions that may go without an answer: a datagram may be lost.
const LOST: f64 = 0.001;

/// Questions of one kind, in a file.
pub struct Questions<'a> {
    /// `dnsperf`'s file: a name and a type a line.
    pub file: &'a Path,
    /// What each must be answered with.
    pub code: &'static str,
}

/// What came of a round.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// Answers a second.
    pub rate: f64,
    /// Microseconds of processor time of the server, an answer.
    pub processor: f64,
}

/// Asks as fast as answers come: for so many seconds, or (nothing) each question once.
pub fn round(server: &Server, questions: &Questions<'_>, seconds: Option<u32>) -> Result<Round> {
    let before = server.processor()?;
    let mut dnsperf = dnsperf(server.address, questions.file);
    match seconds {
        Some(seconds) => dnsperf.args(["-l", &seconds.to_string()]),
        None => dnsperf.args(["-n", "1"]),
    };
    let said = said(&mut dnsperf)?;
    let answered = checked(&said, questions.code)?;
    let processor = (server.processor()? - before) * 1e6 / answered;
    Ok(Round { rate: figure(&said, "Queries per second:")?, processor })
}

/// The 99th percentile of the milliseconds that an answer took, at a steady rate, for so many
/// seconds or each question once.
pub fn slowest(server: &Server, questions: &Questions<'_>, seconds: Option<u32>) -> Result<f64> {
    let mut dnsperf = dnsperf(server.address, questions.file);
    dnsperf.args(["-v", "-Q", &STEADY.to_string()]);
    match seconds {
        Some(seconds) => dnsperf.args(["-l", &seconds.to_string()]),
        None => dnsperf.args(["-n", "1"]),
    };
    let said = said(&mut dnsperf)?;
    checked(&said, questions.code)?;
    // `> NOERROR www.example A 0.000123`
    let lines = said.lines().filter(|line| line.starts_with("> "));
    let mut times: Vec<f64> = lines
        .map(|line| Ok(line.rsplit(' ').next().context("no time")?.parse::<f64>()? * 1000.0))
        .collect::<Result<_>>()?;
    ensure!(times.len() > 1000, "dnsperf -v named {} answers", times.len());
    times.sort_unstable_by(f64::total_cmp);
    Ok(times[times.len() * 99 / 100])
}

fn dnsperf(server: SocketAddr, file: &Path) -> Command {
    let mut dnsperf = Command::new("dnsperf");
    dnsperf
        .args(["-s", &server.ip().to_string(), "-p", &server.port().to_string()])
        .args(["-c", &CLIENTS.to_string(), "-q", &OUTSTANDING.to_string()])
        // As devices ask: with EDNS.
        .args(["-T", "1", "-e", "-d"])
        .arg(file);
    dnsperf
}

fn said(dnsperf: &mut Command) -> Result<String> {
    let output = dnsperf.output().context("starting dnsperf (scripts/install bench)")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "dnsperf ended with {}: {said}{errors}", output.status);
    Ok(said)
}

/// How many were answered; all but a few must be, and with this code.
fn checked(said: &str, code: &str) -> Result<f64> {
    let sent = figure(said, "Queries sent:")?;
    let answered = figure(said, "Queries completed:")?;
    ensure!(answered >= sent * (1.0 - LOST), "{answered} of {sent} questions were answered");
    let codes = said.lines().find_map(|line| line.trim().strip_prefix("Response codes:"));
    let codes = codes.context("dnsperf names no codes")?.trim();
    let of_code = codes.split(", ").find_map(|one| one.strip_prefix(code));
    let of_code = of_code.with_context(|| format!("no {code} among: {codes}"))?;
    let right: f64 = of_code.split_whitespace().next().context("no number")?.parse()?;
    ensure!(right >= answered * (1.0 - LOST), "{code} was expected: {codes}");
    Ok(answered)
}

fn figure(said: &str, label: &str) -> Result<f64> {
    let line = said.lines().find_map(|line| line.trim().strip_prefix(label));
    let line = line.with_context(|| format!("dnsperf does not say: {label}\n{said}"))?;
    Ok(line.split_whitespace().next().context("no figure")?.parse()?)
}

/// Writes a file of questions of type A.
pub fn write<T: AsRef<str>>(file: &Path, names: impl IntoIterator<Item = T>) -> Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for name in names {
        writeln!(out, "{} A", name.as_ref())?;
    }
    out.flush().with_context(|| format!("writing {}", file.display()))
}
