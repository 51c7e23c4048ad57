//! Which rule it was, in words of the request: for `preau filter test` and explanations.

use std::{fmt, net::IpAddr};

use super::{Depth, Lists, Sides, Subject, visible, visible::Visible};
use crate::filter::{category::CategorySet, host::Host, target::Target};

/// The rule that matched at some depth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleText<'a> {
    /// This name, which is the host or a parent of it.
    Name(&'a str),
    /// This address, or a network that it is in.
    Address(IpAddr),
    /// URLs that begin so.
    Url(String),
    /// This regular expression.
    Expression(&'a str),
}

impl fmt::Display for RuleText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
            Self::Url(beginning) => write!(f, "{beginning}…"),
            Self::Expression(expression) => write!(f, "/{expression}/"),
        }
    }
}

impl Lists {
    /// The rule of `depth` that matches `target`, the most specific of several.
    pub fn rule_text<'a>(&'a self, target: &Target<'a>, depth: Depth) -> Option<RuleText<'a>> {
        self.rule_text_of(target, depth, CategorySet::from_bits(u128::MAX))
    }

    /// The same of the rules of some categories: several may have rules at one depth.
    pub fn rule_text_of<'a>(
        &'a self,
        target: &Target<'a>,
        depth: Depth,
        categories: CategorySet,
    ) -> Option<RuleText<'a>> {
        match (depth, target.host) {
            (Depth::Labels(labels), Host::Name(name)) => {
                name.suffix(usize::from(labels)).map(RuleText::Name)
            }
            (Depth::Address, Host::Address(address)) => Some(RuleText::Address(*address)),
            (Depth::Url, _) => self.url_text(target, categories).map(RuleText::Url),
            (Depth::Expression, _) => {
                self.expression_text(target, categories).map(RuleText::Expression)
            }
            _ => None,
        }
    }

    fn url_text(&self, target: &Target<'_>, categories: CategorySet) -> Option<String> {
        let visible = Visible::of(target)?;
        let mut text = None;
        self.visit_urls(&visible, &mut |hit, host| {
            let Sides { listed, excepted } = self.meaning(hit.meaning).itself;
            if ((listed | excepted) & categories).is_empty() {
                return true;
            }
            let path = visible.path().get(..hit.length).unwrap_or_default();
            text = Some(String::from_utf8_lossy(&[host, path].concat()).into_owned());
            false
        });
        text
    }

    fn expression_text(&self, target: &Target<'_>, categories: CategorySet) -> Option<&str> {
        let visible = Visible::of(target);
        let first = |subject, text: &[u8]| self.expressions.first(subject, text, categories);
        let on_url = visible.and_then(|url| first(Subject::Url, url.whole()));
        on_url.or_else(|| first(Subject::Host, visible::host_text(target.host).bytes()))
    }
}
