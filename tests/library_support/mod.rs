//! A library alone: a store in a folder, no catalogue, served on loopback.

#![allow(dead_code, reason = "each test uses its own part")]

pub mod ent;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use preau::{
    access::Access,
    catalogue::Holdings,
    config,
    library::Library,
    mirror::Progress,
    net::{listen, serve::serve},
    store::{BlobId, Description, Store, StoreOptions, Ticket},
};
use tempfile::TempDir;
use tokio::sync::{Semaphore, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    publication_support::epub_of,
    support::{
        http::{self, Page},
        until,
    },
};

/// A library that lends until it is dropped.
#[derive(Debug)]
pub struct Lender {
    store: Store,
    /// Where it listens.
    pub address: SocketAddr,
    /// Who may come in.
    pub access: Access,
    /// What the school holds.
    pub holdings: watch::Sender<Arc<Holdings>>,
    /// Where the mirror is.
    pub progress: watch::Sender<Arc<Progress>>,
    _folder: TempDir,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Drop for Lender {
    fn drop(&mut self) {
        // A test of a browser ends inside a runtime of its own, where this one may not be waited for.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Lender {
    /// An empty library, for everyone.
    pub fn start() -> Self {
        Self::start_with("[access]\nsign_in = \"off\"\n")
    }

    /// An empty library, with these settings beside its school's.
    pub fn start_with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let school = "[school]\nuai = \"0510035L\"\nname = \"Lycée d'essai\"\n";
        let (config, _) = config::Config::parse("test", &format!("{school}{settings}")).unwrap();
        let path = folder.path().join("data");
        let keep_replaced = Duration::from_hours(1);
        let store =
            Store::open(StoreOptions { path, quota: None, reserve: 0, keep_replaced }).unwrap();
        let (holdings, progress) = (watch::Sender::default(), watch::Sender::default());
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let access = Access::open(
            &config.school,
            &config.access,
            &config.https,
            &config.network,
            store.clone(),
        )
        .unwrap();
        let library = Library::new(
            &config.school,
            &config.library,
            access.clone(),
            store.clone(),
            holdings.subscribe(),
            progress.subscribe(),
        )
        .unwrap();
        let inside = runtime.enter();
        let listener = listen::bind(&["127.0.0.1:0".parse().unwrap()]).unwrap().remove(0);
        drop(inside);
        let address = listener.local_addr().unwrap();
        let (token, tracker) = (CancellationToken::new(), TaskTracker::new());
        let places = Arc::new(Semaphore::new(64));
        let run = library.clone();
        let until_dropped = token.clone();
        runtime.spawn(async move { run.run(until_dropped).await });
        runtime.spawn(serve(listener, library, places, tracker, token));
        Self { store, address, access, holdings, progress, _folder: folder, runtime: Some(runtime) }
    }

    /// Stores a package and waits until it is lent.
    pub fn put(&self, holding: &str, title: &str, bytes: &[u8]) -> BlobId {
        self.put_as("application/epub+zip", holding, title, bytes)
    }

    /// The same, of any media type.
    pub fn put_as(&self, media_type: &str, holding: &str, title: &str, bytes: &[u8]) -> BlobId {
        let blob = self.keep(media_type, holding, title, bytes);
        let path = format!("/p/{blob}/package");
        until("the package to be lent", || {
            (http::ask(self.address, "HEAD", &path, "").status == 200).then_some(())
        });
        blob
    }

    /// Stores a package, whoever may read it.
    pub fn keep(&self, media_type: &str, holding: &str, title: &str, bytes: &[u8]) -> BlobId {
        let mut incoming = self.store.incoming(holding, Ticket::default()).unwrap();
        incoming.append(bytes).unwrap();
        let description = Description {
            holding: holding.into(),
            identifiers: vec![holding.into()],
            title: title.into(),
            publisher: None,
            media_type: media_type.into(),
            version: String::new(),
            origin: "test".into(),
        };
        incoming.commit(description).unwrap().blob
    }

    /// A GET.
    pub fn get(&self, path: &str, fields: &str) -> Page {
        http::get(self.address, path, fields)
    }

    /// Another method.
    pub fn ask(&self, method: &str, path: &str) -> Page {
        http::ask(self.address, method, path, "")
    }
}

/// A fixed-layout EPUB of some pages.
pub fn manual(title: &str, pages: usize) -> Vec<u8> {
    let name = |n: usize| format!("page{n:03}.xhtml");
    let (mut items, mut spine, mut toc) = (String::new(), String::new(), String::new());
    for n in 1..=pages {
        items += &format!(
            "<item id=\"p{n}\" href=\"{}\" media-type=\"application/xhtml+xml\"/>",
            name(n)
        );
        spine += &format!("<itemref idref=\"p{n}\"/>");
        toc += &format!("<li><a href=\"{}\">Page {n}</a></li>", name(n));
    }
    let opf = format!(
        "<?xml version=\"1.0\"?><package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" \
         unique-identifier=\"id\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:identifier id=\"id\">urn:test:{title}</dc:identifier><dc:title>{title}</dc:title>\
         <dc:language>fr</dc:language><meta property=\"dcterms:modified\">2026-09-01T00:00:00Z</meta>\
         <meta property=\"rendition:layout\">pre-paginated</meta></metadata><manifest>\
         <item id=\"nav\" href=\"nav.xhtml\" properties=\"nav\" media-type=\"application/xhtml+xml\"/>\
         {items}</manifest><spine>{spine}</spine></package>"
    );
    let html = "<html xmlns=\"http://www.w3.org/1999/xhtml\" \
                xmlns:epub=\"http://www.idpf.org/2007/ops\">";
    let nav = format!("{html}<body><nav epub:type=\"toc\"><ol>{toc}</ol></nav></body></html>");
    let bodies: Vec<_> = (1..=pages)
        .map(|n| {
            let text = format!("page {n} : {} ", "le soleil se lève sur le préau. ".repeat(60));
            let head = "<head><title>x</title><meta name=\"viewport\" \
                        content=\"width=800, height=1000\"/></head>";
            (format!("OEBPS/{}", name(n)), format!("{html}{head}<body><p>{text}</p></body></html>"))
        })
        .collect();
    let mut entries = vec![("OEBPS/nav.xhtml", nav.as_str())];
    entries.extend(bodies.iter().map(|(path, body)| (path.as_str(), body.as_str())));
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut epub_of("OEBPS/content.opf", &opf, &entries), &mut bytes)
        .unwrap();
    bytes
}
