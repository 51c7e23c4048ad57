//! A reader of the demo school: asks the box what a browser would, and checks what comes.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::{
    net::client::{Answer, Ask, Client, ClientOptions, Limits},
    store::BlobId,
};

/// A page must come within these.
pub(super) const LIMITS: Limits = Limits {
    head: Duration::from_secs(20),
    stall_after: Duration::from_secs(20),
    slowest: 1,
    body: 1 << 30,
    redirects: 0,
};

/// A reader on the school's network.
#[derive(Debug)]
pub struct Reader {
    client: Client,
    home: Url,
}

/// A book as the box's feed offers it.
#[derive(Debug, Clone)]
pub struct Offered {
    /// Name of its package.
    pub blob: BlobId,
    /// Bytes of it.
    pub size: u64,
}

impl Reader {
    /// A reader of the box at this address.
    pub fn new(address: SocketAddr) -> Result<Self> {
        let options = ClientOptions {
            allow_private: vec!["127.0.0.0/8".parse()?],
            ..ClientOptions::default()
        };
        Ok(Self { client: Client::new(options)?, home: format!("http://{address}/").parse()? })
    }

    async fn ask(&self, path: &str) -> Result<Answer> {
        let url = self.home.join(path)?;
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        let ask = Ask { method: Method::GET, url, headers, body, limits: LIMITS };
        self.client.send(ask).await.with_context(|| format!("asking the box for {path}"))
    }

    /// A whole answer, which must be a success.
    pub async fn read(&self, path: &str) -> Result<Bytes> {
        let answer = self.ask(path).await?;
        ensure!(answer.status == StatusCode::OK, "{path} answers {}", answer.status);
        answer.whole().await.with_context(|| format!("reading {path}"))
    }

    /// A page, as text.
    pub async fn page(&self, path: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.read(path).await?).into_owned())
    }

    async fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_slice(&self.read(path).await?)
            .with_context(|| format!("{path} is no JSON"))
    }

    /// What the box lends now, from its feed.
    pub async fn offered(&self) -> Result<Vec<Offered>> {
        let feed = self.json("opds").await?;
        let publications = feed["publications"].as_array().map_or(&[][..], Vec::as_slice);
        let offered = publications.iter().filter_map(|p| p["links"].as_array()).flatten();
        let packages = offered.filter_map(|link| {
            let blob = link["properties"]["hash"][0]["value"].as_str()?.parse().ok()?;
            Some(Offered { blob, size: link["size"].as_u64()? })
        });
        Ok(packages.collect())
    }

    /// Reads a manual: its manifest, each page of the reader, each resource. Gives the resources.
    pub async fn read_whole(&self, blob: &BlobId) -> Result<usize> {
        let manifest = self.json(&format!("p/{blob}/manifest.json")).await?;
        let list = |key: &str| manifest[key].as_array().cloned().unwrap_or_default();
        let order = list("readingOrder");
        ensure!(!order.is_empty(), "{blob} has no page");
        for page in 1..=order.len() {
            self.read(&format!("lire/{blob}/{page}")).await?;
        }
        let mut read = 0;
        for link in order.iter().chain(&list("resources")) {
            let href = link["href"].as_str().context("a link without href")?;
            let bytes = self.read(href).await?;
            let size = link["size"].as_u64();
            ensure!(size == Some(bytes.len() as u64), "{href} has {} bytes", bytes.len());
            read += 1;
        }
        Ok(read)
    }

    /// Downloads a package and checks that it is what its name says.
    pub async fn download(&self, blob: &BlobId) -> Result<u64> {
        let path = format!("p/{blob}/package");
        let mut answer = self.ask(&path).await?;
        ensure!(answer.status == StatusCode::OK, "{path} answers {}", answer.status);
        let mut hasher = Sha256::new();
        while let Some(chunk) = answer.chunk().await? {
            hasher.update(&chunk);
        }
        ensure!(BlobId(hasher.finalize().into()) == *blob, "{path} arrived changed");
        Ok(answer.received())
    }
}
