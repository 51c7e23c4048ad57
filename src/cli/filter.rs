//! `preau filter`: lists compiled, looked at, and asked, without a daemon. What the policy makes of
//! them is in `filtering`.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::{Args, Subcommand};
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};
use jiff::Timestamp;
use preau::filter::{
    category::CategorySet,
    lists::{
        About, Builder, Lists, ListsError,
        build::{BuildError, Summary},
        formats::{Format, Notes, Progress, Source, SourceError},
        shrink::{self, Shrunk},
    },
    target::Typed,
};
use serde_json::{Value, json};

use super::{
    Common,
    exit::{Exit, fail},
    filtering,
};

/// Between two looks at how far reading is.
const TICK: Duration = Duration::from_millis(200);

/// What can be done with lists.
#[derive(Debug, Subcommand)]
pub enum FilterCommand {
    /// Compile lists into one file, which replaces FILE whole when it is good.
    ///
    /// Bad lines are counted and the first of them shown; they stop nothing. When FILE holds lists
    /// already and a category would shrink by more than its share, nothing is replaced and the
    /// exit code is 65.
    #[command(after_help = "Sources:\n  \
        blacklists.tar.gz            UT1, as downloaded; or its folder, unpacked\n  \
        FORMAT:CATEGORY=FILE         one list, which fills one category\n\n\
        Formats: hosts (0.0.0.0 name), domains (a name a line, with all below it), adguard\n\
        (||name^, @@, /regex/), rpz (a DNS response policy zone), ut1.\n\n\
        Example:\n  \
        preau filter compile --out lists.preau blacklists.tar.gz adguard:ads=filter.txt")]
    Compile(CompileArguments),
    /// What a compiled file holds: categories, their use, their date, their rules.
    Stats {
        /// The compiled file.
        file: PathBuf,
    },
    #[command(flatten)]
    Policy(filtering::PolicyCommand),
}

/// How lists are compiled.
#[derive(Debug, Args)]
pub struct CompileArguments {
    /// The file to make or replace.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// What to compile: a UT1 archive or folder, or FORMAT:CATEGORY=FILE.
    #[arg(required = true, value_name = "SOURCE")]
    sources: Vec<String>,
    /// The date of the sources, such as 2026-11-24T00:00:00Z [default: their last change].
    #[arg(long, value_name = "DATE")]
    date: Option<Timestamp>,
    /// Hundredths of a category that may disappear in an update.
    #[arg(long, value_name = "PERCENT", default_value_t = shrink::DEFAULT_SHARE_PERCENT,
        value_parser = clap::value_parser!(u8).range(0..=100))]
    shrink: u8,
}

/// Does it.
pub fn carry_out(command: FilterCommand, common: &Common) -> Exit {
    match command {
        FilterCommand::Compile(arguments) => compile(arguments, common.json),
        FilterCommand::Stats { file } => stats(&file, common.json),
        FilterCommand::Policy(command) => filtering::carry_out(command, common),
    }
}

fn compile(arguments: CompileArguments, json: bool) -> Exit {
    let CompileArguments { out, sources, date, shrink } = arguments;
    let sources: Result<Vec<Source>, String> =
        sources.iter().map(|text| source(text, date)).collect();
    let sources = match sources {
        Ok(sources) => sources,
        Err(why) => return fail(Exit::Usage, why),
    };
    let begun = Instant::now();
    let (lists, summary, notes) = match read_all(&sources, json) {
        Ok(made) => made,
        Err(error) => return fail(exit_of_source(&error), error),
    };
    let shrunk = match in_force(&out) {
        Ok(before) => shrink::shrunk(&before, &lists.counts(), shrink),
        Err(error) => {
            eprintln!("preau: {error}; it is replaced");
            Vec::new()
        }
    };
    if !shrunk.is_empty() {
        return refuse(&out, &shrunk, shrink, json);
    }
    if let Err(error) = lists.write(&out) {
        return fail(Exit::CannotCreate, error);
    }
    let took = begun.elapsed();
    if json {
        let about = described(&lists);
        println!(
            "{}",
            json!({
                "written": true, "file": out, "categories": about, "bytes": lists.bytes(),
                "names": summary.names, "entries": summary.entries, "folded": summary.folded,
                "families": summary.families, "notes": notes.first,
                "seconds": took.as_secs_f64(),
            })
        );
        return Exit::Good;
    }
    notes.first.iter().for_each(|note| eprintln!("note: {note}"));
    show_samples(&lists);
    println!(
        "{}: {} categories, {} names, {} in memory, compiled in {:.1} s",
        out.display(),
        lists.categories().count(),
        HumanCount(summary.names as u64),
        HumanBytes(lists.bytes() as u64),
        took.as_secs_f64()
    );
    if summary.families > 0 {
        println!(
            "{} of the names stand once for all parents of {} families: {} entries",
            HumanCount(summary.folded as u64),
            summary.families,
            HumanCount(summary.entries as u64)
        );
    }
    Exit::Good
}

/// `FORMAT:CATEGORY=FILE`, or a UT1 archive or folder.
fn source(text: &str, date: Option<Timestamp>) -> Result<Source, String> {
    let of = |format, category: Option<&str>, path: &str| Source {
        format,
        category: category.map(str::to_owned),
        path: PathBuf::from(path),
        date,
    };
    let Some((format, rest)) = text.split_once(':') else {
        return Ok(of(Format::Ut1, None, text));
    };
    match (format.parse::<Format>(), rest.split_once('=')) {
        (Ok(Format::Ut1), _) => Ok(of(Format::Ut1, None, rest)),
        (Ok(format), Some((category, path))) => Ok(of(format, Some(category), path)),
        (Ok(_), None) => {
            Err(format!("{text}: which category does it fill? {format}:CATEGORY=FILE"))
        }
        // A path may have a colon.
        (Err(()), _) if Path::new(text).exists() => Ok(of(Format::Ut1, None, text)),
        (Err(()), _) => {
            Err(format!("{text}: no format {format:?}; known: ut1, hosts, domains, adguard, rpz"))
        }
    }
}

fn read_all(sources: &[Source], json: bool) -> Result<(Lists, Summary, Notes), SourceError> {
    let bar = if json || !std::io::stderr().is_terminal() {
        ProgressBar::hidden()
    } else {
        let style = ProgressStyle::with_template("{spinner} {bytes:>10} {bytes_per_sec} {msg}");
        let bar = ProgressBar::new_spinner();
        bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
    };
    bar.enable_steady_tick(TICK);
    let mut builder = Builder::default();
    let mut notes = Notes::default();
    let mut progress = |progress: Progress<'_>| {
        bar.inc(progress.bytes);
        bar.set_message(progress.what.to_owned());
    };
    for source in sources {
        let found = source.read(&mut builder, &mut progress)?;
        notes.count += found.count;
        notes.first.extend(found.first);
    }
    bar.set_message("compiling");
    let made = builder.finish();
    bar.finish_and_clear();
    let (lists, summary) = made?;
    Ok((lists, summary, notes))
}

fn exit_of_source(error: &SourceError) -> Exit {
    match error {
        SourceError::Unreadable { .. } => Exit::NoInput,
        SourceError::NoCategory(_) => Exit::Usage,
        SourceError::NothingFound(_) | SourceError::Build(BuildError::TooManyCategories(_)) => {
            Exit::Data
        }
        SourceError::Build(_) => Exit::Software,
    }
}

fn exit_of_lists(error: &ListsError) -> Exit {
    match error {
        ListsError::Unreadable { .. } => Exit::NoInput,
        ListsError::Damaged { .. } => Exit::Data,
        ListsError::Unwritable(_) => Exit::CannotCreate,
    }
}

/// Rules of the lists that are there; none when there is no file.
fn in_force(path: &Path) -> Result<shrink::Counts, ListsError> {
    if path.exists() {
        Lists::open(path).map(|lists| lists.counts())
    } else {
        Ok(shrink::Counts::new())
    }
}

fn refuse(out: &Path, shrunk: &[Shrunk], share: u8, json: bool) -> Exit {
    if json {
        let shrunk: Vec<Value> = shrunk
            .iter()
            .map(|s| json!({"category": s.category, "before": s.before, "after": s.after}))
            .collect();
        println!("{}", json!({"written": false, "file": out, "shrunk": shrunk}));
    } else {
        println!("{} stays as it is: more than {share} % would disappear from", out.display());
        for category in shrunk {
            println!("  {category}");
        }
        println!("if that is right, compile again with a larger --shrink");
    }
    Exit::Data
}

fn stats(file: &Path, json: bool) -> Exit {
    let lists = match Lists::open(file) {
        Ok(lists) => lists,
        Err(error) => return fail(exit_of_lists(&error), error),
    };
    if json {
        println!("{}", json!({"bytes": lists.bytes(), "categories": described(&lists)}));
        return Exit::Good;
    }
    println!("{} in memory", HumanBytes(lists.bytes() as u64));
    println!(
        "{:22} {:12} {:10} {:>10} {:>9} {:>7} {:>5} {:>6} {:>7}",
        "CATEGORY", "USE", "DATE", "NAMES", "ADDRESSES", "URLS", "EXPR", "BAD", "IGNORED"
    );
    for (_, about) in lists.categories() {
        let rules = about.rules;
        println!(
            "{:22} {:12} {:10} {:>10} {:>9} {:>7} {:>5} {:>6} {:>7}",
            about.name,
            about.purpose.to_string(),
            about.date.map_or_else(|| "-".to_owned(), |date| date.strftime("%Y-%m-%d").to_string()),
            rules.names,
            rules.addresses,
            rules.urls,
            rules.expressions,
            about.bad,
            about.ignored
        );
    }
    show_samples(&lists);
    Exit::Good
}

/// Bad and ignored lines, by category.
fn show_samples(lists: &Lists) {
    for (_, about) in lists.categories().filter(|(_, about)| about.bad + about.ignored > 0) {
        println!("{}: {} bad lines, {} ignored, such as", about.name, about.bad, about.ignored);
        for sample in &about.samples {
            println!("  line {}: {}: {}", sample.line, sample.text, sample.why);
        }
    }
}

fn described(lists: &Lists) -> Vec<&About> {
    lists.categories().map(|(_, about)| about).collect()
}

/// Which categories of a compiled file list these addresses, and by which rule.
pub fn test(file: &Path, urls: &[String], json: bool) -> Exit {
    let lists = match Lists::open(file) {
        Ok(lists) => lists,
        Err(error) => return fail(exit_of_lists(&error), error),
    };
    let mut exit = Exit::Good;
    let mut answers = Vec::new();
    for url in urls {
        match Typed::parse(url) {
            Ok(typed) => answers.push((url, found(&lists, &typed))),
            Err(bad) => exit = fail(Exit::Data, format!("{url}: {bad}")),
        }
    }
    if json {
        let answers: Vec<Value> =
            answers.into_iter().map(|(url, found)| json!({"url": url, "matches": found})).collect();
        println!("{}", json!(answers));
        return exit;
    }
    for (url, found) in answers {
        if found.is_empty() {
            println!("{url}: in no list");
        }
        for one in found {
            let excepted = one.excepted.join(", ");
            let excepted = if excepted.is_empty() { excepted } else { format!(", not {excepted}") };
            println!("{url}: {} by {} {}{excepted}", one.listed.join(", "), one.depth, one.rule);
        }
    }
    exit
}

/// A rule that lists an address.
#[derive(Debug, serde::Serialize)]
struct Found {
    depth: String,
    rule: String,
    listed: Vec<String>,
    excepted: Vec<String>,
}

fn found(lists: &Lists, typed: &Typed) -> Vec<Found> {
    let names = |set: CategorySet| {
        let about = set.iter().filter_map(|category| lists.about(category));
        about.map(|about| about.name.clone()).collect()
    };
    let mut all = Vec::new();
    let target = typed.target();
    lists.matches(&target, &mut |one| {
        let rule = lists.rule_text(&target, one.depth);
        all.push(Found {
            depth: one.depth.to_string(),
            rule: rule.map(|rule| rule.to_string()).unwrap_or_default(),
            listed: names(one.listed),
            excepted: names(one.excepted),
        });
        true
    });
    all
}
