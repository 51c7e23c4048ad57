//! The interface's words, French first, English second; dates and sizes as each writes them.

use std::borrow::Cow;

use fluent_bundle::{FluentArgs, FluentResource, FluentValue, concurrent::FluentBundle};
use http::{HeaderMap, header::ACCEPT_LANGUAGE, header::COOKIE};
use jiff::{Timestamp, tz::TimeZone};

const FRENCH: &str = include_str!("words/fr.ftl");
const ENGLISH: &str = include_str!("words/en.ftl");
/// Name of the cookie, and of the query parameter, that chooses a language.
pub const LANGUAGE_KEY: &str = "lang";

/// A language of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// *Français*
    #[default]
    French,
    /// English
    English,
}

impl Language {
    /// Its BCP 47 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::French => "fr",
            Self::English => "en",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::French => Self::English,
            Self::English => Self::French,
        }
    }

    /// The language of a code, if it is one of ours.
    pub fn of_code(code: &str) -> Option<Self> {
        [Self::French, Self::English].into_iter().find(|l| l.code() == code)
    }

    /// What a request wants: its cookie, else its `Accept-Language` (the first of our two, as
    /// browsers list them by preference), else French.
    pub fn wanted(headers: &HeaderMap) -> Self {
        let texts = |name| headers.get_all(name).iter().filter_map(|v| v.to_str().ok());
        let chosen = texts(COOKIE)
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find(|(name, _)| *name == LANGUAGE_KEY)
            .and_then(|(_, code)| Self::of_code(code));
        let listed = || {
            texts(ACCEPT_LANGUAGE).flat_map(|list| list.split(',')).find_map(|language| {
                Self::of_code(language.trim().split(['-', ';']).next().unwrap_or_default())
            })
        };
        chosen.or_else(listed).unwrap_or_default()
    }
}

/// The words of both languages.
pub struct Words {
    french: FluentBundle<FluentResource>,
    english: FluentBundle<FluentResource>,
    zone: TimeZone,
}

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words")
    }
}

impl Words {
    /// Reads the words built into the program; `zone` is the school's.
    pub fn new(zone: TimeZone) -> Self {
        Self::of(FRENCH, ENGLISH, zone)
    }

    /// Reads another room's words, in Fluent's syntax.
    pub fn of(french: &str, english: &str, zone: TimeZone) -> Self {
        Self { french: bundle(french, "fr"), english: bundle(english, "en"), zone }
    }

    /// Speaks one language.
    pub fn speak(&self, language: Language) -> Speech<'_> {
        Speech { words: self, language }
    }
}

fn bundle(text: &str, code: &str) -> FluentBundle<FluentResource> {
    let locales = code.parse().into_iter().collect();
    let mut bundle = FluentBundle::new_concurrent(locales);
    bundle.set_use_isolating(false);
    // What could be read of a damaged text is better than nothing; a test reads both whole.
    let resource = FluentResource::try_new(text.to_owned()).unwrap_or_else(|(read, _)| read);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The messages whose names begin so.
pub fn ids_of(prefix: &str) -> impl Iterator<Item = &'static str> {
    let ids = FRENCH.lines().filter_map(|line| line.split_once(" =")).map(|(id, _)| id);
    ids.filter(move |id| id.starts_with(prefix))
}

/// Words of one language, for one page.
#[derive(Debug, Clone, Copy)]
pub struct Speech<'a> {
    words: &'a Words,
    language: Language,
}

impl<'a> Speech<'a> {
    /// Which language it is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// A message without anything in it.
    pub fn say(&self, id: &str) -> Cow<'a, str> {
        self.format(id, None)
    }

    /// A message with one value.
    pub fn say_with(&self, id: &str, key: &str, value: impl Into<FluentValue<'a>>) -> Cow<'a, str> {
        let mut values = FluentArgs::new();
        values.set(key.to_owned(), value);
        self.format(id, Some(&values))
    }

    /// A message with two values.
    pub fn say_with_two(
        &self,
        id: &str,
        first: (&str, FluentValue<'a>),
        second: (&str, FluentValue<'a>),
    ) -> Cow<'a, str> {
        let mut values = FluentArgs::new();
        values.set(first.0.to_owned(), first.1);
        values.set(second.0.to_owned(), second.1);
        self.format(id, Some(&values))
    }

    /// A message whose values a script will put in: each stands there as `{name}`.
    pub fn template(&self, id: &str, values: &[&'static str]) -> Cow<'a, str> {
        let mut placeholders = FluentArgs::new();
        for name in values {
            placeholders.set(*name, format!("{{{name}}}"));
        }
        self.format(id, Some(&placeholders))
    }

    fn format(&self, id: &str, values: Option<&FluentArgs<'_>>) -> Cow<'a, str> {
        let bundle = match self.language {
            Language::French => &self.words.french,
            Language::English => &self.words.english,
        };
        let Some(pattern) = bundle.get_message(id).and_then(|m| m.value()) else {
            return Cow::Owned(id.to_owned());
        };
        Cow::Owned(bundle.format_pattern(pattern, values, &mut Vec::new()).into_owned())
    }

    /// A day, as this language writes it.
    pub fn day(&self, moment: Timestamp) -> String {
        let form = if self.language == Language::French { "%d/%m/%Y" } else { "%-d %B %Y" };
        moment.to_zoned_datetime(self.words.zone.clone()).strftime(form).to_string()
    }

    /// A day of the calendar, with its name: `lundi 4 mai 2026`.
    pub fn civil_day(&self, date: jiff::civil::Date) -> String {
        let day = self.say(&date.strftime("weekday-%u").to_string());
        let month = self.say(&date.strftime("month-%-m").to_string());
        format!("{day} {} {month} {}", date.day(), date.year())
    }

    /// A day and an hour.
    pub fn moment(&self, moment: Timestamp) -> String {
        let form = if self.language == Language::French {
            "%d/%m/%Y à %H:%M"
        } else {
            "%-d %B %Y, %H:%M"
        };
        moment.to_zoned_datetime(self.words.zone.clone()).strftime(form).to_string()
    }

    /// A number of bytes: `12,3 Mo` or `12.3 MB`.
    pub fn size(&self, bytes: u64) -> String {
        let (units, mark) = match self.language {
            Language::French => (["o", "ko", "Mo", "Go"], ','),
            Language::English => (["B", "kB", "MB", "GB"], '.'),
        };
        let mut unit = 0;
        let (mut whole, mut tenth) = (bytes, 0);
        while whole >= 1000 && unit < units.len() - 1 {
            tenth = whole % 1000 / 100;
            whole /= 1000;
            unit += 1;
        }
        // A tenth says nothing beside three digits.
        if unit == 0 || whole >= 100 {
            format!("{whole}\u{a0}{}", units[unit])
        } else {
            format!("{whole}{mark}{tenth}\u{a0}{}", units[unit])
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use http::HeaderValue;

    use super::*;

    fn ids(text: &str) -> BTreeSet<&str> {
        assert!(FluentResource::try_new(text.to_owned()).is_ok());
        text.lines().filter_map(|line| line.split_once(" =")).map(|(id, _)| id.trim()).collect()
    }

    #[test]
    fn both_languages_say_the_same_things() {
        assert_eq!(ids(FRENCH), ids(ENGLISH));
    }

    #[test]
    fn numbers_and_sizes_are_written_as_each_language_does() {
        let words = Words::new(TimeZone::UTC);
        let (fr, en) = (words.speak(Language::French), words.speak(Language::English));
        assert_eq!(fr.say_with("shelf-count", "count", 1), "1 manuel");
        assert_eq!(fr.say_with("shelf-count", "count", 3), "3 manuels");
        assert_eq!(en.say_with("shelf-count", "count", 0), "No textbook yet");
        assert_eq!(fr.size(12_345_678), "12,3\u{a0}Mo");
        assert_eq!(en.size(999), "999\u{a0}B");
        assert_eq!(en.size(345_000_000), "345\u{a0}MB");
        assert_eq!(fr.day(Timestamp::UNIX_EPOCH), "01/01/1970");
    }

    #[test]
    fn the_cookie_decides_then_the_browser_then_french() {
        let with = |fields: &[(http::HeaderName, &'static str)]| {
            let fields = fields.iter().map(|(n, v)| (n.clone(), HeaderValue::from_static(v)));
            Language::wanted(&fields.collect())
        };
        assert_eq!(with(&[]), Language::French);
        assert_eq!(with(&[(ACCEPT_LANGUAGE, "de, en-GB;q=0.8, fr;q=0.5")]), Language::English);
        assert_eq!(with(&[(ACCEPT_LANGUAGE, "en"), (COOKIE, "a=b; lang=fr")]), Language::French);
        assert_eq!(with(&[(COOKIE, "lang=xx")]), Language::French);
    }
}
