//! The same content for all: in a Préau store, in a folder for nginx, in a ZIM for kiwix-serve.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::DeflateEncoder, write::GzEncoder};
use preau::store::{Description, Store, StoreOptions, Ticket};
use rand::{RngCore as _, SeedableRng as _, rngs::SmallRng};
use rawzip::{CompressionMethod, ZipArchiveWriter, ZipDataWriter};

use crate::support::process::{Server, free_port};

/// The school of the bench.
pub const UAI: &str = "0510035L";
const PACKAGE_BYTES: usize = 200_000_000;
const PAGE_BYTES: usize = 8 * 1024;
const PAGE_PATH: &str = "OEBPS/page001.xhtml";

/// A school's content, ready to be served by each peer.
#[derive(Debug)]
pub struct School {
    work: PathBuf,
    /// The 200 MB package, at Préau's.
    pub package_url: String,
    /// The 8 KB page, at Préau's.
    pub page_url: String,
    /// The 8 KB page, at kiwix-serve's.
    pub kiwix_page: String,
}

impl School {
    /// One big package, one EPUB with an 8 KB page, and the same for the peers.
    pub fn prepare(work: &Path) -> Result<Self> {
        let page = page_text();
        let mut big = vec![0; PACKAGE_BYTES];
        SmallRng::seed_from_u64(1).fill_bytes(&mut big);
        let store = open_store(work)?;
        let package = put(&store, "big", "application/zip", &big)?;
        let epub = put(&store, "small", "application/epub+zip", &epub(0, &page)?)?;
        drop(store);

        let www = work.join("www");
        fs::create_dir_all(&www)?;
        fs::write(www.join("package"), &big)?;
        fs::write(www.join("page.xhtml"), &page)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::new(6));
        gzip.write_all(page.as_bytes())?;
        fs::write(www.join("page.xhtml.gz"), gzip.finish()?)?;
        Ok(Self {
            work: work.to_owned(),
            package_url: format!("/p/{package}/package"),
            page_url: format!("/p/{epub}/r/{PAGE_PATH}"),
            kiwix_page: "/manuel/A/page.html".to_owned(),
        })
    }

    /// `count` small EPUBs.
    pub fn of_many(work: &Path, count: usize) -> Result<Self> {
        fs::create_dir_all(work)?;
        let store = open_store(work)?;
        let page = page_text();
        let mut last = String::new();
        for number in 0..count {
            let bytes = epub(number, &page)?;
            last = put(&store, &format!("manual-{number}"), "application/epub+zip", &bytes)?;
        }
        Ok(Self {
            work: work.to_owned(),
            package_url: String::new(),
            page_url: format!("/p/{last}/r/{PAGE_PATH}"),
            kiwix_page: String::new(),
        })
    }

    /// The daemon, on this school's store; nobody signs in.
    pub fn preau(&self) -> Result<Server> {
        self.preau_with(free_port()?, "[access]\nsign_in = \"off\"\n")
    }

    /// The daemon, where everybody signs in at the CAS server on `ent`.
    pub fn preau_of_persons(&self, ent: SocketAddr) -> Result<Server> {
        let port = free_port()?;
        let access = format!(
            "[access]\nservice = \"http://127.0.0.1:{port}/connexion/retour\"\n\
             [access.cas]\nurl = \"http://{ent}/\"\n"
        );
        self.preau_with(port, &access)
    }

    /// Orders `count` manuals for a class, as the CMIL does from a stick: without a licence no
    /// pupil reads.
    pub fn order(&self, count: usize) -> Result<()> {
        let folder = self.work.join("order");
        fs::create_dir_all(&folder)?;
        let line = |number| {
            format!("ark:/99999/manual-{number};Manuel {number};illimité;2de 3;Mathématiques\n")
        };
        let lines: String = (0..count).map(line).collect();
        fs::write(
            folder.join("commande.csv"),
            format!("identifiant;titre;licences_eleves;classes;matiere\n{lines}"),
        )?;
        let output = Command::new(env!("CARGO_BIN_EXE_preau"))
            .args(["import", "--socket"])
            .args([&self.work.join("control.sock"), &folder])
            .output()
            .context("starting preau import")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "preau import: {said}");
        Ok(())
    }

    fn preau_with(&self, port: u16, access: &str) -> Result<Server> {
        let file = self.work.join("preau.toml");
        let work = self.work.display();
        fs::write(
            &file,
            format!(
                "[school]\nuai = \"{UAI}\"\nname = \"Lycée du banc d'essai\"\n{access}\
                 [network]\nlisten = [\"127.0.0.1:{port}\"]\nallow_private = [\"127.0.0.0/8\"]\n\
                 [store]\npath = \"{work}/data\"\nreserve = \"100 MB\"\n\
                 [control]\nsocket = \"{work}/control.sock\"\n"
            ),
        )?;
        let mut command = Command::new(env!("CARGO_BIN_EXE_preau"));
        command.args(["run", "--config"]).arg(file);
        Server::start(command, port, &self.work.join("preau.log"))
    }

    /// Puts a page where nginx finds it, as `/{name}`.
    pub fn give_nginx(&self, name: &str, page: &[u8]) -> Result<()> {
        let www = self.work.join("www");
        fs::create_dir_all(&www)?;
        Ok(fs::write(www.join(name), page)?)
    }

    /// nginx as its own documentation would have it for static files.
    pub fn nginx(&self) -> Result<Server> {
        let port = free_port()?;
        let work = self.work.display();
        let file = self.work.join("nginx.conf");
        fs::write(
            &file,
            format!(
                "daemon off; worker_processes auto; pid {work}/nginx.pid; error_log {work}/nginx.err;\n\
                 user root;\n\
                 events {{ worker_connections 4096; }}\n\
                 http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;\n\
                 types {{ application/xhtml+xml xhtml; text/html html; }} default_type application/zip;\n\
                 server {{ listen 127.0.0.1:{port}; root {work}/www; gzip_static on; }} }}\n"
            ),
        )?;
        let mut command = Command::new("nginx");
        command.arg("-c").arg(file);
        Server::start(command, port, &self.work.join("nginx.log"))
    }

    /// kiwix-serve on a ZIM that holds the page.
    pub fn kiwix(&self) -> Result<Server> {
        let folder = self.work.join("zim");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("page.html"), page_text())?;
        fs::write(folder.join("icon.png"), icon()?)?;
        let zim = self.work.join("manuel.zim");
        let output = Command::new("zimwriterfs")
            .args(["--welcome=page.html", "--illustration=icon.png", "--language=fra"])
            .args(["--name=manuel", "--title=Manuel", "--description=Un manuel"])
            .args(["--creator=Preau", "--publisher=Preau", "--withoutFTIndex"])
            .args([&folder, &zim])
            .output()
            .context("starting zimwriterfs")?;
        ensure!(
            output.status.success(),
            "zimwriterfs: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let port = free_port()?;
        let mut command = Command::new("kiwix-serve");
        command.args(["--address=127.0.0.1", &format!("--port={port}"), "--threads=4"]).arg(zim);
        Server::start(command, port, &self.work.join("kiwix.log"))
    }
}

fn open_store(work: &Path) -> Result<Store> {
    Ok(Store::open(StoreOptions {
        path: work.join("data"),
        quota: None,
        reserve: 100_000_000,
        keep_replaced: std::time::Duration::from_secs(3600),
    })?)
}

fn put(store: &Store, name: &str, media_type: &str, bytes: &[u8]) -> Result<String> {
    let length = Some(bytes.len() as u64);
    let mut incoming = store.incoming(name, Ticket { length, ..Ticket::default() })?;
    incoming.append(bytes)?;
    let sidecar = incoming.commit(Description {
        holding: format!("ark:/99999/{name}"),
        identifiers: vec![format!("ark:/99999/{name}")],
        title: format!("Manuel {name}"),
        publisher: Some("Éditions du banc d'essai".to_owned()),
        media_type: media_type.to_owned(),
        version: "1".to_owned(),
        origin: "bench".to_owned(),
    })?;
    Ok(sidecar.blob.to_string())
}

/// French prose of a page's size: it deflates as a page does.
fn page_text() -> String {
    const WORDS: &[&str] = &[
        "la",
        "fonction",
        "dérivée",
        "mesure",
        "pente",
        "tangente",
        "courbe",
        "élève",
        "calcule",
        "exemple",
        "théorème",
        "figure",
        "tableau",
        "exercice",
        "résultat",
        "hypothèse",
        "point",
    ];
    let mut random = SmallRng::seed_from_u64(7);
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" \
         lang=\"fr\"><head><title>Page 1</title></head><body>",
    );
    while text.len() < PAGE_BYTES - 100 {
        text.push_str("<p>");
        for _ in 0..12 {
            text.push_str(WORDS[random.next_u32() as usize % WORDS.len()]);
            text.push(' ');
        }
        text.push_str("</p>");
    }
    text + "</body></html>"
}

/// The least EPUB there is: one page, deflated.
fn epub(number: usize, page: &str) -> Result<Vec<u8>> {
    let opf = format!(
        "<?xml version=\"1.0\"?><package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" \
         unique-identifier=\"id\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:identifier id=\"id\">urn:preau:{number}</dc:identifier><dc:title>Manuel {number}</dc:title>\
         <dc:language>fr</dc:language></metadata><manifest><item id=\"p\" href=\"page001.xhtml\" \
         media-type=\"application/xhtml+xml\"/></manifest><spine><itemref idref=\"p\"/></spine></package>"
    );
    let container = "<?xml version=\"1.0\"?><container version=\"1.0\" \
        xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles><rootfile \
        full-path=\"OEBPS/content.opf\" media-type=\"application/oebps-package+xml\"/></rootfiles></container>";
    let mut zip = ZipArchiveWriter::new(Vec::new());
    entry(&mut zip, "mimetype", CompressionMethod::STORE, b"application/epub+zip")?;
    entry(&mut zip, "META-INF/container.xml", CompressionMethod::DEFLATE, container.as_bytes())?;
    entry(&mut zip, "OEBPS/content.opf", CompressionMethod::DEFLATE, opf.as_bytes())?;
    entry(&mut zip, PAGE_PATH, CompressionMethod::DEFLATE, page.as_bytes())?;
    Ok(zip.finish()?)
}

fn entry(
    zip: &mut ZipArchiveWriter<Vec<u8>>,
    name: &str,
    method: CompressionMethod,
    bytes: &[u8],
) -> Result<()> {
    let (mut file, config) = zip.new_file(name).compression_method(method).start()?;
    if method == CompressionMethod::STORE {
        let mut writer = config.wrap(&mut file);
        writer.write_all(bytes)?;
        let (_, descriptor) = writer.finish()?;
        file.finish(descriptor)?;
    } else {
        let mut writer: ZipDataWriter<_> =
            config.wrap(DeflateEncoder::new(&mut file, Compression::new(6)));
        writer.write_all(bytes)?;
        let (encoder, descriptor) = writer.finish()?;
        encoder.finish()?;
        file.finish(descriptor)?;
    }
    Ok(())
}

/// A 48 by 48 picture: zimwriterfs wants one.
fn icon() -> Result<Vec<u8>> {
    const SIDE: u32 = 48;
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header()?.write_image_data(&[128; (SIDE * SIDE) as usize])?;
    Ok(bytes)
}
