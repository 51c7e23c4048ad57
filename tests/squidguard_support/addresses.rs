//! Addresses near the lists: what is listed, what is below it, what almost is, and every odd way to
//! write it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::Ipv4Addr,
    path::Path,
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

const SEED: u64 = 7;

/// What the lists hold, as text.
pub struct Listed {
    /// By name, in the order in which squidGuard is told of them.
    pub categories: Vec<String>,
    domains: Vec<String>,
    urls: Vec<String>,
    of: BTreeMap<String, Own>,
}

/// What one category holds.
pub struct Own {
    /// Labels from the last to the first, so that those below a name follow it.
    reversed: BTreeSet<String>,
    urls: BTreeSet<String>,
}

impl Listed {
    pub fn read(root: &Path) -> Self {
        let mut listed = Self {
            categories: Vec::new(),
            domains: Vec::new(),
            urls: Vec::new(),
            of: BTreeMap::new(),
        };
        let names = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        for name in names {
            let lines = |file: &str| -> Vec<String> {
                let text = fs::read_to_string(root.join(&name).join(file)).unwrap_or_default();
                text.lines().map(str::to_lowercase).collect()
            };
            let (domains, urls) = (lines("domains"), lines("urls"));
            let reversed = domains.iter().map(|name| reverse(name)).collect();
            listed.of.insert(name.clone(), Own { reversed, urls: urls.iter().cloned().collect() });
            listed.domains.extend(domains);
            listed.urls.extend(urls);
            listed.categories.push(name);
        }
        listed
    }

    /// What a category holds.
    pub fn of(&self, category: &str) -> &Own {
        &self.of[category]
    }

    /// Does this host begin with a listed name, or with a listed URL that has no path?
    pub fn begins(&self, host: &str) -> bool {
        let host = host.to_lowercase();
        let urls = self.urls.iter().filter(|url| !url.contains('/'));
        self.domains.iter().chain(urls).any(|rule| host.starts_with(rule.as_str()))
    }
}

impl Own {
    /// Is a name below this one listed too?
    pub fn has_below(&self, name: &str) -> bool {
        let begin = format!("{}.", reverse(name));
        self.reversed.range(begin.clone()..).next().is_some_and(|next| next.starts_with(&begin))
    }

    /// Is a URL listed that begins with this one, and is longer?
    pub fn has_longer(&self, beginning: &str) -> bool {
        let mut from = self.urls.range(beginning.to_owned()..);
        from.find(|url| *url != beginning).is_some_and(|next| next.starts_with(beginning))
    }

    /// Is this very URL listed?
    pub fn has_url(&self, url: &str) -> bool {
        self.urls.contains(url)
    }
}

fn reverse(name: &str) -> String {
    let mut labels: Vec<&str> = name.trim_start_matches('.').split('.').collect();
    labels.reverse();
    labels.join(".")
}

/// Addresses without end, the same each time.
pub struct Addresses<'a> {
    listed: &'a Listed,
    random: StdRng,
}

impl<'a> Addresses<'a> {
    pub fn new(listed: &'a Listed) -> Self {
        Self { listed, random: StdRng::seed_from_u64(SEED) }
    }

    fn one_of(&mut self, of: &[&str]) -> String {
        (*of.choose(&mut self.random).unwrap()).to_owned()
    }

    /// A listed name, or one of its kin.
    fn host(&mut self) -> String {
        let name = self.listed.domains.choose(&mut self.random).unwrap().clone();
        let name = name.trim_start_matches('.').to_owned();
        match self.random.random_range(0..10) {
            0..3 => name,
            3 => format!("{}.{name}", self.one_of(&["www", "a", "img.cdn", "x-y", "www2"])),
            // Longer, with no dot between.
            4 => format!("{}{name}", self.one_of(&["x", "my", "not-", "0"])),
            5 => format!("{name}{}", self.one_of(&["x", ".net", ".example", "s"])),
            6 => name.split_once('.').map_or(name.clone(), |(_, parent)| parent.to_owned()),
            7 => self.mistyped(&name),
            8 => self.literal(),
            _ => self.one_of(&[
                "café.example",
                "CAFÉ.example",
                "xn--caf-dma.example",
                "www.XN--CAF-DMA.example",
                "allowed.example",
                "lycee.fr",
            ]),
        }
    }

    fn mistyped(&mut self, name: &str) -> String {
        let place = self.random.random_range(0..name.len());
        let mut name = name.as_bytes().to_vec();
        name[place] = *b"abcxyz019".choose(&mut self.random).unwrap();
        String::from_utf8_lossy(&name).into_owned()
    }

    /// An address, listed or not, in one of the ways in which browsers take it.
    fn literal(&mut self) -> String {
        let mut listed = self.listed.domains.choose_multiple(&mut self.random, 40);
        let listed = listed.find_map(|name| name.parse::<Ipv4Addr>().ok());
        let number = listed.map_or_else(|| self.random.random(), u32::from);
        let [a, b, c, d] = number.to_be_bytes();
        match self.random.random_range(0..6) {
            0..3 => format!("{a}.{b}.{c}.{d}"),
            3 => format!("0x{number:x}"),
            4 => format!("{a}.{b}.{}", u32::from(c) * 256 + u32::from(d)),
            _ => format!("[::ffff:{a}.{b}.{c}.{d}]"),
        }
    }

    /// A listed URL, or one of its kin.
    fn url(&mut self) -> String {
        let url = self.listed.urls.choose(&mut self.random).unwrap();
        // No client sends a fragment.
        let url = url.split('#').next().unwrap_or_default().to_owned();
        let host_end = url.find('/').unwrap_or(url.len());
        let (host, path) = url.split_at(host_end);
        match self.random.random_range(0..9) {
            0 | 1 => url,
            2 => format!("{url}{}", self.one_of(&["/more", "ista", "?q=1", "/", "%20x"])),
            3 => format!("{}.{url}", self.one_of(&["www", "www2", "ftp", "web", "a", "wwwx"])),
            4 => format!("{host}/{}", path.replacen('/', "//", 2)),
            5 => format!("{host}{}", path.to_uppercase().replace('A', "%41")),
            6 => format!("{host}/x/..{path}"),
            7 => format!("{host}:8081{path}"),
            _ => url.get(..url.len() - 1).map_or(url.clone(), str::to_owned),
        }
    }

    fn path(&mut self) -> String {
        self.one_of(&[
            "/",
            "/",
            "",
            "/index.html",
            "/banner/1.gif",
            "/ADVERTS/x",
            "/search?q=12",
            "/play/casino-1",
            "/?u=http://a1.fr/",
            "?q=1",
        ])
    }
}

impl Iterator for Addresses<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let address = if self.random.random_range(0..4) == 0 {
            self.url()
        } else {
            let host = self.host();
            let host = match self.random.random_range(0..12) {
                0 => host.to_uppercase(),
                1 => format!("{host}."),
                2 => format!("{host}:{}", self.random.random_range(1..=65_535)),
                3 => format!("user:secret@{host}"),
                4 => format!("a@b@{host}"),
                5 => host.replacen('.', "%2e", 1),
                _ => host,
            };
            format!("{host}{}", self.path())
        };
        Some(format!("{}{address}", self.one_of(&["http://", "http://", "HTTP://"])))
    }
}
