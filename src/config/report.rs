//! What is wrong with a configuration: where, what was found and what was expected.

use std::{fmt, io, ops::Range, path::PathBuf};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};
use serde::Serialize;

use super::{check::Fault, place::Places};

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read at all.
    #[error("cannot read the settings {}: {source}", path.display())]
    Unreadable {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It cannot be what it is taken for.
    #[error("{} is larger than {most} bytes: this is no preau.toml", path.display())]
    TooLarge {
        /// The file asked for.
        path: PathBuf,
        /// Bytes accepted.
        most: u64,
    },
    /// It was read, and is wrong.
    #[error("{0}")]
    Invalid(Report),
}

impl ConfigError {
    /// The whole report, for a person; with colours for a terminal.
    pub fn render(&self, colours: bool) -> String {
        match self {
            Self::Invalid(report) => report.render(colours),
            other => format!("{other}\n"),
        }
    }

    /// The findings, when the file could be read.
    pub fn findings(&self) -> &[Finding] {
        if let Self::Invalid(report) = self { &report.findings } else { &[] }
    }
}

/// Everything found in one file.
#[derive(Debug)]
pub struct Report {
    source: NamedSource<String>,
    /// In the order they were found.
    pub findings: Vec<Finding>,
}

/// Does it forbid to start?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Yes.
    Error,
    /// No: it is wrong, what it is about does not act, and the rest does.
    Aside,
    /// No.
    Warning,
}

/// One error or warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Error or warning.
    pub severity: Severity,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The key at fault, such as `catalogue.feeds[1].url`; may be empty.
    pub key: String,
    /// What was found.
    pub message: String,
    /// What was expected; may be empty when the message says it.
    pub expected: String,
    #[serde(skip)]
    span: Range<usize>,
}

impl Report {
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self {
            source: NamedSource::new(name, text.to_owned()).with_language("toml"),
            findings: Vec::new(),
        }
    }

    pub(super) fn add(
        &mut self,
        severity: Severity,
        span: Range<usize>,
        key: &str,
        message: String,
        expected: &str,
    ) {
        let text = self.source.inner();
        let start = (0..=span.start.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
        let before = &text[..start.unwrap_or(0)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        self.findings.push(Finding {
            severity,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            key: key.to_owned(),
            message,
            expected: expected.to_owned(),
            span: before.len()..span.end.clamp(before.len(), text.len()),
        });
    }

    /// Takes up what a check found, each fault at its key.
    pub(super) fn add_faults(&mut self, faults: Vec<Fault>, places: &Places) {
        for fault in faults {
            let span = places.span(&fault.key);
            self.add(fault.severity, span, &fault.key, fault.says, fault.expected);
        }
    }

    /// Is there anything that forbids to start?
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Is there anything that does not act?
    pub fn has_set_aside(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Aside)
    }

    /// Each finding with its source line.
    pub fn render(&self, colours: bool) -> String {
        let theme =
            if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
        let mut out = String::new();
        for finding in &self.findings {
            let shown = Shown { source: &self.source, finding };
            if handler.render_report(&mut out, &shown).is_err() {
                out.push_str(&format!("{shown}\n"));
            }
        }
        out
    }
}

/// One line a finding: `preau.toml:3:9: message (expected …)`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, finding) in self.findings.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{}", Shown { source: &self.source, finding })?;
        }
        Ok(())
    }
}

/// A finding with the file it is about, as miette wants it.
#[derive(Debug)]
struct Shown<'a> {
    source: &'a NamedSource<String>,
    finding: &'a Finding,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, column, message, expected, .. } = self.finding;
        write!(f, "{}:{line}:{column}: {message}", self.source.name())?;
        if expected.is_empty() { Ok(()) } else { write!(f, " (expected {expected})") }
    }
}

impl std::error::Error for Shown<'_> {}

impl miette::Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.finding.severity {
            Severity::Error | Severity::Aside => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let Finding { expected, span, .. } = self.finding;
        let label = (!expected.is_empty()).then(|| format!("expected {expected}"));
        let span = LabeledSpan::new_primary_with_span(label, span.clone());
        Some(Box::new(std::iter::once(span)))
    }
}
