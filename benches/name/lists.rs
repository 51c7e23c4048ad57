//! The names that are refused: those of UT1 where it is at hand, else made up. Préau holds all of
//! them; unbound as many as a machine has memory for, and those alone are asked for.

use std::{
    fs,
    io::{BufRead as _, BufReader, BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use rand::{SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// Where the lists are looked for, beside the project, when nobody says where they are.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/ut1-blacklists.tar.gz");
/// The variable that says.
const VARIABLE: &str = "PREAU_UT1";
/// The largest category of UT1.
pub const CATEGORY: &str = "adult";
/// Names that both refuse: unbound takes about half a kilobyte a rule, and two rules a name.
const SHARED: usize = 200_000;

/// The lists, as each wants them.
pub struct Refused {
    /// For Préau: all categories, compiled.
    pub lists: PathBuf,
    /// For unbound: a response policy zone.
    pub zone: PathBuf,
    /// The names of the zone.
    pub names: Vec<String>,
}

impl Refused {
    /// Makes both, in `work`.
    pub fn make(work: &Path) -> Result<Self> {
        let archive =
            std::env::var_os(VARIABLE).map_or_else(|| PathBuf::from(SAMPLE), PathBuf::from);
        let (source, all) = if archive.exists() {
            let inside = format!("blacklists/{CATEGORY}/domains");
            let tar = Command::new("tar")
                .arg("xzf")
                .arg(&archive)
                .arg("-C")
                .arg(work)
                .arg(&inside)
                .status()
                .context("starting tar")?;
            ensure!(tar.success(), "tar ended with {tar}");
            (archive.display().to_string(), work.join(inside))
        } else {
            println!("{}: not there; names are made up", archive.display());
            let file = work.join("domains");
            let mut out = BufWriter::new(fs::File::create(&file)?);
            for n in 0..SHARED {
                writeln!(out, "site{n}.refused{n}.example")?;
            }
            out.flush()?;
            (format!("domains:{CATEGORY}={}", file.display()), file)
        };
        let names = chosen(&all)?;
        let (lists, zone) = (work.join("lists.preau"), work.join("refused.rpz"));
        let compiled = Command::new(env!("CARGO_BIN_EXE_preau"))
            .args(["filter", "compile", "--out"])
            .arg(&lists)
            .arg(source)
            .output()?;
        let said = String::from_utf8_lossy(&compiled.stderr);
        ensure!(compiled.status.success(), "preau filter compile: {said}");
        write_zone(&zone, &names)?;
        Ok(Self { lists, zone, names })
    }

    /// So many of the names, or of those below them, in no order.
    pub fn some(&self, count: usize) -> Vec<String> {
        let mut random = StdRng::seed_from_u64(3);
        let mut one = |number: usize| {
            let name = self.names.choose(&mut random).map_or("", String::as_str);
            if number.is_multiple_of(2) { name.to_owned() } else { format!("www.{name}") }
        };
        (0..count).map(&mut one).collect()
    }
}

/// Names that are hosts' and no addresses, from all over the list.
fn chosen(file: &Path) -> Result<Vec<String>> {
    let lines = BufReader::new(fs::File::open(file)?).lines();
    let is_name = |line: &String| {
        line.len() < 200
            && line.contains('.')
            && !line.starts_with("www.")
            && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
            && line.ends_with(|last: char| last.is_ascii_alphabetic())
    };
    let all: Vec<String> = lines.map_while(Result::ok).filter(is_name).collect();
    let step = (all.len() / SHARED).max(1);
    Ok(all.into_iter().step_by(step).take(SHARED).collect())
}

/// Each name and all below it: there is no such name.
fn write_zone(file: &Path, names: &[String]) -> Result<()> {
    let mut out = BufWriter::new(fs::File::create(file)?);
    writeln!(
        out,
        "$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost."
    )?;
    for name in names {
        writeln!(out, "{name} CNAME .\n*.{name} CNAME .")?;
    }
    Ok(out.flush()?)
}
