//! Response policy zones (RPZ): a DNS zone whose owners are triggers and whose records are actions.
//!
//! Taken: names (`example.org` itself, `*.example.org` those below) and `rpz-ip` networks, to be
//! refused (`CNAME .`, `CNAME *.`, `rpz-drop.`) or taken out (`rpz-passthru.`). Other triggers and
//! local data are left out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Found, Why};
use crate::filter::{
    host::Host,
    lists::build::{Rule, Scope},
};

/// Triggers on what only a resolver sees.
const OTHER_TRIGGERS: [&str; 3] = [".rpz-client-ip", ".rpz-nsdname", ".rpz-nsip"];
const NETWORK_TRIGGER: &str = ".rpz-ip";
/// Words looked at of a record.
const MAX_WORDS: usize = 8;

/// Where a zone file is at: names in it lean on what was said before (RFC 1035 §5.1).
#[derive(Debug, Default)]
pub struct Zone {
    /// The zone's own name, when the file says it.
    apex: Option<String>,
    /// What relative names are relative to, below the apex.
    below: String,
    /// The owner of the last record.
    owner: String,
    /// Open parentheses: the record goes on.
    open: usize,
}

impl Zone {
    /// Reads a line.
    pub fn line(&mut self, line: &str, each: &mut dyn FnMut(Found<'_>)) {
        let text = without_comment(line);
        let goes_on = self.open > 0;
        // Between quotes, parentheses are text.
        let count = |sign| text.split('"').step_by(2).map(|p| p.matches(sign).count()).sum();
        let (opened, closed): (usize, usize) = (count('('), count(')'));
        self.open = (self.open + opened).saturating_sub(closed);
        if goes_on || text.trim().is_empty() {
            return;
        }
        let mut words = text.split_whitespace().take(MAX_WORDS);
        if !text.starts_with(char::is_whitespace) {
            let first = words.next().unwrap_or_default();
            if first.starts_with('$') {
                return self.directive(first, words.next(), each);
            }
            first.to_ascii_lowercase().clone_into(&mut self.owner);
        }
        let mut words = words.skip_while(|word| is_ttl_or_class(word));
        let kind = words.next().unwrap_or_default().to_ascii_uppercase();
        let action = words.next().unwrap_or_default();
        match kind.as_str() {
            // The owner of the SOA is the zone.
            "SOA" if self.apex.is_none() && self.owner.ends_with('.') => {
                self.apex = Some(self.owner.clone());
            }
            "SOA" | "NS" => {}
            "CNAME" => self.record(action, each),
            "" => each(Found::Bad(Why::Other("a record without type"))),
            "A" | "AAAA" | "TXT" | "MX" | "DNAME" | "SRV" | "HTTPS" | "SVCB" | "CAA" | "PTR" => {
                each(Found::Ignored("it gives local data"));
            }
            _ => each(Found::Bad(Why::Other("no record of a zone"))),
        }
    }

    fn directive(&mut self, name: &str, value: Option<&str>, each: &mut dyn FnMut(Found<'_>)) {
        match (name.to_ascii_uppercase().as_str(), value) {
            ("$TTL", _) => {}
            ("$ORIGIN", Some(origin)) => {
                let origin = origin.to_ascii_lowercase();
                match &self.apex {
                    None => self.apex = Some(origin),
                    Some(apex) => match below(&origin, apex) {
                        Some(rest) => rest.clone_into(&mut self.below),
                        None => each(Found::Bad(Why::Other("an origin outside the zone"))),
                    },
                }
            }
            ("$INCLUDE", _) => each(Found::Ignored("other files are not included")),
            _ => each(Found::Bad(Why::Other("no directive of a zone file"))),
        }
    }

    fn record(&self, action: &str, each: &mut dyn FnMut(Found<'_>)) {
        let Some(trigger) = self.trigger() else {
            return each(Found::Bad(Why::Other("a name outside the zone")));
        };
        if OTHER_TRIGGERS.iter().any(|other| trigger.ends_with(other)) {
            return each(Found::Ignored("its trigger is none of hosts"));
        }
        let action = action.to_ascii_lowercase();
        let excepted = match action.trim_end_matches('.') {
            "" | "*" | "rpz-drop" => false,
            "rpz-passthru" => true,
            // How it was written before there was a word for it.
            own if own == trigger => true,
            "rpz-tcp-only" => return each(Found::Ignored("it only asks for TCP")),
            _ => return each(Found::Ignored("it gives local data")),
        };
        match rule(&trigger) {
            Ok(rule) if excepted => each(Found::Excepted(rule)),
            Ok(rule) => each(Found::Listed(rule)),
            Err(why) => each(Found::Bad(why)),
        }
    }

    /// The owner without the zone's name.
    fn trigger(&self) -> Option<String> {
        if self.owner.ends_with('.') {
            return below(&self.owner, self.apex.as_deref()?).map(str::to_owned);
        }
        Some(match self.below.as_str() {
            "" => self.owner.clone(),
            below => format!("{}.{below}", self.owner),
        })
    }
}

/// What stands before `apex` in a name that ends in it; nothing for the apex itself.
fn below<'a>(name: &'a str, apex: &str) -> Option<&'a str> {
    let name = name.trim_end_matches('.');
    let rest = name.strip_suffix(apex.trim_end_matches('.'))?;
    if rest.is_empty() { Some("") } else { rest.strip_suffix('.') }
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let comment = line.find(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    line.get(..comment.unwrap_or(line.len())).unwrap_or_default()
}

fn is_ttl_or_class(word: &str) -> bool {
    let class = ["IN", "CH", "HS"].iter().any(|class| word.eq_ignore_ascii_case(class));
    class || word.starts_with(|c: char| c.is_ascii_digit())
}

fn rule(trigger: &str) -> Result<Rule<'static>, Why> {
    if let Some(network) = trigger.strip_suffix(NETWORK_TRIGGER) {
        let network = network_of(network);
        return network.map(|(a, n)| Rule::Network(a, n)).ok_or(Why::Other("no network"));
    }
    let (name, scope) = match trigger.strip_prefix("*.") {
        Some(name) => (name, Scope::Below),
        None => (trigger, Scope::Itself),
    };
    Ok(Rule::Host(Host::parse(name)?, scope))
}

/// `24.0.2.0.192` is `192.0.2.0/24`; `48.zz.101.db8.2001` is `2001:db8:101::/48`.
fn network_of(text: &str) -> Option<(IpAddr, u8)> {
    let mut labels = text.split('.');
    let prefix = labels.next()?.parse().ok()?;
    let mut groups: Vec<&str> = labels.take(9).collect();
    groups.reverse();
    if let [a, b, c, d] = groups.as_slice()
        && let (Ok(a), Ok(b), Ok(c), Ok(d)) = (a.parse(), b.parse(), c.parse(), d.parse())
    {
        return (prefix <= 32).then(|| (Ipv4Addr::new(a, b, c, d).into(), prefix));
    }
    let gap = groups.iter().position(|group| *group == "zz");
    let text = match gap {
        Some(gap) => {
            let (before, after) = groups.split_at(gap);
            format!("{}::{}", before.join(":"), after.get(1..)?.join(":"))
        }
        None => groups.join(":"),
    };
    let address: Ipv6Addr = text.parse().ok()?;
    (prefix <= 128).then_some((address.into(), prefix))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::words, *};

    fn read(zone: &str) -> Vec<String> {
        let mut state = Zone::default();
        let mut all = Vec::new();
        for line in zone.lines() {
            state.line(line, &mut |found| all.push(words(&found)));
        }
        all
    }

    #[test]
    fn triggers_and_actions_mean_what_a_resolver_makes_of_them() {
        for (record, found) in [
            ("blocked.example CNAME .", "listed blocked.example Itself"),
            ("*.blocked.example 300 IN CNAME .", "listed blocked.example Below"),
            ("nodata.example IN 300 cname *.", "listed nodata.example Itself"),
            ("drop.example CNAME rpz-drop.", "listed drop.example Itself"),
            ("ok.example CNAME rpz-passthru.", "excepted ok.example Itself"),
            ("OK.example CNAME ok.example.", "excepted ok.example Itself"),
            ("tcp.example CNAME rpz-tcp-only.", "ignored"),
            ("www.example CNAME safe.example.", "ignored"),
            ("walled.example A 192.0.2.1", "ignored"),
            ("24.0.2.0.192.rpz-ip CNAME .", "listed 192.0.2.0/24"),
            ("48.zz.101.db8.2001.rpz-ip CNAME .", "listed 2001:db8:101::/48"),
            ("128.1.zz.db8.2001.rpz-ip CNAME rpz-passthru.", "excepted 2001:db8::1/128"),
            ("33.0.2.0.192.rpz-ip CNAME .", "bad"),
            ("32.5.0.0.10.rpz-client-ip CNAME .", "ignored"),
            ("ns.example.rpz-nsdname CNAME .", "ignored"),
            ("a..b CNAME .", "bad"),
            ("a.example", "bad"),
            ("a.example NONSENSE x", "bad"),
        ] {
            assert_eq!(read(record), [found], "{record}");
        }
    }

    #[test]
    fn a_zone_file_is_read_with_its_heads_and_comments() {
        let zone = "$TTL 300\n@ IN SOA localhost. host.localhost. (\n 1 ; serial\n 3600 600\n \
                    86400 300 )\n@ NS localhost.\n; a comment\n\na.example CNAME . ; why\n\
                    \tTXT \"; no comment (\"\nb.example CNAME .\n";
        let expected = ["listed a.example Itself", "ignored", "listed b.example Itself"];
        assert_eq!(read(zone), expected);
    }

    #[test]
    fn absolute_names_lose_the_name_of_the_zone() {
        let zone = "rpz.example. SOA . . 1 1 1 1 1\na.test.rpz.example. CNAME .\n\
                    b.test.other. CNAME .\n$ORIGIN test.rpz.example.\nc CNAME .\n\
                    $ORIGIN elsewhere.\n";
        let expected = ["listed a.test Itself", "bad", "listed c.test Itself", "bad"];
        assert_eq!(read(zone), expected);
    }
}
