//! What devices are told of their proxy: a PAC file (`/proxy.pac`, and `/wpad.dat` for WPAD),
//! written from the settings. The library and local networks are reached without the proxy.

use std::{fmt::Write as _, net::IpAddr};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HOST},
    uri::Authority,
};
use ipnet::IpNet;

use super::home::Home;
use crate::config::{self, Endpoint, Site};

/// Port of the proxy when systemd passes its socket (`preau-proxy.socket`).
const USUAL_PORT: u16 = 3128;
/// A change of the settings reaches devices within ten minutes.
const CACHED: HeaderValue = HeaderValue::from_static("max-age=600");
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-ns-proxy-autoconfig");

/// The file, but for the proxy's own address.
#[derive(Debug)]
pub struct Pac {
    rules: String,
    advertise: Option<Endpoint>,
    port: u16,
    fails_open: bool,
}

/// Is the file asked for?
pub fn is_asked(path: &str) -> bool {
    matches!(path, "/proxy.pac" | "/wpad.dat")
}

impl Pac {
    /// As the settings say.
    pub fn new(config: &config::Gateway, home: &Home) -> Self {
        let port = config.listen.first().map_or(USUAL_PORT, std::net::SocketAddr::port);
        Self {
            rules: rules(&config.direct, home),
            advertise: config.advertise.clone(),
            port,
            fails_open: config.fails_open,
        }
    }

    /// For whoever asked with these fields.
    pub fn answer(&self, fields: &HeaderMap) -> Response<Bytes> {
        let mut answer = Response::new(Bytes::from(self.text(fields)));
        answer.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
        answer.headers_mut().insert(CACHE_CONTROL, CACHED);
        answer
    }

    fn text(&self, fields: &HeaderMap) -> String {
        let named = || {
            // The name by which the device reached the box leads to the proxy too.
            let host: Authority = fields.get(HOST)?.as_bytes().try_into().ok()?;
            let host = host.host().trim_matches(['[', ']']);
            format!("{}:{}", bracketed(host), self.port).parse().ok()
        };
        let proxy = self.advertise.clone().or_else(named);
        let way = match (&proxy, self.fails_open) {
            (None, _) => "DIRECT".to_owned(),
            (Some(proxy), false) => format!("PROXY {proxy}"),
            (Some(proxy), true) => format!("PROXY {proxy}; DIRECT"),
        };
        format!(
            "function FindProxyForURL(url, host) {{\n  host = host.toLowerCase();\n{}  return \"{way}\";\n}}\n",
            self.rules
        )
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Networks that no proxy leads to.
const LOCAL: [&str; 5] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"];

fn rules(direct: &[Site], home: &Home) -> String {
    // `write!` to a string cannot fail.
    let mut text = "  if (isPlainHostName(host)) return \"DIRECT\";\n".to_owned();
    let listed = direct.iter().filter_map(|site| match site {
        Site::Name(name) => Some(name.as_str()),
        Site::Network(_) => None,
    });
    for name in home.name().into_iter().chain(listed) {
        let _ = writeln!(
            text,
            "  if (host == \"{name}\" || dnsDomainIs(host, \".{name}\")) return \"DIRECT\";"
        );
    }
    // A name is never resolved for this: that would make every page wait for the resolver.
    text.push_str("  if (/^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$/.test(host)) {\n");
    let local = LOCAL.iter().filter_map(|text| text.parse::<IpNet>().ok());
    let listed = direct.iter().filter_map(|site| match site {
        Site::Network(network) => Some(*network),
        Site::Name(_) => None,
    });
    for network in local.chain(listed.clone()) {
        if let (IpAddr::V4(address), IpAddr::V4(mask)) = (network.network(), network.netmask()) {
            let _ = writeln!(
                text,
                "    if (isInNet(host, \"{address}\", \"{mask}\")) return \"DIRECT\";"
            );
        }
    }
    text.push_str("  }\n");
    // Unique local and link-local addresses, and this machine (RFC 4291, RFC 4193).
    text.push_str(
        "  if (/^\\[?(::1|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/.test(host)) return \"DIRECT\";\n",
    );
    for network in listed.filter(|network| matches!(network, IpNet::V6(_))) {
        let _ = writeln!(
            text,
            "  if (typeof isInNetEx == \"function\" && isInNetEx(host, \"{network}\")) return \"DIRECT\";"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pac(more: &str) -> Pac {
        let text = format!(
            "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n[gateway]\n{more}"
        );
        let (config, _) = config::Config::parse("t", &text).unwrap();
        Pac::new(&config.gateway, &Home::default())
    }

    fn asked(host: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))])
    }

    #[test]
    fn devices_find_the_proxy_where_they_found_the_file_unless_told_otherwise() {
        let here = pac("listen = [\"0.0.0.0:8888\"]");
        assert!(
            here.text(&asked("wpad.lycee.example")).contains("\"PROXY wpad.lycee.example:8888\"")
        );
        assert!(here.text(&asked("10.1.2.3:80")).contains("\"PROXY 10.1.2.3:8888\""));
        assert!(here.text(&asked("[fd00::1]")).contains("\"PROXY [fd00::1]:8888\""));
        let there = pac("advertise = \"proxy.example:3128\"\nfails_open = true");
        assert!(there.text(&asked("x")).contains("\"PROXY proxy.example:3128; DIRECT\""));
    }

    #[test]
    fn a_host_field_cannot_write_script() {
        let here = pac("");
        for host in ["a\";alert(1);\"", "a b", "", "<x>"] {
            let text = here.text(&asked(host));
            assert!(text.contains("return \"DIRECT\";\n}"), "{text}");
        }
    }

    #[test]
    fn what_is_direct_is_written_down() {
        let text = pac("direct = [\"ent.example\", \"198.51.100.0/24\"]").text(&asked("x"));
        assert!(text.contains("host == \"ent.example\" || dnsDomainIs(host, \".ent.example\")"));
        assert!(text.contains("isInNet(host, \"198.51.100.0\", \"255.255.255.0\")"));
        assert!(text.contains("isInNet(host, \"10.0.0.0\", \"255.0.0.0\")"));
    }
}
