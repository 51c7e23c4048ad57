//! The filters that schools have now, with the same names.

use std::{
    fs::{self, File},
    io::{BufWriter, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::support::process::{Server, free_port};

/// How long a proxy may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

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

/// e2guardian as Debian sets it up, refusing every name.
pub struct E2guardian {
    server: Server,
    /// From its start to its first answer.
    pub loaded_in: Duration,
}

impl E2guardian {
    /// `listed` is one of the names.
    pub fn start<'n>(
        work: &Path,
        names: impl Iterator<Item = &'n [u8]>,
        listed: &str,
    ) -> Result<Self> {
        let (folder, port) = (work.join("e2guardian"), free_port()?);
        let place = folder.display();
        let copied = Command::new("cp").args(["-rL", "/etc/e2guardian"]).arg(&folder).status()?;
        ensure!(copied.success(), "no e2guardian here (scripts/install bench)");
        for name in ["e2guardian.conf", "e2guardianf1.conf", "examplef1.story", "preauth.story"] {
            let file = folder.join(name);
            let text = fs::read_to_string(&file)?.replace("/etc/e2guardian", &place.to_string());
            fs::write(file, text)?;
        }
        let settings = folder.join("e2guardian.conf");
        let left =
            ["filterip", "filterports", "checkip", "transparenthttpsport", "nodaemon", "nologger"];
        let mut text: String = fs::read_to_string(&settings)?
            .lines()
            .filter(|line| !left.iter().any(|key| line.starts_with(key)))
            .flat_map(|line| [line, "\n"])
            .collect();
        text.push_str(&format!(
            "filterip = 127.0.0.1\nfilterports = {port}\nnodaemon = on\nnologger = on\n\
             daemonuser = 'root'\ndaemongroup = 'root'\npidfilename = '{place}/pid'\n\
             loglocation = '{place}/access.log'\n"
        ));
        fs::write(&settings, text)?;
        write_lines(&folder.join("lists/bannedsitelist"), names, b"", b"")?;
        let mut command = Command::new("e2guardian");
        command.args(["-N", "-c"]).arg(&settings);
        let server = Server::start(command, port, &folder.join("log"))?;
        ensure!(refuses(&server, listed)?, "e2guardian does not refuse {listed}");
        ensure!(!refuses(&server, "127.0.0.1:1")?, "e2guardian refuses everything");
        let loaded_in = server.started_in;
        Ok(Self { server, loaded_in })
    }

    /// KiB.
    pub fn memory(&self) -> Result<f64> {
        self.server.memory()
    }
}

/// Does e2guardian answer a request for this host with its page for what is banned?
fn refuses(server: &Server, host: &str) -> Result<bool> {
    let mut stream = TcpStream::connect(server.address)?;
    let ask = format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes())?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(false),
            read => answer.extend_from_slice(&buffer[..read]),
        }
        // It keeps some connections although it is asked to close them.
        let page = String::from_utf8_lossy(&answer);
        if page.contains("</html>") || page.contains("Block page") {
            return Ok(page.contains("Block page"));
        }
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
