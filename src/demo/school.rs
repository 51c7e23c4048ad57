//! The demo school's `preau.toml`: an ENT, a GAR and a distributor behind the link, everything else
//! in one folder.

use std::{net::SocketAddr, path::Path};

use toml::Value;

use super::{peers::Peers, people::DOCUMENTALISTE};
use crate::config::Uai;

/// Identifier of the demo school.
pub const UAI: &str = "0510035L";
/// Its name, as readers see it.
pub const NAME: &str = "Lycée de démonstration";
/// The name of its box: this machine's own, which every browser and resolver knows.
pub const HOST: &str = "localhost";
/// The authority's certificate, in its folder.
pub const AUTHORITY: &str = "authority.pem";
/// Stem of its box's certificate and key.
pub const CERTIFICATE: &str = "box";

/// Where its box listens.
#[derive(Debug, Clone, Copy)]
pub struct Listen {
    /// In the clear, only to send readers to the other.
    pub plain: SocketAddr,
    /// Under TLS.
    pub https: SocketAddr,
}

/// [`UAI`], typed.
pub fn uai() -> anyhow::Result<Uai> {
    Ok(UAI.parse()?)
}

/// The text of the school's `preau.toml`. `folder` is absolute; the data go to `data/` below it
/// and the control socket is `control.sock`.
pub fn settings(folder: &Path, peers: &Peers, listen: Listen) -> String {
    let text = |value: &str| Value::String(value.to_owned()).to_string();
    let below = |name: &str| text(&folder.join(name).to_string_lossy());
    let (gar, feed) = (text(peers.gar_url.as_str()), text(peers.feed_url.as_str()));
    let (uai, name, person) = (text(UAI), text(NAME), text(DOCUMENTALISTE));
    let (data, socket, authority) = (below("data"), below("control.sock"), below(AUTHORITY));
    let (plain, https) = (text(&listen.plain.to_string()), text(&listen.https.to_string()));
    let (host, ent) = (text(HOST), text(peers.ent_url.as_str()));
    let certificate = below(&format!("{CERTIFICATE}.crt"));
    let key = below(&format!("{CERTIFICATE}.key"));
    format!(
        "# The demo school: everything it reaches is on this machine.\n\
         [school]\nuai = {uai}\nname = {name}\n\n\
         [network]\nlisten = [{plain}]\nallow_private = [\"127.0.0.0/8\"]\n\
         extra_authorities = [{authority}]\n\n\
         [https]\nname = {host}\nlisten = [{https}]\n\
         certificate = {certificate}\nkey = {key}\n\n\
         [access.cas]\nurl = {ent}\n\n\
         [access.resource_list]\nurl = {gar}\nent = \"DEMO\"\n\n\
         [store]\npath = {data}\nquota = \"2 GB\"\nreserve = \"50 MB\"\n\n\
         [catalogue]\nrefresh = \"1m\"\n\n\
         [[catalogue.subscriptions]]\nname = \"gar\"\nurl = {gar}\n\n\
         [[catalogue.resource_lists]]\nname = \"documentaliste\"\nurl = {gar}\nent = \"DEMO\"\n\
         person = {person}\n\n\
         [[catalogue.feeds]]\nname = \"distributeur\"\nurl = {feed}\n\n\
         # Quick to try again, so that the story need not wait.\n\
         [mirror]\nparallel = 3\nparallel_per_origin = 3\nretry_first = \"1s\"\n\
         retry_longest = \"4s\"\nstall_after = \"5s\"\nlargest_package = \"1 GB\"\n\n\
         [control]\nsocket = {socket}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, demo::opening};

    #[tokio::test]
    async fn the_demo_settings_are_read_without_a_warning() {
        let listen = Listen {
            plain: SocketAddr::from(([127, 0, 0, 1], 8080)),
            https: SocketAddr::from(([127, 0, 0, 1], 8443)),
        };
        let temporary = tempfile::tempdir().unwrap();
        let now = jiff::Timestamp::now();
        let opened = opening::open(temporary.path(), Vec::new(), listen.https, now).await.unwrap();
        let peers = opened.peers;
        let folder = Path::new("/tmp/préau \"demo\"");
        let text = settings(folder, &peers, listen);
        let (config, report) = Config::parse("demo", &text).unwrap();
        assert!(format!("{report}").is_empty(), "{report}");
        assert_eq!(config.store.path, folder.join("data"));
        assert_eq!(config.network.listen, [listen.plain]);
        assert_eq!(config.https.listen, [listen.https]);
        assert_eq!(config.access.cas.unwrap().url, peers.ent_url);
        assert_eq!(config.catalogue.feeds[0].url, peers.feed_url);
        assert_eq!(config.catalogue.subscriptions[0].url, peers.gar_url);
    }
}
