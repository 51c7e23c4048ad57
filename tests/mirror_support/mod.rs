//! What the mirror's tests share: an origin that answers by a script, and a mirror on a folder.

#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod origin;

use std::{path::Path, sync::Arc, time::Duration};

use preau::{
    catalogue::{Holding, Holdings, Offer},
    config,
    mirror::{Failure, Finished, Mirror, Progress},
    net::client::{Client, ClientOptions},
    store::{BlobId, Store, StoreOptions},
};
use sha2::{Digest, Sha256};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;

pub const EPUB: &str = "application/epub+zip";
const PATIENCE: Duration = Duration::from_secs(120);

/// A mirror at work on a data folder.
pub struct Site {
    pub store: Store,
    pub mirror: Arc<Mirror>,
    holdings: watch::Sender<Arc<Holdings>>,
    progress: watch::Receiver<Arc<Progress>>,
    token: CancellationToken,
    task: JoinHandle<()>,
}

/// A configuration under which a failure is tried again only when the test says so.
pub fn patient() -> config::Mirror {
    config::Mirror {
        retry_first: config::Period::hours(1),
        retry_longest: config::Period::hours(1),
        ..config::Mirror::default()
    }
}

impl Site {
    pub fn start(folder: &Path, config: &config::Mirror) -> Self {
        Self::start_with_quota(folder, config, None)
    }

    pub fn start_with_quota(folder: &Path, config: &config::Mirror, quota: Option<u64>) -> Self {
        let store = Store::open(StoreOptions {
            path: folder.to_owned(),
            quota,
            reserve: 0,
            keep_replaced: Duration::from_secs(3600),
        })
        .unwrap();
        let school: config::School =
            toml::from_str("uai = \"0750001A\"\nname = \"Essai\"").unwrap();
        let (holdings, receiver) = watch::channel(Arc::default());
        let client = Client::new(ClientOptions {
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            ..ClientOptions::default()
        })
        .unwrap();
        let clients = Arc::new(move |name: &str| (name == "books").then(|| client.clone()));
        let mirror =
            Arc::new(Mirror::new(&school, config, store.clone(), receiver, clients).unwrap());
        let token = CancellationToken::new();
        let task = tokio::spawn({
            let (mirror, token) = (mirror.clone(), token.clone());
            async move { mirror.run(token).await }
        });
        let progress = mirror.progress();
        Self { store, mirror, holdings, progress, token, task }
    }

    /// The school holds exactly this.
    pub fn hold(&self, all: Vec<Holding>) {
        let all = all.into_iter().map(Arc::new).collect();
        self.holdings.send_replace(Arc::new(Holdings { all, sources: Vec::new() }));
    }

    /// Waits for the mirror to show something.
    pub async fn until<T>(&self, what: &str, look: impl Fn(&Progress) -> Option<T>) -> T {
        let mut progress = self.progress.clone();
        let seen = async {
            loop {
                let found = look(&progress.borrow_and_update());
                if let Some(found) = found {
                    return found;
                }
                progress.changed().await.unwrap();
            }
        };
        let seen = tokio::time::timeout(PATIENCE, seen).await;
        seen.unwrap_or_else(|_| panic!("waited for {what}; {:?}", self.progress.borrow()))
    }

    /// Waits until the package with this hash is in the store.
    pub async fn stored(&self, blob: BlobId) {
        let mut changes = self.store.changes();
        let stored = async {
            while self.store.package(&blob).is_none() {
                changes.changed().await.unwrap();
            }
        };
        let stored = tokio::time::timeout(PATIENCE, stored).await;
        assert!(stored.is_ok(), "waited for {blob}; {:?}", self.progress.borrow());
    }

    /// Waits until the package with this hash has come, and how is told.
    pub async fn arrival(&self, blob: BlobId) -> Finished {
        self.stored(blob).await;
        self.until("its mention", |progress| {
            progress.finished.iter().find(|finished| finished.blob == blob).cloned()
        })
        .await
    }

    /// Waits until a failure shows.
    pub async fn failure(&self) -> Failure {
        self.until("a failure", |progress| progress.failed.first().cloned()).await
    }

    /// Stops the mirror and lets go of the folder.
    pub async fn stop(self) {
        self.token.cancel();
        self.task.await.unwrap();
    }
}

pub fn holding(id: &str, offers: Vec<Offer>) -> Holding {
    Holding { offers, ..Holding::titled(id, id) }
}

pub fn offer(url: &str, content: &origin::Content) -> Offer {
    Offer {
        source: "books".to_owned(),
        url: url.parse().unwrap(),
        media_type: EPUB.to_owned(),
        size: Some(content.size),
        sha256: Some(content.blob),
        version: "1".to_owned(),
        until: None,
    }
}

pub fn blob(bytes: &[u8]) -> BlobId {
    BlobId(Sha256::digest(bytes).into())
}

/// Bytes that nothing compresses, the same for the same seed (xorshift64*).
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
