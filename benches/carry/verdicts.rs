//! Look-ups in the whole of UT1: how many a second, how long each takes, what the lists weigh, how
//! long they take to load and to compile; beside squidGuard, dnsmasq and e2guardian with
//! the same names.

use std::{
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use jiff::{Timestamp, civil::date, tz::TimeZone};
use preau::{
    access::Role,
    config::{Config, filter::Beside},
    filter::{
        Openings, Who,
        host::Host,
        lists::{
            Builder, Lists,
            formats::{Format, Source},
        },
        policy::{Policy, Surroundings},
        target::{HTTPS_PORT, Target},
    },
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::{
    peers::{Dnsmasq, E2guardian, SquidGuard},
    support::report::{Better, Row, median},
};

/// As the repository gives them.
const REGION: &str = include_str!("../../config/region/policy.toml");
const HOLIDAYS: &str = include_str!("../../config/holidays.toml");
/// A school of the tests.
const SCHOOL: &str = include_str!("../../tests/data/filter/preau.toml");
/// Where the lists are looked for, beside the project, when nobody says where they are.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/ut1-blacklists.tar.gz");
/// Names of the variable that says.
const VARIABLE: &str = "PREAU_UT1";
/// Of the variable that has this program load a file, say what it weighs, and end.
pub const WEIGH: &str = "PREAU_BENCH_WEIGH";
/// A name of UT1.
const LISTED: &str = "pornhub.com";
/// Rounds of each measure; the median counts.
const ROUNDS: usize = 9;
/// Addresses asked in a round.
const ASKED: usize = 200_000;
/// Labels of a deep name.
const DEEP_LABELS: usize = 10;
/// What the lists promise.
const VERDICT_LIMIT_NS: f64 = 300.0;
const MEMORY_LIMIT_MIB: f64 = 32.0;
const LOAD_LIMIT_S: f64 = 0.2;

/// The names of all categories, each once.
struct Names {
    text: Vec<u8>,
    all: Vec<(usize, usize)>,
}

impl Names {
    fn read(root: &Path) -> Result<Self> {
        let mut text = Vec::new();
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            // Links are other names of folders that are read anyway.
            if entry.file_type()?.is_dir()
                && let Ok(domains) = fs::read(entry.path().join("domains"))
            {
                text.extend(domains);
                text.push(b'\n');
            }
        }
        let mut all = Vec::new();
        let mut begin = 0;
        for line in text.split(|byte| *byte == b'\n') {
            if !line.is_empty() {
                all.push((begin, begin + line.len()));
            }
            begin += line.len() + 1;
        }
        all.sort_unstable_by(|a, b| text[a.0..a.1].cmp(&text[b.0..b.1]));
        all.dedup_by(|a, b| text[a.0..a.1] == text[b.0..b.1]);
        Ok(Self { text, all })
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.all.iter().map(|(begin, end)| &self.text[*begin..*end])
    }

    fn choose(&self, random: &mut StdRng) -> Result<&str> {
        let (begin, end) = self.all.choose(random).context("no name is listed")?;
        Ok(std::str::from_utf8(&self.text[*begin..*end])?)
    }
}

pub fn measure(work: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let archive = std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from(SAMPLE), PathBuf::from);
    ensure!(archive.exists(), "{}: no UT1 archive; name one in {VARIABLE}", archive.display());
    println!("compiling the whole of UT1");
    let file = work.join("lists.preau");
    let compiled_in = compile(&archive, &file)?;
    let tar = Command::new("tar").arg("xzf").arg(&archive).arg("-C").arg(work).status()?;
    ensure!(tar.success(), "tar ended with {tar}");
    let names = Names::read(&work.join("blacklists"))?;
    println!("  {} names in {compiled_in:.1} s", names.all.len());

    let (lists, loaded_in, memory) = load(&file)?;
    let addresses = mixed(&names)?;
    let ours =
        median((0..ROUNDS).map(|_| rate(&addresses, |one| is_listed(&lists, one))).collect());

    println!("squidGuard compiles the same names");
    let squid_guard = SquidGuard::compile(work, names.iter())?;
    let theirs = median((0..ROUNDS).map(|_| squid_guard.rate(&addresses)).collect::<Result<_>>()?);
    let name = "verdicts over UT1, one thread";
    rows.push(Row::new(name, "/s", Better::More, ours, "squidGuard", theirs));
    let name = "compiling UT1";
    let peer = "squidGuard, all names in one list";
    rows.push(Row::new(name, "s", Better::Less, compiled_in, peer, squid_guard.compiled_in));
    drop(squid_guard);

    one_by_one(&lists, &names, rows)?;

    println!("dnsmasq loads the same names");
    let dnsmasq = Dnsmasq::start(work, names.iter())?;
    let mut peers = vec![("dnsmasq", dnsmasq.memory()?, dnsmasq.loaded_in.as_secs_f64())];
    drop(dnsmasq);
    println!("e2guardian loads the same names");
    let e2guardian = E2guardian::start(work, names.iter(), LISTED)?;
    peers.push(("e2guardian", e2guardian.memory()?, e2guardian.loaded_in.as_secs_f64()));
    drop(e2guardian);
    peers.push(("limit", MEMORY_LIMIT_MIB * 1024.0, LOAD_LIMIT_S));
    for (peer, kib, seconds) in peers {
        rows.push(Row::new("memory of UT1", "MiB", Better::Less, memory, peer, kib / 1024.0));
        rows.push(Row::new("loading UT1", "s", Better::Less, loaded_in, peer, seconds));
    }
    Ok(())
}

fn compile(archive: &Path, file: &Path) -> Result<f64> {
    let begun = Instant::now();
    let source =
        Source { format: Format::Ut1, category: None, path: archive.to_owned(), date: None };
    let mut builder = Builder::default();
    source.read(&mut builder, &mut |_| ())?;
    let (lists, _) = builder.finish()?;
    lists.write(file)?;
    Ok(begun.elapsed().as_secs_f64())
}

/// The lists, seconds to load them, and MiB by which a process grows that loads them.
fn load(file: &Path) -> Result<(Lists, f64, f64)> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        black_box(Lists::open(file)?);
        times.push(begun.elapsed().as_secs_f64());
    }
    // In a process of its own: this one has memory to spare from compiling.
    let output = Command::new(std::env::current_exe()?).env(WEIGH, file).output()?;
    ensure!(output.status.success(), "weighing ended with {}", output.status);
    let memory = String::from_utf8(output.stdout)?.trim().parse::<f64>()? / 1024.0;
    let lists = Lists::open(file)?;
    println!("  {} bytes of arrays, {memory:.1} MiB resident", lists.bytes());
    Ok((lists, median(times), memory))
}

/// Says on standard output by how many KiB this process grows when it loads `file`.
pub fn weigh(file: &Path) -> Result<()> {
    let before = resident_kib()?;
    let lists = Lists::open(file)?;
    println!("{}", resident_kib()? - before);
    drop(black_box(lists));
    Ok(())
}

fn resident_kib() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).context("no VmRSS")?;
    Ok(kib.trim().parse()?)
}

/// One half listed or below what is, one half not.
fn mixed(names: &Names) -> Result<Vec<String>> {
    let mut random = StdRng::seed_from_u64(1);
    let mut all = Vec::with_capacity(ASKED);
    for number in 0..ASKED {
        let name = names.choose(&mut random)?;
        all.push(match number % 4 {
            0 => name.to_owned(),
            1 => format!("www.{name}"),
            2 => format!("{:x}-{name}", random.random::<u32>()),
            _ => format!("host{}.lycee{}.fr", number % 97, random.random::<u32>()),
        });
    }
    Ok(all)
}

/// Is it in any list? From the text, as it comes in a request.
fn is_listed(lists: &Lists, address: &str) -> bool {
    let Ok(host) = Host::parse(address) else { return false };
    let mut listed = false;
    lists.matches(&Target::of_host(&host, HTTPS_PORT), &mut |_| {
        listed = true;
        false
    });
    listed
}

/// Questions a second, of these addresses.
fn rate(addresses: &[String], is_refused: impl Fn(&str) -> bool) -> f64 {
    let begun = Instant::now();
    black_box(addresses.iter().filter(|address| is_refused(address)).count());
    addresses.len() as f64 / begun.elapsed().as_secs_f64()
}

/// The region's sample policy over these lists, as it judges a pupil.
struct Judge {
    policy: Policy,
    openings: Openings,
    pupil: Who<'static>,
    now: Timestamp,
}

impl Judge {
    fn new(lists: &Lists) -> Result<Self> {
        let beside = Beside::of(Some(REGION), Some(HOLIDAYS))?;
        let (config, _) = Config::parse_beside("preau.toml", SCHOOL, beside)?;
        let zone = TimeZone::get("Europe/Paris")?;
        let now = zone.to_timestamp(date(2026, 11, 26).at(10, 0, 0, 0))?;
        let surroundings = Surroundings::of(Some(lists), Vec::new());
        let policy = Policy::compile(&config.filter.merged(), &surroundings, zone, now);
        let pupil = Who { role: Some(Role::Pupil), ..Who::at([10, 31, 4, 20].into()) };
        Ok(Self { policy, openings: Openings::default(), pupil, now })
    }

    fn refuses(&self, lists: &Lists, address: &str) -> bool {
        let Ok(host) = Host::parse(address) else { return true };
        let target = Target::of_host(&host, HTTPS_PORT);
        !self.policy.judge(Some(lists), &self.openings, &self.pupil, &target, self.now).allowed
    }
}

fn one_by_one(lists: &Lists, names: &Names, rows: &mut Vec<Row>) -> Result<()> {
    let mut random = StdRng::seed_from_u64(2);
    let mut sample = |make: &dyn Fn(&str, u32) -> String| -> Result<Vec<String>> {
        (0..ASKED).map(|_| Ok(make(names.choose(&mut random)?, random.random()))).collect()
    };
    let hits = sample(&|name, _| name.to_owned())?;
    let misses = sample(&|_, number| format!("www.lycee{number:x}.example"))?;
    let deep = sample(&|_, number| {
        let labels = (2..DEEP_LABELS).map(|label| format!("l{label}"));
        format!("{}.n{number:x}.example", labels.collect::<Vec<_>>().join("."))
    })?;
    let share = |addresses: &[String]| {
        addresses.iter().filter(|address| is_listed(lists, address)).count() as f64 / ASKED as f64
    };
    ensure!(share(&hits) > 0.99 && share(&misses) < 0.01, "the lists do not answer rightly");
    let judge = Judge::new(lists)?;
    for (name, addresses) in
        [("a listed name", &hits), ("a name in no list", &misses), ("ten labels in no list", &deep)]
    {
        let mut add = |what: &str, is_refused: &dyn Fn(&str) -> bool| {
            let rates = (0..ROUNDS).map(|_| rate(addresses, is_refused)).collect();
            let (name, ns) = (format!("{what}: {name}"), 1e9 / median(rates));
            rows.push(Row::new(name, "ns", Better::Less, ns, "limit", VERDICT_LIMIT_NS));
        };
        add("in which lists", &|address| is_listed(lists, address));
        add("a pupil's verdict by the region's policy", &|address| judge.refuses(lists, address));
    }
    Ok(())
}
