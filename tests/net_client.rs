//! The client proves who it is to the origin meant, and to no other: client certificates and
//! tokens over real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderMap, Method};
use preau::net::client::{Ask, Client, ClientError, ClientOptions, Limits};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{RootCertStore, ServerConfig, server::WebPkiClientVerifier};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use url::Url;

const LIMITS: Limits = Limits {
    head: Duration::from_secs(10),
    stall_after: Duration::from_secs(10),
    slowest: 1,
    body: 1 << 20,
    redirects: 3,
};

/// An authority, and what it signed for one side.
struct Papers {
    folder: TempDir,
    authority: CertifiedIssuer<'static, KeyPair>,
}

impl Papers {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { folder: tempfile::tempdir().unwrap(), authority }
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn signed(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.authority).unwrap(), key)
    }

    fn options(&self) -> ClientOptions {
        ClientOptions {
            allow_private: vec!["127.0.0.0/8".parse().unwrap()],
            extra_authorities: vec![self.file("ca.pem", &self.authority.pem())],
            ..ClientOptions::default()
        }
    }

    fn identity(&self) -> (PathBuf, PathBuf) {
        let (certificate, key) = self.signed("box");
        (self.file("box.pem", &certificate.pem()), self.file("box.key", &key.serialize_pem()))
    }

    /// A server that asks for a certificate of this authority and answers every request with
    /// `answer`, in which `SEEN` stands for what it was shown.
    async fn serve(&self, must_show: bool, answer: &str) -> SocketAddr {
        let (certificate, key) = self.signed("localhost");
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = if must_show { verifier } else { verifier.allow_unauthenticated() };
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        let (acceptor, answer) = (TlsAcceptor::from(Arc::new(config)), answer.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let shown = stream.get_ref().1.peer_certificates().is_some();
                let mut request = [0; 4096];
                let Ok(read) = stream.read(&mut request).await else { continue };
                let head = String::from_utf8_lossy(&request[..read]).to_lowercase();
                let seen = format!("certificate={shown} token={}", head.contains("bearer secret"));
                let answer = answer.replace("SEEN", &format!("{seen:40}"));
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        address
    }
}

const SAYS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 40\r\nconnection: close\r\n\r\nSEEN";

fn url(address: SocketAddr) -> Url {
    format!("https://localhost:{}/x", address.port()).parse().unwrap()
}

async fn ask(options: ClientOptions, url: Url) -> Result<String, ClientError> {
    let ask = Ask {
        method: Method::GET,
        url,
        headers: HeaderMap::new(),
        body: bytes::Bytes::new(),
        limits: LIMITS,
    };
    let body = Client::new(options)?.send(ask).await?.whole().await?;
    Ok(String::from_utf8(body.to_vec()).unwrap().trim().to_owned())
}

#[tokio::test]
async fn a_certificate_opens_a_server_that_asks_for_one() {
    let papers = Papers::new();
    let server = papers.serve(true, SAYS).await;
    let without = ask(papers.options(), url(server)).await;
    assert!(without.is_err(), "{without:?}");
    let identity = Some(papers.identity());
    let with = ask(ClientOptions { identity, ..papers.options() }, url(server)).await;
    assert_eq!(with.unwrap(), "certificate=true token=false");
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let papers = Papers::new();
    let other = papers.serve(false, SAYS).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        url(other)
    );
    let home = papers.serve(false, &redirect).await;
    let options = |origin| ClientOptions {
        identity: Some(papers.identity()),
        bearer: Some("secret".into()),
        bearer_origin: Some(url(origin)),
        ..papers.options()
    };
    let there = ask(options(other), url(other)).await.unwrap();
    assert_eq!(there, "certificate=true token=true");
    let redirected = ask(options(home), url(home)).await.unwrap();
    assert_eq!(redirected, "certificate=false token=false");
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused() {
    let (ours, theirs) = (Papers::new(), Papers::new());
    let server = theirs.serve(false, SAYS).await;
    let refused = ask(ours.options(), url(server)).await.unwrap_err().to_string();
    assert!(refused.contains("cannot connect") && refused.contains("certificate"), "{refused}");
}
