//! What is known of each category: its name, its use, where it came from, what it holds.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Lines that were refused or left out, of which each category keeps some.
const MAX_SAMPLES: usize = 5;
/// Characters kept of such a line.
const MAX_SAMPLE_CHARS: usize = 120;

/// What a category's maker says it is for (UT1 `usage` file).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Nothing is said: the policy decides.
    #[default]
    Unsaid,
    /// To be denied.
    Black,
    /// To be allowed.
    White,
    /// Usually denied, may be allowed.
    BlackOrWhite,
    /// Usually allowed, may be denied.
    WhiteOrBlack,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsaid => "-",
            Self::Black => "black",
            Self::White => "white",
            Self::BlackOrWhite => "black, white",
            Self::WhiteOrBlack => "white, black",
        })
    }
}

/// Rules by kind, as the sources give them: one that stands twice counts twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
pub struct Rules {
    /// Names of hosts.
    pub names: u64,
    /// Addresses and networks.
    pub addresses: u64,
    /// Beginnings of URLs.
    pub urls: u64,
    /// Regular expressions.
    pub expressions: u64,
    /// How many of all these take something out of the category.
    pub exceptions: u64,
}

impl Rules {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.names + self.addresses + self.urls + self.expressions
    }
}

/// A line that gave no rule.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sample {
    /// Its number in its file, from 1.
    pub line: u64,
    /// Its beginning.
    pub text: String,
    /// Why it gave none.
    pub why: String,
}

/// A category of compiled lists.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
pub struct About {
    /// Its name, such as `adult`.
    pub name: String,
    /// Other names of it, such as `porn`.
    pub aliases: Vec<String>,
    /// What it is for.
    pub purpose: Purpose,
    /// Further words of its maker on it.
    pub tags: Vec<String>,
    /// The files it was made of.
    pub sources: Vec<String>,
    /// Its date: when the newest of its files was last changed, or what the caller said.
    pub date: Option<Timestamp>,
    /// What it holds.
    pub rules: Rules,
    /// Lines that are wrong.
    pub bad: u64,
    /// Lines that are right but say what a filter of hosts and URLs cannot do.
    pub ignored: u64,
    /// The first of both.
    pub samples: Vec<Sample>,
}

impl About {
    /// Counts a wrong line.
    pub(super) fn bad(&mut self, line: u64, text: &[u8], why: &dyn fmt::Display) {
        self.bad += 1;
        self.sample(line, text, why);
    }

    /// Counts a line that is left out.
    pub(super) fn ignored(&mut self, line: u64, text: &[u8], why: &dyn fmt::Display) {
        self.ignored += 1;
        self.sample(line, text, why);
    }

    fn sample(&mut self, line: u64, text: &[u8], why: &dyn fmt::Display) {
        if self.samples.len() < MAX_SAMPLES {
            let text: String =
                String::from_utf8_lossy(text).chars().take(MAX_SAMPLE_CHARS).collect();
            let text = text.escape_debug().to_string();
            self.samples.push(Sample { line, text, why: why.to_string() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_line_is_counted_and_the_first_are_kept() {
        let mut about = About::default();
        for line in 1..=1000 {
            about.bad(line, "é\u{1b}".repeat(1000).as_bytes(), &"wrong");
        }
        about.ignored(1001, b"x", &"no use");
        assert_eq!((about.bad, about.ignored), (1000, 1));
        assert_eq!(about.samples.len(), MAX_SAMPLES);
        assert!(about.samples[0].text.len() < 2000);
        assert!(!about.samples[0].text.contains('\u{1b}'));
    }
}
