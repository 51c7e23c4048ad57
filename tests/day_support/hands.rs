//! The hands that look after the box meanwhile: new lists, new settings, each seen to take effect.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};
use tokio::task::spawn_blocking;

use super::{
    PATIENCE, World,
    device::{Device, step},
    hours::People,
    verdicts,
};
use crate::support::school_box::{preau, write_settings};

/// Between two looks at what is in force.
const LOOK: Duration = Duration::from_millis(50);
const UAI: &str = "0510035L";

/// What the settings say, but for their version.
#[derive(Debug, Clone)]
pub struct Settings {
    pub folder: PathBuf,
    pub library: SocketAddr,
    pub proxy: SocketAddr,
    pub plain_ports: Vec<u16>,
    pub tunnel_port: u16,
}

impl Settings {
    /// `[gateway]` and `[filter]` in a version, which denies `denied`.
    fn sections(&self, version: u64, denied: SocketAddr) -> String {
        let (proxy, ports, tunnel) = (self.proxy, &self.plain_ports, self.tunnel_port);
        let mut text = format!(
            "[gateway]\nlisten = [\"{proxy}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
             plain_ports = {ports:?}\nconnect_ports = [{tunnel}]\nconnect_timeout = \"1m\"\n\
             answer_timeout = \"15s\"\ndownlink = \"8000 Mbit/s\"\n\
             [gateway.cache]\nquota = \"48 MB\"\nmemory = \"4 MB\"\n\
             [mirror]\nparallel = {}\n",
            version % 4 + 1
        );
        for (_, name, network, _) in People::ALL {
            let networks = format!("[\"127.{network}.0.0/16\"]");
            write!(text, "[[filter.profiles]]\nname = \"{name}\"\nnetworks = {networks}\n")
                .unwrap();
        }
        let minors = "profiles = [\"eleves\", \"internes\", \"visiteurs\"]";
        write!(
            text,
            "[[filter.rules]]\nname = \"jeux\"\ncategories = [\"games\"]\n\
             [[filter.rules]]\nname = \"du jour\"\ncategories = [\"today\"]\n{minors}\n\
             [[filter.rules]]\nname = \"{}\"\nsites = [\"{}\"]\n{minors}\n",
            verdicts::rule(version),
            denied.ip()
        )
        .unwrap();
        text
    }

    /// Puts a version in place, for the box to read.
    pub fn write(&self, version: u64, denied: SocketAddr) {
        let more = self.sections(version, denied);
        write_settings(&self.folder, UAI, self.library, "", &more);
    }
}

/// Compiles a version of the lists, with so many names beside those that are asked for, to where the
/// box looks for them. Blocking.
pub fn compile(folder: &Path, version: u64, names: u32, listed: SocketAddr) {
    let mut today = String::from("aujourdhui.example\n");
    if version % 2 == 1 {
        writeln!(today, "{}", listed.ip()).unwrap();
    }
    for number in 0..names {
        writeln!(today, "site{}.v{version}.example", number.wrapping_mul(2_654_435_761)).unwrap();
    }
    fs::write(folder.join("today.txt"), today).unwrap();
    fs::write(folder.join("games.txt"), format!("{}\n", verdicts::REFUSED)).unwrap();
    fs::create_dir_all(folder.join("data/lists")).unwrap();
    let compiled = Command::new(env!("CARGO_BIN_EXE_preau"))
        .args(["filter", "compile", "--shrink", "100", "--out"])
        .arg(folder.join("data/lists/lists.preau"))
        .arg(format!("domains:today={}", folder.join("today.txt").display()))
        .arg(format!("domains:games={}", folder.join("games.txt").display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let says = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "lists {version} do not compile: {says}");
}

/// Whoever looks after the box.
#[derive(Debug)]
pub struct Hands {
    pub world: Arc<World>,
    pub settings: Settings,
    pub process: u32,
    /// Names in each version of the lists.
    pub names: u32,
    /// A pupil's device, that sees what is in force.
    pub eyes: Device,
}

impl Hands {
    /// The next version of the lists, taken up at a SIGHUP.
    pub async fn swap_lists(&mut self) {
        let version = self.world.lists.newest() + 1;
        self.world.lists.begin(version);
        let (folder, names) = (self.settings.folder.clone(), self.names);
        let listed = self.world.listed();
        spawn_blocking(move || compile(&folder, version, names, listed)).await.unwrap();
        self.hang_up();
        let wanted = version % 2 == 1;
        let seen = |refusal: &Option<String>| refusal.is_some() == wanted;
        self.until_seen(listed, seen, &format!("lists {version}")).await;
        self.world.lists.settle(version);
        self.world.tally.add("lists swapped, and seen", "by SIGHUP");
    }

    /// The next version of the settings: by `preau reload`, whose word is that they are in force; or
    /// by a SIGHUP.
    pub async fn reload(&mut self) {
        let version = self.world.settings.newest() + 1;
        let (denied, rule) = (self.world.denied(version), verdicts::rule(version));
        self.world.settings.begin(version);
        self.settings.write(version, denied);
        let seen =
            |refusal: &Option<String>| refusal.as_ref().is_some_and(|page| page.contains(&rule));
        if version.is_multiple_of(4) {
            self.hang_up();
            self.until_seen(denied, seen, &rule).await;
            self.world.tally.add("settings reloaded, and seen", "by SIGHUP");
        } else {
            let folder = self.settings.folder.clone();
            let told = spawn_blocking(move || preau(&folder, &["reload"])).await.unwrap();
            let (out, err) = (&told.stdout, &told.stderr);
            let says = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
            assert!(told.status.success() && says.contains("filter"), "{rule}: {says}");
            // At once, and not a moment later.
            let page = verdicts::visit(&mut self.eyes, denied).await;
            let page = page.unwrap_or_else(|story| panic!("{rule}: {story}"));
            assert!(seen(&page), "{rule} is in force, says `preau reload`; a pupil sees {page:?}");
            self.world.tally.add("settings reloaded, and seen", "by `preau reload`");
        }
        self.world.settings.settle(version);
    }

    fn hang_up(&self) {
        signal::kill(Pid::from_raw(i32::try_from(self.process).unwrap()), Signal::SIGHUP).unwrap();
    }

    async fn until_seen(
        &mut self,
        site: SocketAddr,
        seen: impl Fn(&Option<String>) -> bool,
        what: &str,
    ) {
        let begun = Instant::now();
        loop {
            match verdicts::visit(&mut self.eyes, site).await {
                Ok(refusal) if seen(&refusal) => return,
                Ok(_) => {}
                Err(story) => panic!("{what}: {story}"),
            }
            assert!(begun.elapsed() < PATIENCE, "{what}: not in force within {PATIENCE:?}");
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A class that opens one large object at the same moment: each has it whole, and the origin was
/// asked once.
pub async fn class_opens(world: &Arc<World>, number: u32, origin: &super::origins::Origin) {
    const PUPILS: u8 = 30;
    const BYTES: u64 = 5 << 20;
    let site = world.open_sites()[0];
    let path = format!("/large/class{number}/{BYTES}");
    let url = format!("{site}{path}");
    let all = (0..PUPILS).map(|pupil| {
        let (world, path, url) = (world.clone(), path.clone(), url.clone());
        tokio::spawn(async move {
            let mut device = Device::new(&world, People::Pupils, [127, 10, 254, pupil].into());
            let seed = super::noise::Seed::of(&url);
            device.fetch(super::device::get(site, &path), seed, BYTES).await
        })
    });
    for pupil in all.collect::<Vec<_>>() {
        match step("a class", pupil).await {
            Ok(Ok(())) => world.tally.add("errands done", "a class's object"),
            Ok(Err(story)) | Err(story) => {
                world.tally.failed(&format!("a class: {story}"));
            }
        }
    }
    let times = origin.fetched(&url);
    if times != 1 {
        world.tally.failed(&format!("{path} was fetched {times} times for one class"));
    }
}
