//! The cache beside Squid's and nginx's `proxy_cache`: cached objects of 8 KB and 200 MB, and 500
//! clients who ask at once for 200 MB that nobody has yet.

use std::{
    fs, io,
    net::SocketAddr,
    os::{fd::AsFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, Interest},
    net::TcpStream,
    task::JoinSet,
};

use crate::support::{
    load,
    process::{Server, free_port},
    report::{Better, Row, median},
};

/// Rounds of each measure; the median counts.
const ROUNDS: usize = 5;
const SMALL_BYTES: usize = 8 * 1024;
const LARGE_BYTES: usize = 200 << 20;
const SECONDS_A_ROUND: u32 = 3;
const BODIES_A_ROUND: u32 = 8;
const CROWD: usize = 500;

/// Origin and caches, on loopback.
struct School {
    work: PathBuf,
    origin: Server,
}

/// Measures all of it.
pub fn measure(work: &Path, rows: &mut Vec<Row>) -> Result<()> {
    println!("preparing the caches");
    let school = School::prepare(&work.join("cache"))?;
    let (ours, squid, nginx) = (school.preau()?, school.squid()?, school.nginx()?);
    println!("a cached 8 KB object");
    let small = school.url("small");
    let rates = in_turn(&[&ours, &squid, &nginx], |peer| {
        load::through(peer.address, &small, SECONDS_A_ROUND, &school.work)
    })?;
    let named = |index| ["Squid", "nginx proxy_cache"][index];
    for (index, rate) in rates[1..].iter().enumerate() {
        let name = "cached 8 KB object";
        rows.push(Row::new(name, "req/s", Better::More, rates[0], named(index), *rate));
    }
    println!("a cached 200 MB object");
    let large = school.url("large");
    let rates = in_turn(&[&ours, &squid, &nginx], |peer| {
        load::big_bodies(peer.address, &large, BODIES_A_ROUND)
    })?;
    for (index, rate) in rates[1..].iter().enumerate() {
        let (name, mb) = ("cached 200 MB object", 1e6);
        let (mine, theirs) = (rates[0] / mb, rate / mb);
        rows.push(Row::new(name, "MB/s", Better::More, mine, named(index), theirs));
    }
    crowds(&school, &[&ours, &squid, &nginx], rows)
}

fn in_turn(peers: &[&Server], measure: impl Fn(&Server) -> Result<f64>) -> Result<Vec<f64>> {
    let mut figures = vec![Vec::new(); peers.len()];
    for round in 0..=ROUNDS {
        for (peer, figures) in peers.iter().zip(&mut figures) {
            let figure = measure(peer)?;
            // The first fills the cache.
            if round > 0 {
                figures.push(figure);
            }
        }
    }
    Ok(figures.into_iter().map(median).collect())
}

/// 500 clients each, who ask for what no cache has.
fn crowds(school: &School, peers: &[&Server], rows: &mut Vec<Row>) -> Result<()> {
    let mut all = Vec::new();
    for (number, peer) in peers.iter().enumerate() {
        let path = format!("crowd-{number}");
        fs::hard_link(school.work.join("www/large"), school.work.join("www").join(&path))?;
        let url = school.url(&path);
        println!("{CROWD} clients ask {} for one uncached 200 MB file", peer.address);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let before = peer.memory()?;
        let begun = Instant::now();
        let most = runtime.block_on(crowd(peer, &url))?;
        let took = begun.elapsed().as_secs_f64();
        all.push((took, (most - before).max(0.0) / 1024.0, school.fetches(&path)? as f64));
    }
    for (index, peer) in ["Squid", "nginx proxy_cache"].into_iter().enumerate() {
        let (ours, theirs) = (all[0], all[index + 1]);
        let named = |what: &str| format!("500 clients, one uncached 200 MB file: {what}");
        rows.push(Row::new(named("done in"), "s", Better::Less, ours.0, peer, theirs.0));
        rows.push(Row::new(named("memory"), "MiB", Better::Less, ours.1, peer, theirs.1));
        rows.push(Row::new(named("fetches"), "", Better::Less, ours.2, peer, theirs.2));
    }
    Ok(())
}

/// Every client reads all of it; gives the most memory, in KiB, that the server took meanwhile.
async fn crowd(peer: &Server, url: &str) -> Result<f64> {
    let mut clients = JoinSet::new();
    for _ in 0..CROWD {
        clients.spawn(client(peer.address, url.to_owned()));
    }
    let (mut most, mut done) = (0.0_f64, 0);
    while let Some(bytes) = clients.join_next().await {
        ensure!(bytes?? == LARGE_BYTES, "a client got less than all");
        done += 1;
        if done % 50 == 1 {
            most = most.max(peer.memory()?);
        }
    }
    Ok(most)
}

async fn client(address: SocketAddr, url: String) -> Result<usize> {
    let mut stream = TcpStream::connect(address).await?;
    let ask = format!("GET {url} HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let (mut buffer, mut bytes, mut head) = (vec![0; 256 * 1024], 0, Vec::new());
    loop {
        if bytes > 0 {
            stream.readable().await?;
            let take = || load::discard(stream.as_fd(), &mut buffer);
            match stream.try_io(Interest::READABLE, take) {
                Ok(0) => return Ok(bytes),
                Ok(read) => bytes += read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        match stream.read(&mut buffer).await? {
            0 => return Ok(bytes),
            read => {
                head.extend_from_slice(&buffer[..read]);
                if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                    bytes += head.len() - end - 4;
                }
            }
        }
    }
}

impl School {
    fn prepare(work: &Path) -> Result<Self> {
        fs::create_dir_all(work.join("www"))?;
        fs::write(work.join("www/small"), vec![b'x'; SMALL_BYTES])?;
        let noise: Vec<u8> =
            (0..LARGE_BYTES).map(|at| u8::try_from(at * 7 / 4096 % 251).unwrap_or(0)).collect();
        fs::write(work.join("www/large"), noise)?;
        let port = free_port()?;
        let (at, file) = (work.display(), work.join("origin.conf"));
        fs::write(
            &file,
            format!(
                "daemon off; worker_processes 1; pid {at}/origin.pid; error_log {at}/origin.err; user root;
                 events {{ worker_connections 4096; }}
                 http {{ log_format asked '$request_uri'; access_log {at}/asked asked; sendfile on;
                   server {{ listen 127.0.0.1:{port}; root {at}/www; add_header Cache-Control max-age=86400; }} }}\n"
            ),
        )?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        let origin = Server::start(command, port, &work.join("origin.log"))?;
        Ok(Self { work: work.to_owned(), origin })
    }

    fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.origin.address)
    }

    /// How often the origin was asked for a file.
    fn fetches(&self, name: &str) -> Result<usize> {
        let asked = fs::read_to_string(self.work.join("asked"))?;
        Ok(asked.lines().filter(|line| *line == format!("/{name}")).count())
    }

    fn preau(&self) -> Result<Server> {
        let (library, port) = (free_port()?, free_port()?);
        let (at, file) = (self.work.display(), self.work.join("preau.toml"));
        let origin = self.origin.address.port();
        fs::write(
            &file,
            format!(
                "[school]\nuai = \"0750001D\"\nname = \"Lycée du banc d'essai\"\n\
                 [access]\nsign_in = \"off\"\n\
                 [network]\nlisten = [\"127.0.0.1:{library}\"]\n\
                 [gateway]\nlisten = [\"127.0.0.1:{port}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
                 plain_ports = [{origin}]\nconnections_per_device = 8192\n\
                 [store]\npath = \"{at}/data\"\nreserve = \"100 MB\"\n\
                 [control]\nsocket = \"{at}/control.sock\"\n"
            ),
        )?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command.arg("run").arg("--config").arg(file);
        Server::start(command, port, &self.work.join("preau.log"))
    }

    fn squid(&self) -> Result<Server> {
        let port = free_port()?;
        let (at, file) = (self.work.display(), self.work.join("squid.conf"));
        // It refuses to work as root, and then works as a user of its own.
        let own = self.work.join("squid");
        fs::create_dir_all(&own)?;
        fs::set_permissions(&own, fs::Permissions::from_mode(0o777))?;
        fs::write(
            &file,
            format!(
                "http_port 127.0.0.1:{port}\nhttp_access allow all\npid_filename {at}/squid/pid\n\
                 cache_log {at}/squid/log\naccess_log none\n\
                 cache_store_log none\ncache_mem 64 MB\nmaximum_object_size 1 GB\n\
                 maximum_object_size_in_memory 512 KB\ncollapsed_forwarding on\n\
                 cache_dir ufs {at}/squid/swap 4096 16 16\ncoredump_dir {at}/squid\nshutdown_lifetime 1 second\n"
            ),
        )?;
        let made = Command::new("squid").arg("-N").arg("-z").arg("-f").arg(&file).output();
        let made = made.context("starting squid (scripts/install bench)")?;
        ensure!(made.status.success(), "squid -z: {}", String::from_utf8_lossy(&made.stderr));
        let mut command = Command::new("squid");
        command.arg("-N").arg("-f").arg(file);
        Server::start(command, port, &self.work.join("squid.log"))
    }

    fn nginx(&self) -> Result<Server> {
        let port = free_port()?;
        let (at, file) = (self.work.display(), self.work.join("nginx.conf"));
        let origin = self.origin.address;
        fs::write(
            &file,
            format!(
                "daemon off; worker_processes auto; pid {at}/nginx.pid; error_log {at}/nginx.err; user root;
                 events {{ worker_connections 4096; }}
                 http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
                   proxy_temp_path {at}/nginx.tmp;
                   proxy_cache_path {at}/nginx.cache keys_zone=all:16m max_size=4g use_temp_path=off;
                   server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://{origin};
                     proxy_cache all; proxy_cache_lock on; proxy_cache_lock_timeout 1h;
                     proxy_cache_lock_age 1h; }} }} }}\n"
            ),
        )?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        Server::start(command, port, &self.work.join("nginx.log"))
    }
}
