//! Errands whose end depends on the lists and the settings in force, which change meanwhile.

use http::StatusCode;
use rand::Rng as _;
use tokio::io::AsyncWriteExt as _;

use super::{
    device::{Device, How, expect, get, step},
    hours::People,
    noise::Seed,
    sockets,
};

type Done = Result<(), String>;

/// A name that every version of the lists holds.
pub const REFUSED: &str = "jeux.example";
/// Of a page, in bytes.
const LENGTH: u64 = 700;

/// What every version of the lists denies to everybody.
pub async fn always(device: &mut Device) -> Done {
    let mut request = get(device.world.library, "/");
    let (port, number) = (device.world.listed().port(), device.luck.random::<u32>());
    let uri = format!("http://www.{REFUSED}:{port}/{number}");
    *request.uri_mut() = uri.parse().unwrap();
    let (answer, _) = device.ask(request).await?;
    expect(&answer, StatusCode::FORBIDDEN, &uri)?;
    let page = device.text(answer).await?;
    if page.contains(REFUSED) && page.contains("games") {
        device.world.tally.add("refused as it should be", "by a category of the lists");
        return Ok(());
    }
    Err(format!("{uri}: a page without its reason: {page}"))
}

/// The same for a tunnel.
pub async fn tunnel(device: &mut Device) -> Done {
    let mut stream = device.socket(How::Plain).await?;
    let ask = format!("CONNECT {REFUSED}:443 HTTP/1.1\r\nHost: {REFUSED}:443\r\n\r\n");
    step("asking for a tunnel", stream.write_all(ask.as_bytes())).await?;
    let head = sockets::head(&mut stream).await?;
    if head.starts_with("HTTP/1.1 403") {
        device.world.tally.add("refused as it should be", "a tunnel");
        return Ok(());
    }
    Err(format!("a tunnel to {REFUSED}: {head}"))
}

/// The site that every second version of the lists holds: refused by those, and read by the others.
/// Teachers may.
pub async fn listed(device: &mut Device) -> Done {
    let site = device.world.listed();
    let oldest = device.world.lists.oldest();
    let refusal = visit(device, site).await?;
    let mut versions = oldest..=device.world.lists.newest();
    let good = match &refusal {
        _ if device.people == People::Teachers => refusal.is_none(),
        None => versions.any(|version| version % 2 == 0),
        Some(page) => page.contains("today") && versions.any(|version| version % 2 == 1),
    };
    if !good {
        let newest = device.world.lists.newest();
        return Err(format!("lists {oldest} to {newest} are in force, and {site}: {refusal:?}"));
    }
    let outcome = if refusal.is_some() { "by lists that came today" } else { "and not now" };
    device.world.tally.add("refused as it should be", outcome);
    Ok(())
}

/// One of the two sites that the settings deny in turns: the page names the version.
pub async fn denied(device: &mut Device) -> Done {
    let site = device.world.denied(device.luck.random_range(0..2));
    let oldest = device.world.settings.oldest();
    let refusal = visit(device, site).await?;
    let newest = device.world.settings.newest();
    let denies = |version: &u64| device.world.denied(*version) == site;
    let good = match &refusal {
        _ if device.people == People::Teachers => refusal.is_none(),
        None => (oldest..=newest).any(|version| !denies(&version)),
        Some(page) => (oldest..=newest).filter(denies).any(|v| page.contains(&rule(v))),
    };
    if !good {
        return Err(format!("settings {oldest} to {newest} are in force, and {site}: {refusal:?}"));
    }
    if refusal.is_some() {
        device.world.tally.add("refused as it should be", "by the settings of the moment");
    }
    Ok(())
}

/// The name of the rule of a version of the settings.
pub fn rule(version: u64) -> String {
    format!("version {version} des regles")
}

/// The refusal's page; nothing where the site answered, as it should.
pub async fn visit(
    device: &mut Device,
    site: std::net::SocketAddr,
) -> Result<Option<String>, String> {
    let path = format!("/once/{}/{LENGTH}", device.luck.random::<u32>());
    let (mut answer, link) = device.ask(get(site, &path)).await?;
    if answer.status() == StatusCode::FORBIDDEN {
        return device.text(answer).await.map(Some);
    }
    expect(&answer, StatusCode::OK, &path)?;
    let seed = Seed::of(&format!("{site}{path}"));
    let read = device.read(answer.body_mut(), seed, 0, None).await;
    let read = read.map_err(|broken| format!("{path}: {}", broken.story()))?;
    device.keep(link);
    if read == LENGTH { Ok(None) } else { Err(format!("{path}: {read} bytes of {LENGTH}")) }
}
