//! squidGuard as a child process, lists of UT1's shape, and addresses to ask both about.

pub mod addresses;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// The same lists each time.
const SEED: u64 = 4;
/// Names of a generated category.
const NAMES: usize = 2_000;
/// URL rules of one.
const URLS: usize = 400;

/// squidGuard, installed.
pub struct SquidGuard {
    program: PathBuf,
}

impl SquidGuard {
    /// Where it is. Without it a test is skipped, loudly; in continuous integration that is a failure.
    pub fn find() -> Option<Self> {
        let places = ["/usr/bin/squidGuard", "/usr/local/bin/squidGuard"];
        let program = places.iter().map(PathBuf::from).find(|place| place.exists());
        if program.is_none() {
            assert!(
                std::env::var_os("CI").is_none(),
                "squidGuard is missing: scripts/install test"
            );
            eprintln!("SKIPPED: squidGuard is not installed (scripts/install test)");
        }
        program.map(|program| Self { program })
    }

    /// The category of each address, the first of `categories` that lists it.
    pub fn ask(
        &self,
        root: &Path,
        work: &Path,
        categories: &[String],
        addresses: &[String],
    ) -> Vec<Option<String>> {
        let config = work.join("squidguard.conf");
        let mut text = format!("dbhome {}\nlogdir {}\n", root.display(), work.display());
        for category in categories {
            let _ = writeln!(text, "dest {category} {{");
            for (key, file) in
                [("domainlist", "domains"), ("urllist", "urls"), ("expressionlist", "expressions")]
            {
                // It takes no empty file.
                if fs::metadata(root.join(category).join(file)).is_ok_and(|about| about.len() > 0) {
                    let _ = writeln!(text, "  {key} {category}/{file}");
                }
            }
            text.push_str("}\n");
        }
        let denied = format!("!{}", categories.join(" !"));
        let _ = writeln!(
            text,
            "acl {{\n default {{\n  pass {denied} all\n  redirect http://refused/%t\n }}\n}}"
        );
        fs::write(&config, text).unwrap();
        self.run(&config, &["-C", "all"], "");
        let question = |address: &String| format!("{address} 10.0.0.1/- - GET\n");
        let questions = addresses.iter().map(question).collect::<Vec<_>>().concat();
        let answers = self.run(&config, &[], &questions);
        let log = fs::read_to_string(work.join("squidGuard.log")).unwrap_or_default();
        assert!(!log.contains("emergency"), "squidGuard is in emergency mode:\n{log}");
        let answers: Vec<_> = answers.lines().map(category_of).collect();
        assert_eq!(answers.len(), addresses.len(), "an answer a question");
        answers
    }

    fn run(&self, config: &Path, arguments: &[&str], input: &str) -> String {
        let questions = config.with_extension("questions");
        fs::write(&questions, input).unwrap();
        let output = Command::new(&self.program)
            .arg("-c")
            .arg(config)
            .args(arguments)
            .stdin(fs::File::open(&questions).unwrap())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(output.status.success(), "squidGuard ended with {}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// `OK rewrite-url="http://refused/adult"` names the category; `ERR` says there is none.
fn category_of(answer: &str) -> Option<String> {
    let (_, rest) = answer.split_once("http://refused/")?;
    Some(rest.trim_end_matches('"').to_owned())
}

/// Unpacks some categories of an archive.
pub fn unpack(archive: &Path, into: &Path, categories: &[&str]) {
    let mut tar = Command::new("tar");
    tar.arg("xzf").arg(archive).arg("-C").arg(into);
    tar.args(categories.iter().map(|category| format!("blacklists/{category}")));
    assert!(tar.status().unwrap().success());
}

/// Lists of UT1's shape: names that resemble one another, addresses, URLs, expressions.
pub fn write_generated(root: &Path) {
    let mut random = StdRng::seed_from_u64(SEED);
    for category in ["alpha", "beta"] {
        let folder = root.join(category);
        fs::create_dir_all(&folder).unwrap();
        let mut names: Vec<String> = (0..NAMES).map(|_| name(&mut random)).collect();
        names.extend((0..50).map(|_| address(&mut random)));
        names.extend(["xxx", "under_score.example", "ends-.example"].map(str::to_owned));
        names.push("xn--caf-dma.example".to_owned());
        write_lines(&folder.join("domains"), names);
        let mut urls: Vec<String> =
            (0..URLS).map(|_| format!("{}{}", name(&mut random), path(&mut random))).collect();
        urls.extend((0..20).map(|_| format!("{}/watch", address(&mut random))));
        urls.push(format!("{}:8080/port", name(&mut random)));
        write_lines(&folder.join("urls"), urls);
    }
    let expressions = "(/banner/|/sponsor/|Adverts/)\n\
                       ^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+/search\\?q=[0-9]+$\n\
                       (^|[-\\?+=/_])(big|huge)?(poker|casino)s?([-\\.\\?+=/_]|$)\n";
    fs::write(root.join("beta/expressions"), expressions).unwrap();
}

fn write_lines(path: &Path, mut lines: Vec<String>) {
    lines.sort();
    lines.dedup();
    lines.push(String::new());
    fs::write(path, lines.join("\n")).unwrap();
}

/// Two to four labels of few words, so that many names are near others.
fn name(random: &mut StdRng) -> String {
    const WORDS: [&str; 16] = [
        "a", "b", "blog", "shop", "my", "web", "www", "cdn", "play", "new", "best", "top", "x1",
        "free", "club", "art",
    ];
    const TOPS: [&str; 5] = ["fr", "com", "example", "co.uk", "org"];
    let labels = random.random_range(1..=3);
    let mut name = String::new();
    for _ in 0..labels {
        let word = WORDS.choose(random).unwrap();
        let number: u16 = random.random_range(0..60);
        let _ = write!(name, "{word}{number}.");
    }
    name + TOPS.choose(random).unwrap()
}

fn address(random: &mut StdRng) -> String {
    std::net::Ipv4Addr::from(random.random_range(0x0100_0000_u32..0xdf00_0000)).to_string()
}

fn path(random: &mut StdRng) -> String {
    const PARTS: [&str; 8] =
        ["/Games", "/a", "/view", "/~user", "/p.php?id=7", "/b/c", "/x", "/d/"];
    let parts = random.random_range(1..=2);
    (0..parts).map(|_| *PARTS.choose(random).unwrap()).collect()
}
