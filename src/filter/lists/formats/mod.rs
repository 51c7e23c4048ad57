//! The formats in which lists come, read line by line.
//!
//! A line gives rules, or is wrong, or says what a filter of hosts and URLs cannot do: the last two
//! are counted, the first of them kept to be shown, and none stops a load. Lines and files are
//! bounded.

pub mod adguard;
pub mod domains;
pub mod hosts;
pub mod rpz;
mod source;
#[cfg(test)]
mod testing;
pub mod ut1;

use std::{
    fmt,
    io::{self, BufRead},
};

pub use self::source::{Format, Notes, Progress, Source, SourceError};
use super::{
    Builder,
    build::{BadRule, Rule},
};
use crate::filter::{category::Category, host::BadHost};

/// Bytes of the longest line; what is longer is one bad line.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// What a line gives. One may give several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// A rule that lists something.
    Listed(Rule<'a>),
    /// A rule that takes something out.
    Excepted(Rule<'a>),
    /// The line is wrong.
    Bad(Why),
    /// The line is right, and of no use here.
    Ignored(&'static str),
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It names no host.
    #[error(transparent)]
    Host(#[from] BadHost),
    /// Its rule cannot be used.
    #[error(transparent)]
    Rule(#[from] BadRule),
    /// Longer than any.
    #[error("the line is longer than {MAX_LINE_BYTES} bytes")]
    LongLine,
    /// Bytes that are no text.
    #[error("the line is not UTF-8")]
    NotText,
    /// Anything else.
    #[error("{0}")]
    Other(&'static str),
}

/// How lines of one file are read.
#[derive(Debug)]
pub enum Reader {
    /// UT1 `domains`.
    Ut1Domains,
    /// UT1 `urls`.
    Ut1Urls,
    /// UT1 `expressions`.
    Ut1Expressions,
    /// Hosts file.
    Hosts,
    /// One name a line.
    Domains,
    /// AdGuard.
    AdGuard,
    /// A response policy zone.
    Rpz(rpz::Zone),
}

impl Reader {
    /// Reads one line, without its end.
    pub fn line(&mut self, line: &str, each: &mut dyn FnMut(Found<'_>)) {
        match self {
            Self::Ut1Domains => ut1::domain(line, each),
            Self::Ut1Urls => ut1::url(line, each),
            Self::Ut1Expressions => ut1::expression(line, each),
            Self::Hosts => hosts::line(line, each),
            Self::Domains => domains::line(line, each),
            Self::AdGuard => adguard::line(line, each),
            Self::Rpz(zone) => zone.line(line, each),
        }
    }
}

/// Puts the lines of one list into a builder; it may come in parts that are cut anywhere.
#[derive(Debug)]
pub struct Feed {
    reader: Reader,
    category: Category,
    line: u64,
    /// The beginning of a line whose end has not come.
    begun: Vec<u8>,
    too_long: bool,
}

impl Feed {
    /// Of a list of `category`.
    pub fn new(reader: Reader, category: Category) -> Self {
        Self { reader, category, line: 0, begun: Vec::new(), too_long: false }
    }

    /// Reads a part to its end.
    ///
    /// # Errors
    /// The input fails; what was read stays.
    pub fn part(
        &mut self,
        mut input: impl BufRead,
        builder: &mut Builder,
        read: &mut dyn FnMut(u64),
    ) -> io::Result<()> {
        loop {
            let bytes = match input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            if bytes.is_empty() {
                return Ok(());
            }
            let length = bytes.len();
            let mut lines = bytes.split(|byte| *byte == b'\n');
            let rest = lines.next_back().unwrap_or_default();
            for line in lines {
                self.end_line(line, builder);
            }
            self.begin(rest);
            input.consume(length);
            read(length as u64);
        }
    }

    /// The last line may have no end.
    pub fn end(mut self, builder: &mut Builder) {
        if !self.begun.is_empty() || self.too_long {
            self.end_line(b"", builder);
        }
    }

    fn begin(&mut self, bytes: &[u8]) {
        if self.begun.len() + bytes.len() > MAX_LINE_BYTES {
            self.too_long = true;
        } else {
            self.begun.extend_from_slice(bytes);
        }
    }

    fn end_line(&mut self, end: &[u8], builder: &mut Builder) {
        self.line += 1;
        if !self.begun.is_empty() || self.too_long || end.len() > MAX_LINE_BYTES {
            self.begin(end);
            let line = std::mem::take(&mut self.begun);
            self.take_line(&line, builder);
            self.too_long = false;
        } else {
            self.take_line(end, builder);
        }
    }

    fn take_line(&mut self, bytes: &[u8], builder: &mut Builder) {
        let Self { reader, category, line, too_long, .. } = self;
        if *too_long {
            return bad(builder, *category, *line, bytes, &Why::LongLine);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            return bad(builder, *category, *line, bytes, &Why::NotText);
        };
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = if *line == 1 { text.trim_start_matches('\u{feff}') } else { text };
        reader.line(text, &mut |found| match found {
            Found::Listed(rule) => add(builder, *category, *line, bytes, &rule, false),
            Found::Excepted(rule) => add(builder, *category, *line, bytes, &rule, true),
            Found::Bad(why) => bad(builder, *category, *line, bytes, &why),
            Found::Ignored(why) => {
                if let Some(about) = builder.about(*category) {
                    about.ignored(*line, bytes, &why);
                }
            }
        });
    }
}

fn add(
    builder: &mut Builder,
    category: Category,
    line: u64,
    text: &[u8],
    rule: &Rule<'_>,
    excepted: bool,
) {
    if let Err(why) = builder.add(category, rule, excepted) {
        bad(builder, category, line, text, &why);
    }
}

fn bad(builder: &mut Builder, category: Category, line: u64, text: &[u8], why: &dyn fmt::Display) {
    if let Some(about) = builder.about(category) {
        about.bad(line, text, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a list gives, cut into parts at every place in turn.
    fn fed(bytes: &[u8], cut: usize) -> super::super::About {
        let mut builder = Builder::default();
        let category = builder.category("c").unwrap();
        let mut feed = Feed::new(Reader::Ut1Domains, category);
        let (first, second) = bytes.split_at(cut);
        for part in [first, second] {
            feed.part(io::BufReader::with_capacity(7, part), &mut builder, &mut |_| ()).unwrap();
        }
        feed.end(&mut builder);
        builder.about(category).unwrap().clone()
    }

    #[test]
    fn a_list_cut_into_parts_anywhere_is_the_same_list() {
        let list = b"\xef\xbb\xbfone.example\r\n\n# a comment\nbad name\nthree.example\n1.2.3.4";
        let whole = fed(list, 0);
        assert_eq!((whole.rules.names, whole.rules.addresses, whole.bad), (2, 1, 1));
        assert_eq!(whole.samples[0].line, 4);
        for cut in 0..list.len() {
            assert_eq!(fed(list, cut), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_without_end_takes_no_memory_and_is_one_bad_line() {
        let long = [vec![b'a'; 1_000_000], b"\nb.example\n".to_vec()].concat();
        let about = fed(&long, 500_000);
        assert_eq!((about.bad, about.rules.names), (1, 1));
        assert_eq!(about.samples[0].why, Why::LongLine.to_string());
        assert_eq!(fed(&b"a".repeat(1_000_000), 3).bad, 1);
    }

    #[test]
    fn bytes_that_are_no_text_are_one_bad_line() {
        let about = fed(b"a\xff.example\nb.example\n", 0);
        assert_eq!((about.bad, about.rules.names), (1, 1));
    }
}
