//! Sites in trouble: what they do to whoever asks, and what a device may then see. Never wrong bytes,
//! never a good end of what was cut.

use std::time::Duration;

use http::StatusCode;
use rand::{Rng as _, seq::IndexedRandom as _};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::{
    device::{Broken, Device, get},
    noise::{Noise, Seed},
    sockets::head,
};

/// Bytes that each of them promises.
const LENGTH: u64 = 40_000;
/// One that stops in the middle stays silent for so long before it breaks off.
const STALLS: Duration = Duration::from_secs(12);

/// What is wrong with a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    /// It takes the request, and says nothing.
    Silent,
    /// It stops in the middle, and later breaks off.
    Stalls,
    /// It resets the connection in the middle.
    Resets,
    /// It closes without an answer.
    Closes,
    /// It says less than it promised.
    SaysLess,
    /// It says more: another answer, that nobody asked for.
    SaysMore,
    /// It speaks no HTTP.
    Speaks,
    /// It cuts a chunk.
    CutsChunk,
    /// Nobody is there.
    Absent,
}

use Trouble::{Absent, Closes, CutsChunk, Resets, SaysLess, SaysMore, Silent, Speaks, Stalls};

/// Each, and the name of its paths.
const ALL: [(Trouble, &str); 9] = [
    (Silent, "silent"),
    (Stalls, "stalls"),
    (Resets, "resets"),
    (Closes, "closes"),
    (SaysLess, "says-less"),
    (SaysMore, "says-more"),
    (Speaks, "speaks"),
    (CutsChunk, "cuts-chunk"),
    (Absent, "absent"),
];

/// Serves them all.
pub async fn serve(listener: TcpListener, noise: Noise) {
    let site = listener.local_addr().unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let noise = noise.clone();
        tokio::spawn(async move { drop(answer(stream, &site.to_string(), &noise).await) });
    }
}

async fn answer(mut stream: TcpStream, site: &str, noise: &Noise) -> std::io::Result<()> {
    while let Ok(asked) = head(&mut stream).await {
        let path = asked.split(' ').nth(1).unwrap_or("").to_owned();
        let named = path.split('/').nth(1).unwrap_or("");
        let found = ALL.iter().find(|(_, name)| *name == named);
        let trouble = found.map_or(Closes, |(trouble, _)| *trouble);
        let seed = Seed::of(&format!("{site}{path}"));
        // Some could be completed later, had they not another answer then.
        let tag = if path.ends_with('1') { "ETag: \"x\"\r\n" } else { "" };
        let promise = format!(
            "HTTP/1.1 200 OK\r\nCache-Control: max-age=600\r\n{tag}Content-Length: {LENGTH}\r\n\r\n"
        );
        let half = noise.whole(seed, 0..LENGTH / 2);
        match trouble {
            Silent => {
                // Until whoever asked has had enough.
                let _ = stream.read_u8().await;
            }
            Closes | Absent => {}
            Stalls | Resets => {
                stream.write_all(promise.as_bytes()).await?;
                stream.write_all(&half).await?;
                if trouble == Stalls {
                    tokio::time::sleep(STALLS).await;
                }
                SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            }
            SaysLess => {
                stream.write_all(promise.as_bytes()).await?;
                stream.write_all(&half).await?;
                stream.shutdown().await?;
            }
            SaysMore => {
                stream.write_all(promise.as_bytes()).await?;
                stream.write_all(&noise.whole(seed, 0..LENGTH)).await?;
                let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
                stream.write_all(evil.as_bytes()).await?;
                continue;
            }
            Speaks => stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await?,
            CutsChunk => {
                let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9c40\r\n";
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&half).await?;
                stream.shutdown().await?;
            }
        }
        return Ok(());
    }
    Ok(())
}

/// Does it break off in the middle of an answer?
fn breaks_off(trouble: Trouble) -> bool {
    matches!(trouble, Stalls | Resets | SaysLess | CutsChunk)
}

/// Asks one of them.
pub async fn visit(device: &mut Device) -> Result<(), String> {
    let (trouble, name) = *ALL.choose(&mut device.luck).unwrap();
    let mut site = device.world.troubles;
    if trouble == Absent {
        // The same port, at an address where nobody listens.
        site.set_ip([127, 2, 0, 99].into());
    }
    // The silent ones each have their own, so that nobody waits for another's.
    let number = device.luck.random_range(0..if trouble == Silent { u32::MAX } else { 12 });
    let path = format!("/{name}/{number}");
    let (mut answer, link) = match device.ask(get(site, &path)).await {
        Ok(answered) => answered,
        // What broke off at once took the head of the answer with it.
        Err(story) if breaks_off(trouble) && story.contains("closed before message completed") => {
            let outcome = format!("{name}: cut before a byte");
            device.world.tally.add("origins' faults, told as they should be", &outcome);
            return Ok(());
        }
        Err(story) => return Err(story),
    };
    let status = answer.status();
    let seed = Seed::of(&format!("{site}{path}"));
    let outcome = if status == StatusCode::OK {
        match device.read(answer.body_mut(), seed, 0, None).await {
            Ok(LENGTH) => "whole",
            Ok(read) => return Err(format!("{path}: {read} bytes of {LENGTH}, and a good end")),
            Err(Broken::Cut(_)) => "cut",
            Err(Broken::Wrong(story)) => return Err(format!("{path}: {story}")),
        }
    } else {
        device.text(answer).await?;
        status.as_str()
    };
    let expected: &[&str] = match trouble {
        Silent => &["504"],
        _ if breaks_off(trouble) => &["502", "cut"],
        Closes | Speaks | Absent => &["502"],
        _ => &["whole"],
    };
    if !expected.contains(&outcome) {
        return Err(format!("{path}: {outcome} where one of {expected:?} was expected"));
    }
    if outcome == "whole" {
        device.keep(link);
    }
    device
        .world
        .tally
        .add("origins' faults, told as they should be", &format!("{name}: {outcome}"));
    Ok(())
}
