//! Sets of spans of time: sorted, apart from one another, none of them empty. Pure.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// From a moment, included, to another, excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Span {
    /// First moment inside.
    pub from: Timestamp,
    /// First moment outside.
    pub to: Timestamp,
}

/// A set of moments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans(Vec<Span>);

impl Spans {
    /// Of spans in any order that may overlap, or be none.
    pub fn of(spans: impl IntoIterator<Item = Span>) -> Self {
        let mut all: Vec<Span> = spans.into_iter().filter(|one| one.from < one.to).collect();
        all.sort_unstable();
        let mut merged: Vec<Span> = Vec::with_capacity(all.len());
        for one in all {
            match merged.last_mut() {
                Some(last) if one.from <= last.to => last.to = last.to.max(one.to),
                _ => merged.push(one),
            }
        }
        Self(merged)
    }

    /// What is in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(one), Some(two)) = (left.peek(), right.peek()) {
            let span = Span { from: one.from.max(two.from), to: one.to.min(two.to) };
            if span.from < span.to {
                both.push(span);
            }
            if one.to <= two.to {
                left.next();
            } else {
                right.next();
            }
        }
        Self(both)
    }

    /// How long they are together.
    pub fn length(&self) -> SignedDuration {
        self.0.iter().fold(SignedDuration::ZERO, |sum, one| sum + one.to.duration_since(one.from))
    }

    /// The spans, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Span> {
        self.0.iter()
    }
}
