//! Préau and unbound as a school's resolver, over the same forwarder and the same names.

use std::{
    fs,
    net::{SocketAddr, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    lists::CATEGORY,
    support::process::{Server, free_port},
};

/// How long a resolver may take to answer its first question, lists and all.
const START_LIMIT: Duration = Duration::from_secs(120);

/// What both stand on.
pub struct School {
    /// A folder for each.
    pub work: PathBuf,
    /// Who is asked for what nobody keeps.
    pub forwarder: SocketAddr,
    /// Threads that each may use.
    pub threads: usize,
}

impl School {
    /// Préau with these compiled lists; without a resolver if not `resolving`.
    pub fn preau(&self, name: &str, lists: &Path, resolving: bool) -> Result<Server> {
        let folder = self.work.join(name);
        fs::create_dir_all(folder.join("data/lists"))?;
        fs::copy(lists, folder.join("data/lists/lists.preau"))?;
        let (port, library, at) = (free_port()?, free_port()?, folder.display());
        let dns = format!(
            "[dns]\nlisten = [\"127.0.0.1:{port}\"]\nresolvers = [\"{}\"]\n\
             per_device = {ALL_AT_ONE}\n",
            self.forwarder
        );
        let dns = if resolving { &dns } else { "" };
        let file = folder.join("preau.toml");
        let text = format!(
            "[school]\nuai = \"0510035L\"\nname = \"Lycée de mesure\"\n\
             [access]\nsign_in = \"off\"\n\
             [network]\nlisten = [\"127.0.0.1:{library}\"]\n\
             [store]\npath = \"{at}/data\"\nreserve = \"1 MB\"\n\
             [control]\nsocket = \"{at}/control.sock\"\n{dns}\
             [[filter.profiles]]\nname = \"eleves\"\nnetworks = [\"127.0.0.0/8\"]\n\
             [[filter.rules]]\nname = \"adulte\"\ncategories = [\"{CATEGORY}\"]\n"
        );
        fs::write(&file, text)?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command
            .args(["run", "--config"])
            .arg(file)
            .env("TOKIO_WORKER_THREADS", self.threads.to_string());
        let serving = if resolving { port } else { library };
        let server = Server::start(command, serving, &folder.join("log"))?;
        if resolving {
            answers(server.address)?;
        }
        Ok(server)
    }

    /// unbound with the same names as a response policy zone, set as its documentation says for
    /// speed (nlnetlabs.nl, "Performance Tuning"); `megabytes` for its caches.
    pub fn unbound(&self, name: &str, zone: &Path, megabytes: usize) -> Result<Server> {
        let folder = self.work.join(name);
        fs::create_dir_all(&folder)?;
        let (port, at, threads) = (free_port()?, folder.display(), self.threads);
        let slabs = (2 * threads).next_power_of_two();
        let slabs: String = ["msg-cache", "rrset-cache", "infra-cache", "key-cache"]
            .map(|cache| format!("{cache}-slabs: {slabs}\n"))
            .concat();
        let forwarder = format!("{}@{}", self.forwarder.ip(), self.forwarder.port());
        let text = format!(
            "server:\ndirectory: \"{at}\"\nchroot: \"\"\nusername: \"\"\n\
             pidfile: \"{at}/unbound.pid\"\nuse-syslog: no\nverbosity: 0\ndo-daemonize: no\n\
             interface: 127.0.0.1@{port}\naccess-control: 127.0.0.0/8 allow\n\
             num-threads: {threads}\nso-reuseport: yes\nso-rcvbuf: 1m\n{slabs}\
             msg-cache-size: {megabytes}m\nrrset-cache-size: {rrsets}m\n\
             outgoing-range: 8192\nnum-queries-per-thread: 4096\n\
             do-not-query-localhost: no\nmodule-config: \"respip iterator\"\n\
             rpz:\nname: rpz.school\nzonefile: \"{zone}\"\n\
             forward-zone:\nname: \".\"\nforward-addr: {forwarder}\n\
             remote-control:\ncontrol-enable: no\n",
            rrsets = 2 * megabytes,
            zone = zone.display(),
        );
        let file = folder.join("unbound.conf");
        fs::write(&file, text)?;
        let mut command = Command::new("unbound");
        command.arg("-d").arg("-c").arg(&file);
        let server = Server::start(command, port, &folder.join("log"))
            .context("unbound (scripts/install bench)")?;
        answers(server.address)?;
        Ok(server)
    }
}

/// Questions a second of one address: here it stands for a whole school.
const ALL_AT_ONE: u32 = 100_000_000;

/// Waits until it does.
fn answers(server: SocketAddr) -> Result<()> {
    /// `start.example A`, with recursion desired.
    const QUESTION: &[u8] = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x05start\x07example\0\0\x01\0\x01";
    let begun = Instant::now();
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    socket.connect(server)?;
    let mut answer = [0; 512];
    while begun.elapsed() < START_LIMIT {
        let _ = socket.send(QUESTION);
        if let Ok(length) = socket.recv(&mut answer) {
            let code = answer[3] % 16;
            ensure!(length > QUESTION.len() && code == 0, "it answers wrongly");
            return Ok(());
        }
    }
    bail!("{server} answers no question")
}
