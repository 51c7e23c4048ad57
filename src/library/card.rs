//! A book as lists show it: title, cover, and whether it can be read now.

use jiff::Timestamp;

use super::{arrival, shelf::Book, words::Speech};
use crate::{
    access::{Reader, Right, ends},
    mirror::Progress,
};

/// A book in a list.
#[derive(Debug)]
pub struct Card {
    /// Last part of its address.
    pub slug: String,
    /// Title.
    pub title: String,
    /// Publisher, or nothing.
    pub publisher: String,
    /// What stands in the place of a cover.
    pub initials: String,
    /// Subjects, as people read them.
    pub subjects: String,
    /// Address of its cover.
    pub cover: Option<String>,
    /// Name of the package that the reader opens, or nothing.
    pub blob: String,
    /// Until when it is lent, in a few words.
    pub until: Option<String>,
    /// Can it be read?
    pub state: State,
}

/// Whether a book can be read, in a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Style class: `here`, `wait` or `off`.
    pub class: &'static str,
    /// The word.
    pub text: String,
    /// Why, in a sentence, when it cannot be read.
    pub explain: Option<String>,
}

impl Card {
    /// Shows a book to a reader who has this right to it.
    pub fn of(
        book: &Book,
        right: Right,
        reader: Reader<'_>,
        progress: &Progress,
        say: &Speech<'_>,
        now: Timestamp,
    ) -> Self {
        let lent = book.main().filter(|_| right.is_lent());
        Self {
            slug: book.slug.clone(),
            title: book.holding.title.clone(),
            publisher: book.holding.publisher.clone().unwrap_or_default(),
            subjects: book.holding.subjects.join(", "),
            initials: initials(&book.holding.title),
            cover: lent.map(|package| format!("/p/{}/cover", package.blob)),
            blob: lent.map(|package| package.blob.to_string()).unwrap_or_default(),
            until: lent
                .and_then(|_| ends(reader, &book.holding, now))
                .map(|end| say.say_with("card-until", "date", say.day(end)).into_owned()),
            state: State::of(book, right, progress, say),
        }
    }
}

impl State {
    fn of(book: &Book, right: Right, progress: &Progress, say: &Speech<'_>) -> Self {
        let dated = |name: &str, class, date: Timestamp| {
            let text = |kind: &str| {
                say.say_with(&format!("{kind}-{name}"), "date", say.day(date)).into_owned()
            };
            Self { class, text: text("state"), explain: Some(text("explain")) }
        };
        match right {
            Right::Granted => Self::of_copy(book, progress, say),
            Right::From(date) => dated("soon", "wait", date),
            Right::Expired(date) => dated("expired", "off", date),
            Right::NotForRole => Self::plain("others", "off", say),
            Right::NoLicence => Self::plain("unassigned", "off", say),
            Right::ListTooOld(Some(date)) => dated("list-old", "off", date),
            Right::ListTooOld(None) => Self::plain("list-unknown", "off", say),
            Right::OtherSchool => Self::plain("other-school", "off", say),
            Right::SignIn => Self::plain("sign-in", "off", say),
            Right::Withdrawn => Self::plain("withdrawn", "off", say),
        }
    }

    fn of_copy(book: &Book, progress: &Progress, say: &Speech<'_>) -> Self {
        if !book.packages.is_empty() {
            let text = say.say("state-here").into_owned();
            return Self { class: "here", text, explain: None };
        }
        let id = book.holding.id.as_str();
        let ready = || {
            let minutes = arrival::minutes(progress, id)?;
            Some(say.say_with("explain-ready-in", "minutes", minutes).into_owned())
        };
        if let Some(coming) = progress.active.iter().find(|t| t.holding == id) {
            let percent = coming.total.filter(|t| *t > 0).map_or(0, |t| coming.done * 100 / t);
            let text = say.say_with("state-coming", "percent", percent).into_owned();
            let explain = ready().unwrap_or_else(|| say.say("explain-coming").into_owned());
            return Self { class: "wait", text, explain: Some(explain) };
        }
        if book.holding.offers.is_empty() {
            return Self::plain("online", "off", say);
        }
        let mut queued = Self::plain("queued", "wait", say);
        if progress.failed.iter().any(|f| f.holding == id) {
            queued.explain = Some(say.say("explain-failed").into_owned());
        } else if let Some(text) = ready() {
            queued.explain = Some(text);
        }
        queued
    }

    fn plain(name: &str, class: &'static str, say: &Speech<'_>) -> Self {
        let text = say.say(&format!("state-{name}")).into_owned();
        Self { class, text, explain: Some(say.say(&format!("explain-{name}")).into_owned()) }
    }
}

/// First letters of the first two words that are words.
fn initials(title: &str) -> String {
    title
        .split_whitespace()
        .filter_map(|word| word.chars().next().filter(|c| c.is_alphanumeric()))
        .take(2)
        .flat_map(char::to_uppercase)
        .collect()
}
