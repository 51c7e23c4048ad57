//! A client that speaks TLS to a box and shows every byte of the answer.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};

use super::{PATIENCE, http::Page};

/// A connection under TLS.
pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// What a client that trusts this authority (PEM) only shares between connections.
pub fn trusting(authority: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Shakes hands, or says why not.
pub fn connect(
    address: SocketAddr,
    name: &str,
    config: &Arc<ClientConfig>,
) -> Result<Tls, std::io::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let client = ClientConnection::new(config.clone(), name).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut tls = StreamOwned::new(client, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    Ok(tls)
}

/// One request without a body on a connection of its own; `fields` end with `\r\n`.
pub fn ask(mut tls: Tls, method: &str, host: &str, path: &str, fields: &str) -> Page {
    let ask =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{fields}\r\n");
    tls.write_all(ask.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    tls.read_to_end(&mut bytes).unwrap();
    Page::parse(path, &bytes)
}
