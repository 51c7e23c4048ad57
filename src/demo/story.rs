//! The demo for people: a school is set up, mirrored, and the Internet is cut; then it is theirs.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use indicatif::HumanBytes;
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{
    box_process::{self, BoxProcess},
    check::Story,
    manuals,
    opening::{self, Opened},
    peers::Peers,
    people::{DOCUMENTALISTE, PEOPLE},
    printing,
    reader::Reader,
    school::{self, Listen},
};

/// Port of the demo's pages when it is free.
const USUAL_PORT: u16 = 8443;
/// Port that sends readers there, when it is free.
const USUAL_PLAIN_PORT: u16 = 8080;
/// A rest between the cut and what is still read, for whoever watches.
const A_MOMENT: Duration = Duration::from_millis(500);

/// How the demo is run.
#[derive(Debug, Clone, Default)]
pub struct DemoOptions {
    /// Tells the whole story by itself, asserts each step, and ends.
    pub check: bool,
    /// Port of the pages on loopback; none = 8443, or any free one when it is taken.
    pub port: Option<u16>,
    /// Where the school is kept; none = a folder that goes with the demo.
    pub folder: Option<PathBuf>,
}

/// Runs the demo school until its reader leaves, or until the check is done.
pub async fn run(options: DemoOptions) -> Result<()> {
    let temporary = TempDir::with_prefix("preau-demo-").context("cannot make a folder")?;
    let folder = options.folder.clone().unwrap_or_else(|| temporary.path().to_owned());
    let folder = std::path::absolute(folder)?;
    println!("Printing twelve manuals in {}…", folder.display());
    let printed = printing::print_all(manuals::manuals(), &folder.join("printed")).await?;
    let total: u64 = printed.iter().map(|p| p.written.size).sum();
    println!("{} manuals printed, {}.", printed.len(), HumanBytes(total));

    let listen = listen(&options)?;
    let opened = opening::open(&folder, printed.clone(), listen.https, Timestamp::now()).await?;
    let peers = &opened.peers;
    let settings = folder.join("preau.toml");
    tokio::fs::write(&settings, school::settings(&folder, peers, listen))
        .await
        .with_context(|| format!("cannot write {}", settings.display()))?;
    if options.check {
        // The story cuts the first transfers: nothing may have moved before it begins.
        peers.link.cut();
    }
    let (school, took) = BoxProcess::start(&folder, listen.https).await?;
    println!("The box answers on {} after {} ms.", opened.home, took.as_millis());
    let reader = Reader::new(&opened.home, &opened.authority)?;
    if options.check {
        let pupil = Reader::new(&opened.home, &opened.authority)?;
        return Story { folder: &folder, printed, peers, school, reader, pupil }.check().await;
    }
    show(&opened, school, &reader, &printed).await
}

fn listen(options: &DemoOptions) -> Result<Listen> {
    let usual = |port| {
        if options.check {
            return box_process::free_address(None);
        }
        box_process::free_address(Some(port)).or_else(|_| box_process::free_address(None))
    };
    let https = match options.port {
        Some(port) => box_process::free_address(Some(port))?,
        None => usual(USUAL_PORT)?,
    };
    Ok(Listen { plain: usual(USUAL_PLAIN_PORT)?, https })
}

async fn show(
    opened: &Opened,
    mut school: BoxProcess,
    reader: &Reader,
    printed: &[manuals::Printed],
) -> Result<()> {
    let peers = &opened.peers;
    reader.sign_in(DOCUMENTALISTE).await.context("signing in at the ENT")?;
    println!("\nThe box asks the GAR and the distributor, and fetches what the school holds:");
    ensure!(school.show(&["sync"]).await?, "the mirror did not come to its end");
    peers.link.cut();
    println!("\nThe Internet is cut.");
    tokio::time::sleep(A_MOMENT).await;
    for one in printed.iter().take(3) {
        let bytes = reader.read(&format!("lire/{}/1", one.written.sha256)).await?;
        println!("  still read: {} ({} bytes of page 1)", one.manual.title, bytes.len());
    }
    invite(&school, opened)?;
    obey(peers, &mut school).await?;
    school.stop().await
}

fn invite(school: &BoxProcess, opened: &Opened) -> Result<()> {
    let (home, socket) = (&opened.home, school.socket());
    let (socket, program) = (socket.display(), std::env::current_exe()?);
    let (preau, authority) = (program.display(), opened.authority.display());
    println!("\nThe school is yours. Its people, at the ENT (which needs the Internet: restore):");
    for person in &PEOPLE {
        println!("  {:<16} {:<28} {}", person.name, person.does(), person.classes.join(", "));
    }
    println!(
        "\nOpen in a browser\n\
        \x20 {home}            the shelf\n\
        \x20 {home}aide        help\n\
        \x20 {home}opds        the catalogue for reading apps\n\
         The browser must trust the demo's own authority, or be told to go on all the same:\n\
        \x20 {authority}\n\
        \x20 (Firefox: settings, certificates, authorities, import; Chromium: settings, security,\n\
        \x20 manage certificates. It is gone with the demo: take it out again afterwards.)\n\n\
         Try in another terminal\n\
        \x20 {preau} status   --socket {socket}\n\
        \x20 {preau} holdings --socket {socket}\n\
        \x20 {preau} sync     --socket {socket}\n\n\
         Type here, then Enter\n\
        \x20 cut        cut the Internet (it is cut now)\n\
        \x20 restore    mend it\n\
        \x20 slow       let 1 MB/s through it\n\
        \x20 new        publish a new edition of a manual, then: restore, preau sync\n\
        \x20 quit       end the demo\n"
    );
    Ok(())
}

/// Does what is typed until `quit`, Ctrl-C, or SIGTERM. Without a terminal it waits for those.
async fn obey(peers: &Peers, school: &mut BoxProcess) -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let mut edition = 1;
    let mut listening = true;
    loop {
        let line = tokio::select! {
            line = lines.next_line(), if listening => line?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
            _ = term.recv() => return Ok(()),
        };
        let Some(line) = line else {
            listening = false;
            continue;
        };
        match line.trim() {
            "cut" => {
                peers.link.cut();
                println!("The Internet is cut.");
            }
            "restore" => {
                peers.link.set_rate(None);
                peers.link.restore();
                println!("The Internet is back. The box notices by itself, or now: preau sync");
            }
            "slow" => {
                peers.link.set_rate(Some(1_000_000));
                peers.link.restore();
                println!("The Internet is back, at 1 MB/s.");
            }
            "new" => {
                edition += 1;
                publish(peers, school, edition).await?;
            }
            "quit" | "q" => return Ok(()),
            "" => {}
            other => println!("'{other}' is none of: cut, restore, slow, new, quit"),
        }
    }
}

async fn publish(peers: &Peers, school: &BoxProcess, edition: u32) -> Result<()> {
    let folder = school.folder().join("printed");
    let manual = manuals::manuals().into_iter().next().context("no manual")?;
    println!("Printing edition {edition} of '{}'…", manual.title);
    let print = move || manuals::print(&manual, edition, &folder, &mut |_| {});
    let printed = tokio::task::spawn_blocking(print).await??;
    peers.publish(printed).await?;
    println!("Published: three of its pages are new.");
    Ok(())
}
