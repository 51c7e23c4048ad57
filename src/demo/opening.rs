//! Everything around the demo's box: an authority, certificates, and the outside world.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use url::Url;

use super::{
    authority::Authority,
    manuals::Printed,
    peers::{ENT_NAME, EntSetUp, Peers},
    school,
};
use crate::net::client::{Client, ClientOptions};

/// What was opened; the peers end when it is dropped.
#[derive(Debug)]
pub struct Opened {
    /// GAR, distributor, ENT and link.
    pub peers: Peers,
    /// The certificate that browsers must trust for as long as the demo lasts.
    pub authority: PathBuf,
    /// The box's address.
    pub home: Url,
}

/// Writes `authority.pem`, `box.crt` and `box.key` into `folder`, and starts the outside world of a
/// box that will listen on `https`.
pub async fn open(
    folder: &Path,
    printed: Vec<Printed>,
    https: SocketAddr,
    now: Timestamp,
) -> Result<Opened> {
    let authority = Authority::new("Préau : autorité de démonstration")?;
    let file = folder.join(school::AUTHORITY);
    std::fs::write(&file, authority.pem()).with_context(|| file.display().to_string())?;
    authority.issue_now(&[school::HOST])?.write(folder, school::CERTIFICATE)?;
    let home: Url = format!("https://{}:{}/", school::HOST, https.port()).parse()?;
    let client = Client::new(ClientOptions {
        allow_private: vec!["127.0.0.0/8".parse()?, "::1/128".parse()?],
        extra_authorities: vec![file.clone()],
        ..ClientOptions::default()
    })?;
    let issued = authority.issue_now(&[ENT_NAME])?;
    let ent = EntSetUp { issued, service: home.clone(), client };
    let peers = Peers::start(printed, &school::uai()?, now, ent).await?;
    Ok(Opened { peers, authority: file, home })
}
