//! The proxy beside Squid: tunnels opened, their throughput, plain requests. Both find nginx at the
//! other end, neither keeps anything or writes a log, and they take turns.
//!
//! All share the machine's cores, so whoever asks and whoever answers is kept as light as can be:
//! threads that block, bytes that are never copied, an origin that looks at a connection only once
//! it was asked something.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use tokio::{
    io::{AsyncWriteExt as _, Interest},
    task::JoinSet,
};

use crate::support::{
    load,
    process::{Server, free_port},
    report::{Better, Row, median},
};

const ROUNDS: usize = 5;
/// Tunnels that are being opened at any moment, and for how long.
const OPENERS: usize = 32;
const OPENING: Duration = Duration::from_secs(3);
/// Bodies of 200 MB that one tunnel brings in a round.
const LARGE_BYTES: usize = 200_000_000;
const BODIES: usize = 5;
/// Tunnels at once, and what each brings.
const TUNNELS: usize = 200;
const EACH_BYTES: usize = 10_000_000;
const SMALL_BYTES: usize = 8 * 1024;
const BUFFER_BYTES: usize = 256 * 1024;

/// Origin, proxy and peer, in a folder of their own.
struct Street {
    work: PathBuf,
    origin: SocketAddr,
}

/// Measures, and adds the rows.
pub fn measure(work: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let work = work.join("proxy");
    fs::create_dir_all(work.join("www"))?;
    let street = Street { origin: SocketAddr::from(([127, 0, 0, 1], free_port()?)), work };
    let _nginx = street.nginx()?;
    let (ours, squid) = (street.preau()?, street.squid()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    openings(&street, [&ours, &squid], rows)?;
    let mut row = |name: &str, unit, figure: &dyn Fn(SocketAddr) -> Result<f64>| -> Result<()> {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let pair = (figure(ours.address)?, figure(squid.address)?);
            if round > 0 {
                here.push(pair.0);
                there.push(pair.1);
            }
        }
        let (here, there) = (median(here), median(there));
        rows.push(Row::new(name, unit, Better::More, here, "Squid", there));
        Ok(())
    };
    row("one tunnel", "MB/s", &|proxy| one(proxy, street.origin))?;
    row("200 tunnels at once", "MB/s", &|proxy| runtime.block_on(many(proxy, street.origin)))?;
    row("plain requests", "/s", &|proxy| street.plain(proxy))
}

impl Street {
    fn nginx(&self) -> Result<Server> {
        for (name, bytes) in [("large", LARGE_BYTES), ("each", EACH_BYTES), ("small", SMALL_BYTES)]
        {
            fs::write(self.work.join("www").join(name), vec![b'x'; bytes])?;
        }
        let (work, origin) = (self.work.display(), self.origin);
        let file = self.work.join("nginx.conf");
        fs::write(
            &file,
            format!(
                "daemon off; user root; worker_processes 1; pid {work}/nginx.pid;\n\
                 error_log {work}/nginx.err;\n\
                 events {{ worker_connections 4096; }}\n\
                 http {{ access_log off; sendfile on; keepalive_requests 100000000;\n\
                 server {{ listen {origin} backlog=4096 deferred; root {work}/www; }} }}\n"
            ),
        )?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        Server::start(command, self.origin.port(), &self.work.join("nginx.log"))
    }

    fn preau(&self) -> Result<Server> {
        let (work, port, library) = (self.work.display(), free_port()?, free_port()?);
        let at = self.origin.port();
        let file = self.work.join("preau.toml");
        fs::write(
            &file,
            format!(
                "[school]\nuai = \"0510035L\"\nname = \"Lycée de mesure\"\n\
                 [access]\nsign_in = \"off\"\n\
                 [network]\nlisten = [\"127.0.0.1:{library}\"]\n\
                 [store]\npath = \"{work}/data\"\nreserve = \"1 MB\"\n\
                 [control]\nsocket = \"{work}/control.sock\"\n\
                 [gateway]\nlisten = [\"127.0.0.1:{port}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
                 connect_ports = [{at}]\nplain_ports = [{at}]\nconnections_per_device = 4096\n"
            ),
        )?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command.args(["run", "--config"]).arg(file);
        Server::start(command, port, &self.work.join("preau.log"))
    }

    /// As its documentation has it for a proxy that keeps nothing. It lowers its own rights, and
    /// could write no log into our folder.
    fn squid(&self) -> Result<Server> {
        let (work, port) = (self.work.display(), free_port()?);
        let file = self.work.join("squid.conf");
        fs::write(
            &file,
            format!(
                "http_port 127.0.0.1:{port}\nhttp_access allow all\ncache deny all\ncache_mem 0\n\
                 access_log none\ncache_log /dev/null\npid_filename none\n\
                 coredump_dir {work}\nvisible_hostname bench\nforwarded_for delete\n\
                 pinger_enable off\nmemory_cache_shared off\nshutdown_lifetime 0 seconds\n\
                 max_filedescriptors 16384\n"
            ),
        )?;
        let mut command = Command::new("squid");
        command.args(["-N", "-d1", "-f"]).arg(file);
        Server::start(command, port, &self.work.join("squid.log"))
    }

    /// Requests a second that `wrk` gets of a small page.
    fn plain(&self, proxy: SocketAddr) -> Result<f64> {
        let script = self.work.join("absolute.lua");
        let origin = self.origin;
        fs::write(
            &script,
            format!(
                "request = function() return \"GET http://{origin}/small HTTP/1.1\\r\\n\
                 Host: {origin}\\r\\n\\r\\n\" end\n"
            ),
        )?;
        let output = Command::new("wrk")
            .args(["-t1", "-c32", "-d3s", "-s"])
            .arg(script)
            .arg(format!("http://{proxy}"))
            .output()
            .context("starting wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(output.status.success(), "wrk failed: {text}");
        ensure!(!text.contains("Non-2xx"), "wrk saw errors: {text}");
        let line = text.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(line.context("wrk printed no Requests/sec")?.trim().parse()?)
    }
}

fn asking(origin: SocketAddr) -> String {
    format!("CONNECT {origin} HTTP/1.1\r\nHost: {origin}\r\n\r\n")
}

fn tunnel(proxy: SocketAddr, origin: SocketAddr) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.write_all(asking(origin).as_bytes())?;
    let (mut head, mut heard) = ([0; 512], 0);
    while !head[..heard].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut head[heard..])?;
        ensure!(read > 0, "no answer to CONNECT");
        heard += read;
    }
    ensure!(head.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&head[..heard]));
    Ok(stream)
}

/// Tunnels opened a second, by whoever asks on the same cores; and what each takes of a processor,
/// which is what bounds a box whose devices ask from afar.
fn openings(street: &Street, proxies: [&Server; 2], rows: &mut Vec<Row>) -> Result<()> {
    let mut figures = [const { (Vec::new(), Vec::new()) }; 2];
    for round in 0..=ROUNDS {
        for (proxy, (rates, costs)) in proxies.iter().zip(&mut figures) {
            let before = proxy.processor()?;
            let rate = opened(proxy.address, street.origin)?;
            let cost = (proxy.processor()? - before) / (rate * OPENING.as_secs_f64());
            if round > 0 {
                rates.push(rate);
                costs.push(cost * 1e6);
            }
        }
    }
    let [(here, here_costs), (there, there_costs)] = figures;
    let (here, there) = (median(here), median(there));
    rows.push(Row::new("tunnels opened", "/s", Better::More, here, "Squid", there));
    let (here, there) = (median(here_costs), median(there_costs));
    let name = "processor time a tunnel opened";
    rows.push(Row::new(name, "µs", Better::Less, here, "Squid", there));
    Ok(())
}

/// Tunnels a second that are opened and closed again.
fn opened(proxy: SocketAddr, origin: SocketAddr) -> Result<f64> {
    let begun = Instant::now();
    let openers: Vec<_> = (0..OPENERS)
        .map(|_| {
            thread::spawn(move || -> Result<u32> {
                let mut count = 0;
                while begun.elapsed() < OPENING {
                    let stream = tunnel(proxy, origin)?;
                    // Else the ports of this machine would run out.
                    socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
                    count += 1;
                }
                Ok(count)
            })
        })
        .collect();
    let mut count = 0;
    for opener in openers {
        count += opener.join().map_err(|_| anyhow!("an opener panicked"))??;
    }
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

/// Megabytes a second through one tunnel.
fn one(proxy: SocketAddr, origin: SocketAddr) -> Result<f64> {
    let mut stream = tunnel(proxy, origin)?;
    let mut buffer = vec![0; BUFFER_BYTES];
    let begun = Instant::now();
    for _ in 0..BODIES {
        stream.write_all(format!("GET /large HTTP/1.1\r\nHost: {origin}\r\n\r\n").as_bytes())?;
        load::one_body(&mut stream, &mut buffer)?;
    }
    Ok((BODIES * LARGE_BYTES) as f64 / begun.elapsed().as_secs_f64() / 1e6)
}

/// Megabytes a second through many tunnels at once, opened before.
async fn many(proxy: SocketAddr, origin: SocketAddr) -> Result<f64> {
    let mut streams = Vec::new();
    for _ in 0..TUNNELS {
        let stream = tunnel(proxy, origin)?;
        stream.set_nonblocking(true)?;
        streams.push(tokio::net::TcpStream::from_std(stream)?);
    }
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for mut stream in streams {
        tasks.spawn(async move {
            let ask = format!("GET /each HTTP/1.1\r\nHost: {origin}\r\nConnection: close\r\n\r\n");
            stream.write_all(ask.as_bytes()).await?;
            let (mut buffer, mut got) = (vec![0; BUFFER_BYTES], 0);
            loop {
                stream.readable().await?;
                let take = || load::discard(stream.as_fd(), &mut buffer);
                match stream.try_io(Interest::READABLE, take) {
                    Ok(0) => break,
                    Ok(read) => got += read,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.into()),
                }
            }
            ensure!(got > EACH_BYTES, "a tunnel ended after {got} bytes");
            anyhow::Ok(got)
        });
    }
    let mut bytes = 0;
    while let Some(tunnel) = tasks.join_next().await {
        bytes += tunnel??;
    }
    Ok(bytes as f64 / begun.elapsed().as_secs_f64() / 1e6)
}
