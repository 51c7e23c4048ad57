//! Gathers rules and makes [`Lists`] of them.
//!
//! Names are kept as they come, in one piece of memory, and sorted and joined at the end; a name
//! that several categories list is one entry.

mod families;
mod names;

use std::{collections::BTreeMap, net::IpAddr};

use sha2::{Digest as _, Sha256};

use self::{
    families::Families,
    names::{Gathered, Names},
};
use super::{
    About, Lists, Subject,
    expressions::{BadExpression, Expressions, MAX_EXPRESSIONS, Written},
    key::Key,
    meaning::{Meaning, Meanings, Sides},
    table::{MAX_VALUE, Table},
    urls::{MAX_PATH_BYTES, Urls},
    visible,
};
use crate::filter::{
    category::{Category, CategorySet, MAX_CATEGORIES},
    host::Host,
};

/// Keys tried before the entries count as impossible to tell apart.
const MAX_KEYS: u64 = 16;
/// Rules on URLs, and on networks.
const MAX_OTHER_RULES: usize = 4_000_000;

/// Which names a rule on a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The name and all below it.
    Whole,
    /// The name alone.
    Itself,
    /// Those below it alone.
    Below,
}

/// A rule of a category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule<'a> {
    /// A name, or an address.
    Host(Host, Scope),
    /// A network, by its address and the length of its prefix.
    Network(IpAddr, u8),
    /// URLs of a host, by the beginning of path and query.
    Url(Host, &'a str),
    /// A POSIX extended regular expression.
    Posix(&'a str, Subject),
    /// A regular expression as JavaScript writes it.
    Perl(&'a str, Subject),
}

/// Why a rule is not taken; the caller counts it as a bad line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// The expression cannot be used.
    #[error(transparent)]
    Expression(#[from] BadExpression),
    /// More expressions than are tried on each URL.
    #[error("there are more than {MAX_EXPRESSIONS} expressions")]
    TooManyExpressions,
    /// A path that no URL has.
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    LongPath,
    /// No network has such a prefix.
    #[error("no network has a prefix of this length")]
    Prefix,
}

/// Why no lists can be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Too many categories.
    #[error("there are more than {MAX_CATEGORIES} categories; the first beyond is {0}")]
    TooManyCategories(String),
    /// Too much to hold.
    #[error("the lists hold too many {0} to be compiled")]
    TooMany(&'static str),
    /// Fingerprints cannot be told apart under any of several keys.
    #[error("no key tells the entries apart")]
    NoKey,
}

/// Gathers rules.
#[derive(Debug, Default)]
pub struct Builder {
    about: Vec<About>,
    numbers: BTreeMap<String, Category>,
    names: Gathered,
    networks: BTreeMap<(u8, u128), Sides>,
    urls: BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, Meaning>>,
    url_count: usize,
    expressions: Vec<Written>,
}

/// What compiling made of the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Names, each counted once.
    pub names: usize,
    /// Families of parents that share their children.
    pub families: usize,
    /// Names that are children of families, and stand there once for all parents.
    pub folded: usize,
    /// Entries of the table.
    pub entries: usize,
}

impl Builder {
    /// The category of a name, made when it is new.
    ///
    /// # Errors
    /// There are as many as there can be.
    pub fn category(&mut self, name: &str) -> Result<Category, BuildError> {
        if let Some(category) = self.numbers.get(name) {
            return Ok(*category);
        }
        let category = Category::new(self.about.len())
            .ok_or_else(|| BuildError::TooManyCategories(name.to_owned()))?;
        self.about.push(About { name: name.to_owned(), ..About::default() });
        self.numbers.insert(name.to_owned(), category);
        Ok(category)
    }

    /// The category of a name that was made before.
    pub fn known(&self, name: &str) -> Option<Category> {
        self.numbers.get(name).copied()
    }

    /// What is known of a category, to be completed.
    pub fn about(&mut self, category: Category) -> Option<&mut About> {
        self.about.get_mut(category.number())
    }

    /// Adds a rule that lists something, or takes it out when `excepted`.
    ///
    /// # Errors
    /// It cannot be used; nothing has changed.
    pub fn add(
        &mut self,
        category: Category,
        rule: &Rule<'_>,
        excepted: bool,
    ) -> Result<(), BadRule> {
        let sides = sides_of(category, excepted);
        match rule {
            Rule::Host(Host::Name(name), scope) => {
                self.names.add(name.as_bytes(), category, *scope, excepted);
            }
            Rule::Host(Host::Address(address), _) => self.add_network(*address, 128, sides),
            Rule::Network(address, prefix) => {
                let offset = if address.is_ipv4() { 96 } else { 0 };
                let prefix = prefix.checked_add(offset).filter(|prefix| *prefix <= 128);
                self.add_network(*address, prefix.ok_or(BadRule::Prefix)?, sides);
            }
            Rule::Url(host, path) => self.add_url(host, path, sides)?,
            Rule::Posix(source, subject) => {
                let pattern = Written::posix(source)?;
                self.add_expression(category, *subject, excepted, source, pattern)?;
            }
            Rule::Perl(source, subject) => {
                let pattern = Written::perl(source)?;
                self.add_expression(category, *subject, excepted, source, pattern)?;
            }
        }
        if let Some(about) = self.about.get_mut(category.number()) {
            let count = match rule {
                Rule::Host(Host::Name(_), _) => &mut about.rules.names,
                Rule::Host(..) | Rule::Network(..) => &mut about.rules.addresses,
                Rule::Url(..) => &mut about.rules.urls,
                Rule::Posix(..) | Rule::Perl(..) => &mut about.rules.expressions,
            };
            *count += 1;
            about.rules.exceptions += u64::from(excepted);
        }
        Ok(())
    }

    fn add_network(&mut self, address: IpAddr, prefix: u8, sides: Sides) {
        let network = address_bits(address) & mask(prefix);
        self.networks.entry((prefix, network)).or_default().add(sides);
    }

    fn add_url(&mut self, host: &Host, path: &str, sides: Sides) -> Result<(), BadRule> {
        let path = visible::path_text(path.as_bytes());
        if path.bytes().len() > MAX_PATH_BYTES {
            return Err(BadRule::LongPath);
        }
        let host = visible::host_text(host);
        let paths = self.urls.entry(host.bytes().to_vec()).or_default();
        paths.entry(path.bytes().to_vec()).or_default().itself.add(sides);
        self.url_count += 1;
        Ok(())
    }

    fn add_expression(
        &mut self,
        category: Category,
        subject: Subject,
        excepted: bool,
        source: &str,
        pattern: String,
    ) -> Result<(), BadRule> {
        if self.expressions.len() >= MAX_EXPRESSIONS {
            return Err(BadRule::TooManyExpressions);
        }
        let category = category.number();
        let source = source.to_owned();
        self.expressions.push(Written { category, subject, excepted, source, pattern });
        Ok(())
    }

    /// Compiles what was gathered.
    ///
    /// # Errors
    /// It is too much.
    pub fn finish(self) -> Result<(Lists, Summary), BuildError> {
        if self.names.overflowed() {
            return Err(BuildError::TooMany("names"));
        }
        if self.networks.len() > MAX_OTHER_RULES {
            return Err(BuildError::TooMany("networks"));
        }
        if self.url_count > MAX_OTHER_RULES {
            return Err(BuildError::TooMany("URL rules"));
        }
        let mut meanings = Meanings::default();
        let mut names = self.names.join(&mut meanings);
        let distinct = names.len();
        let families = Families::find(&names);
        names.fold(&families, &mut meanings);
        let urls = Urls::build(&self.urls, &mut meanings)
            .ok_or(BuildError::TooMany("bytes of URL rules"))?;
        let networks: Vec<_> = self
            .networks
            .into_iter()
            .map(|(network, itself)| {
                (network, meanings.number(Meaning { itself, ..Meaning::default() }))
            })
            .collect();
        let entries = Entries { names: &names, families: &families, networks: &networks };
        let (key, table) = entries.table(self.urls.keys())?;
        let mut prefixes: Vec<u8> = networks.iter().map(|((prefix, _), _)| *prefix).collect();
        prefixes.sort_unstable_by(|a, b| b.cmp(a));
        prefixes.dedup();
        let summary = Summary {
            names: distinct,
            families: families.count(),
            folded: families.folded(),
            entries: names.len() + families.children.len() + networks.len() + self.urls.len(),
        };
        let mut lists = Lists {
            key,
            table,
            urls,
            meanings: meanings.into_all(),
            rows: families.rows.into(),
            expressions: Expressions::new(self.expressions)
                .map_err(|_| BuildError::TooMany("bytes of expressions"))?,
            prefixes: prefixes.into(),
            ..Lists::default()
        };
        lists.name(self.about);
        Ok((lists, summary))
    }
}

pub(super) fn sides_of(category: Category, excepted: bool) -> Sides {
    let set = CategorySet::of(category);
    if excepted {
        Sides { listed: CategorySet::EMPTY, excepted: set }
    } else {
        Sides { listed: set, excepted: CategorySet::EMPTY }
    }
}

/// An address as IPv6 bits: IPv4 as the IPv6 address that maps it.
pub(super) fn address_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The bits of a prefix of 0 to 128.
pub(super) fn mask(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix.min(128))).unwrap_or(0)
}

/// All that goes into the table.
struct Entries<'a> {
    names: &'a Names,
    families: &'a Families,
    networks: &'a [((u8, u128), u32)],
}

impl Entries<'_> {
    /// The table, under a key made of the entries themselves: the same lists give the same file.
    fn table<'u>(
        &self,
        url_hosts: impl Iterator<Item = &'u Vec<u8>> + Clone,
    ) -> Result<(Key, Table), BuildError> {
        let digest = self.digest();
        for attempt in 0..MAX_KEYS {
            let seed = Sha256::new().chain_update(digest).chain_update(attempt.to_le_bytes());
            let seed: [u8; 32] = seed.finalize().into();
            let (words, _) = seed.as_chunks::<8>();
            let word = |place: usize| words.get(place).map_or(0, |word| u64::from_le_bytes(*word));
            let key = Key { low: word(0), high: word(1) };
            let mut entries: Vec<(u64, u32)> =
                self.names.iter().map(|(name, meaning)| (key.name(name), meaning)).collect();
            for (family, label, row) in &self.families.children {
                entries.push((key.child(*family, label), row + 1));
            }
            for ((prefix, network), meaning) in self.networks {
                entries.push((key.network(*network, *prefix), *meaning));
            }
            for (number, host) in (1..).zip(url_hosts.clone()) {
                entries.push((key.url_host(host), number));
            }
            if entries.iter().any(|(_, value)| *value > MAX_VALUE) {
                return Err(BuildError::TooMany("meanings"));
            }
            if let Ok(table) = Table::build(entries) {
                return Ok((key, table));
            }
        }
        Err(BuildError::NoKey)
    }

    fn digest(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        for (name, meaning) in self.names.iter() {
            digest.update(name);
            digest.update(meaning.to_be_bytes());
        }
        for (family, label, row) in &self.families.children {
            digest.update(family.to_be_bytes());
            digest.update(label);
            digest.update(row.to_be_bytes());
        }
        for ((prefix, network), meaning) in self.networks {
            digest.update([*prefix]);
            digest.update(network.to_be_bytes());
            digest.update(meaning.to_be_bytes());
        }
        digest.finalize().into()
    }
}
