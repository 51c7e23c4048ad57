//! The filters that schools have now, with the same names.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::support::process::{Server, free_port};

/// squidGuard with all names in one list, which is the least it has to look through.
pub struct SquidGuard {
    config: PathBuf,
    questions: PathBuf,
    /// Seconds it took to make its tables.
    pub compiled_in: f64,
}

impl SquidGuard {
    pub fn compile<'n>(work: &Path, names: impl Iterator<Item = &'n [u8]>) -> Result<Self> {
        let folder = work.join("squidguard");
        fs::create_dir_all(&folder)?;
        write_lines(&folder.join("domains"), names, b"", b"")?;
        let config = folder.join("squidguard.conf");
        let place = folder.display();
        let text = format!(
            "dbhome {place}\nlogdir {place}\ndest listed {{\n domainlist domains\n}}\n\
             acl {{\n default {{\n  pass !listed all\n  redirect http://refused/\n }}\n}}\n"
        );
        fs::write(&config, text)?;
        let begun = Instant::now();
        let made = Command::new("squidGuard").arg("-c").arg(&config).args(["-C", "all"]).output();
        let made = made.context("starting squidGuard (scripts/install bench)")?;
        ensure!(made.status.success(), "squidGuard ended with {}", made.status);
        let compiled_in = begun.elapsed().as_secs_f64();
        Ok(Self { config, questions: folder.join("questions"), compiled_in })
    }

    /// Answers a second over these names, its start taken off.
    pub fn rate(&self, names: &[String]) -> Result<f64> {
        let started_in = self.ask(&[])?;
        let took = self.ask(names)?.saturating_sub(started_in);
        Ok(names.len() as f64 / took.as_secs_f64())
    }

    fn ask(&self, names: &[String]) -> Result<Duration> {
        let question = |name: &String| format!("http://{name}/ 10.0.0.1/- - GET\n");
        fs::write(&self.questions, names.iter().map(question).collect::<Vec<_>>().concat())?;
        let begun = Instant::now();
        let output = Command::new("squidGuard")
            .arg("-c")
            .arg(&self.config)
            .stdin(File::open(&self.questions)?)
            .stderr(Stdio::null())
            .output()?;
        let took = begun.elapsed();
        let answers = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let (listed, others): (Vec<_>, Vec<_>) = answers.partition(|line| line.starts_with(b"OK"));
        let answered = listed.len() + others.len() == names.len();
        // A squidGuard that cannot use its lists answers very fast that nothing is listed.
        ensure!(answered && (names.is_empty() || !listed.is_empty()), "squidGuard does not answer");
        Ok(took)
    }
}

/// dnsmasq, refusing every name.
pub struct Dnsmasq {
    server: Server,
    /// From its start to its first answer.
    pub loaded_in: Duration,
}

impl Dnsmasq {
    pub fn start<'n>(work: &Path, names: impl Iterator<Item = &'n [u8]>) -> Result<Self> {
        let folder = work.join("dnsmasq");
        fs::create_dir_all(&folder)?;
        let list = folder.join("names.conf");
        write_lines(&list, names, b"local=/", b"/")?;
        let port = free_port()?;
        let mut command = Command::new("dnsmasq");
        command
            .args(["--keep-in-foreground", "--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--listen-address=127.0.0.1", "--user=root", "--pid-file="])
            .arg(format!("--port={port}"))
            .arg(format!("--conf-file={}", list.display()));
        let server = Server::start(command, port, &folder.join("log"))?;
        let loaded_in = server.started_in;
        Ok(Self { server, loaded_in })
    }

    /// KiB.
    pub fn memory(&self) -> Result<f64> {
        self.server.memory()
    }
}

fn write_lines<'n>(
    path: &Path,
    names: impl Iterator<Item = &'n [u8]>,
    before: &[u8],
    after: &[u8],
) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for name in names {
        for bytes in [before, name, after, b"\n"] {
            file.write_all(bytes)?;
        }
    }
    Ok(file.flush()?)
}
