//! Compiled lists: which categories list this name, this address, this URL?
//!
//! Sources of five formats ([`formats`]) go through a [`Builder`] into [`Lists`], which are written
//! as one file, checked, and read back whole into memory. They hold fingerprints, not names:
//! asking takes no lock, allocates nothing, and costs a table look-up a label.

pub mod about;
pub mod build;
mod explain;
mod expressions;
mod file;
pub mod formats;
mod key;
mod meaning;
pub mod shrink;
mod table;
mod urls;
mod visible;

use std::{collections::HashMap, fmt, net::IpAddr};

use jiff::Timestamp;

pub(super) use self::visible::path_text;
pub use self::{
    about::{About, Purpose},
    build::Builder,
    explain::RuleText,
    expressions::Subject,
    file::ListsError,
};
use self::{
    expressions::Expressions,
    key::Key,
    meaning::{Meaning, Member, Sides},
    table::Table,
    urls::Urls,
    visible::Visible,
};
use super::{
    category::{Category, CategorySet},
    host::{Host, MAX_LABELS, Name},
    target::Target,
};

/// How specific a rule is. The greater, the more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// A name of so many labels: `org` 1, `example.org` 2.
    Labels(u8),
    /// An address or a network.
    Address,
    /// The beginning of a URL.
    Url,
    /// A regular expression.
    Expression,
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Labels(_) => "name",
            Self::Address => "address",
            Self::Url => "URL",
            Self::Expression => "expression",
        })
    }
}

/// What the lists say at one depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// How specific.
    pub depth: Depth,
    /// Categories that list it.
    pub listed: CategorySet,
    /// Categories whose own list takes it out.
    pub excepted: CategorySet,
}

impl Match {
    fn new(depth: Depth, sides: Sides) -> Self {
        Self { depth, listed: sides.listed, excepted: sides.excepted }
    }
}

/// A generation of compiled lists; never changed once made.
#[derive(Default)]
pub struct Lists {
    key: Key,
    table: Table,
    meanings: Box<[Meaning]>,
    /// Of children of families: a row of meanings each, one a member.
    rows: Box<[u32]>,
    urls: Urls,
    expressions: Expressions,
    /// Prefix lengths of networks, longest first; IPv4 counted as IPv6 (+ 96).
    prefixes: Box<[u8]>,
    about: Box<[About]>,
    numbers: HashMap<String, Category>,
}

impl Lists {
    /// The category of a name, or of one of its aliases.
    pub fn category(&self, name: &str) -> Option<Category> {
        self.numbers.get(name).copied()
    }

    /// What is known of a category.
    pub fn about(&self, category: Category) -> Option<&About> {
        self.about.get(category.number())
    }

    /// All categories, by number.
    pub fn categories(&self) -> impl Iterator<Item = (Category, &About)> {
        let number = |(number, about)| Category::new(number).map(|category| (category, about));
        self.about.iter().enumerate().filter_map(number)
    }

    /// The date of the newest.
    pub fn date(&self) -> Option<Timestamp> {
        self.about.iter().filter_map(|about| about.date).max()
    }

    /// Bytes that they take in memory.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
            + size_of_val(&*self.meanings)
            + size_of_val(&*self.rows)
            + size_of_val(&*self.urls.starts)
            + size_of_val(&*self.urls.rules)
            + self.urls.text.len()
    }

    /// Visits what is listed, from the most specific rule to the least, until `visit` says `false`.
    ///
    /// No allocation and no lock, except in the first run of a regular expression on a thread.
    pub fn matches(&self, target: &Target<'_>, visit: &mut dyn FnMut(Match) -> bool) {
        let sees_urls = !self.urls.rules.is_empty() || self.expressions.any_on(Subject::Url);
        let visible = if sees_urls { Visible::of(target) } else { None };
        let matching = self.matching_expressions(target.host, visible.as_ref());
        if !matching.is_empty() && !visit(Match::new(Depth::Expression, matching)) {
            return;
        }
        if let Some(visible) = &visible
            && !self.visit_urls(visible, &mut |hit, _| {
                visit(Match::new(Depth::Url, self.meaning(hit.meaning).itself))
            })
        {
            return;
        }
        match target.host {
            Host::Name(name) => self.visit_names(name, visit),
            Host::Address(address) => self.visit_networks(*address, visit),
        }
    }

    fn meaning(&self, number: u32) -> Meaning {
        self.meanings.get(number as usize).copied().unwrap_or_default()
    }

    fn matching_expressions(&self, host: &Host, visible: Option<&Visible>) -> Sides {
        let mut sides = Sides::default();
        if let Some(visible) = visible {
            sides = self.expressions.matching(Subject::Url, visible.whole());
        }
        if self.expressions.any_on(Subject::Host) {
            let host = visible::host_text(host);
            sides.add(self.expressions.matching(Subject::Host, host.bytes()));
        }
        sides
    }

    /// Visits URL rules of the host as it is, then of the host without `www.`. The visitor also
    /// gets the host under which the rule stands.
    fn visit_urls(
        &self,
        visible: &Visible,
        visit: &mut dyn FnMut(urls::Hit, &[u8]) -> bool,
    ) -> bool {
        if self.urls.rules.is_empty() {
            return true;
        }
        let host = visible.host();
        let mut hosts = [Some(host), visible::without_www(host)].into_iter().flatten();
        hosts.all(|host| {
            let number = self.table.get(self.key.url_host(host));
            let number = number.and_then(|value| (value as usize).checked_sub(1));
            number.is_none_or(|number| {
                self.urls.matches(number, visible.path(), &mut |hit| visit(hit, host))
            })
        })
    }

    fn visit_networks(&self, address: IpAddr, visit: &mut dyn FnMut(Match) -> bool) {
        let bits = build::address_bits(address);
        for prefix in &self.prefixes {
            let network = bits & build::mask(*prefix);
            let Some(number) = self.table.get(self.key.network(network, *prefix)) else { continue };
            let sides = self.meaning(number).itself;
            if !sides.is_empty() && !visit(Match::new(Depth::Address, sides)) {
                return;
            }
        }
    }

    fn visit_names(&self, name: &Name, visit: &mut dyn FnMut(Match) -> bool) {
        // A number a label, 0 when it is not listed.
        let mut found = [0; MAX_LABELS];
        let mut count = 0;
        self.key.suffixes(name.as_bytes(), |fingerprint, _| {
            if let Some(number) = found.get_mut(count) {
                *number = self.table.get(fingerprint).unwrap_or(0);
                count += 1;
            }
        });
        self.add_children(name, &mut found, count);
        for (place, number) in found.iter().enumerate().take(count).rev() {
            if *number == 0 {
                continue;
            }
            let meaning = self.meaning(*number);
            let sides = if place + 1 == count { meaning.itself } else { meaning.below };
            // A name has at most 127 labels.
            let depth = Depth::Labels(u8::try_from(place + 1).unwrap_or(u8::MAX));
            if !sides.is_empty() && !visit(Match::new(depth, sides)) {
                return;
            }
        }
    }

    /// Looks below the members of families, where children stand by their label.
    fn add_children(&self, name: &Name, found: &mut [u32; MAX_LABELS], count: usize) {
        for place in 1..count {
            let parent = found.get(place - 1).copied().unwrap_or(0);
            if parent == 0 {
                continue;
            }
            let Some(member) = self.meaning(parent).member else { continue };
            let label = name.as_bytes().rsplit(|byte| *byte == b'.').nth(place);
            let child = self.child(member, label.unwrap_or_default());
            if let Some(number) = found.get_mut(place).filter(|number| **number == 0) {
                *number = child;
            }
        }
    }

    /// The meaning of a label below a member of a family, by number.
    fn child(&self, member: Member, label: &[u8]) -> u32 {
        let row = self.table.get(self.key.child(member.family, label));
        let row = row.and_then(|value| (value as usize).checked_sub(1));
        row.and_then(|row| self.rows.get(row + usize::from(member.place))).copied().unwrap_or(0)
    }
}

impl fmt::Debug for Lists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lists")
            .field("categories", &self.about.len())
            .field("bytes", &self.bytes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
