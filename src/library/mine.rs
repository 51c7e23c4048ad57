//! Which books are a person's own: given to them by name, or made for the level of their class.
//! Pure.

use super::{fold, shelf::Book};
use crate::access::{Assigned, Session};

/// Is it one of this person's own books? Whether it may be read now is another question.
pub fn is_mine(book: &Book, session: &Session) -> bool {
    match &*session.assigned {
        Assigned::Known { names, .. } => book.holding.names().any(|name| names.contains(name)),
        Assigned::ByRole | Assigned::Unknown => {
            let classes = session.person.classes.iter().filter_map(|class| year_of_class(class));
            let levels = &book.holding.levels;
            book.holding.manual && classes.into_iter().any(|year| is_for(levels, year))
        }
    }
}

/// A year of school, by the number of years before its end: *terminale* is 0, *seconde* 2.
type Year = u8;

const NAMES: [(&str, Year); 7] = [
    ("terminale", 0),
    ("premiere", 1),
    ("seconde", 2),
    ("troisieme", 3),
    ("quatrieme", 4),
    ("cinquieme", 5),
    ("sixieme", 6),
];

/// The year of a class, from the ways schools write it: `2DE3`, `201`, `1G2`, `TG1`, `Term. 4`.
fn year_of_class(class: &str) -> Option<Year> {
    let folded = fold::fold(class);
    let first = folded.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty())?;
    if let Some((_, year)) = NAMES.iter().find(|(name, _)| first.starts_with(name)) {
        return Some(*year);
    }
    match first.chars().next()? {
        't' => Some(0),
        digit @ '1'..='6' => u8::try_from(digit.to_digit(10)?).ok(),
        _ => None,
    }
}

/// Does one of these levels name this year? `2de générale`, `Classe de seconde`, `1re`, `Tle`.
fn is_for(levels: &[String], year: Year) -> bool {
    levels.iter().flat_map(|level| fold::words(level)).any(|word| {
        let ordinal = || {
            let (digit, rest) = word.split_at_checked(1)?;
            let ending = matches!(rest, "re" | "ere" | "de" | "nde" | "e" | "eme" | "ieme");
            ending.then(|| digit.parse().ok()).flatten()
        };
        let named = NAMES.iter().find(|(name, _)| word.starts_with(name)).map(|(_, year)| *year);
        let short = (word == "tle" || word == "term").then_some(0);
        named.or(short).or_else(ordinal) == Some(year)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_told_however_a_school_writes_them() {
        for (class, year) in [
            ("2DE3", Some(2)),
            ("2nde 4", Some(2)),
            ("201", Some(2)),
            ("Seconde B", Some(2)),
            ("1G2", Some(1)),
            ("1ère STMG", Some(1)),
            ("Première 5", Some(1)),
            ("TG1", Some(0)),
            ("Term. 4", Some(0)),
            ("6EME2", Some(6)),
            ("BTS SIO", None),
            ("", None),
        ] {
            assert_eq!(year_of_class(class), year, "{class}");
        }
    }

    #[test]
    fn a_level_is_for_its_year_and_no_other() {
        let levels = |text: &str| vec![text.to_owned()];
        for (text, year) in
            [("2de générale", 2), ("Classe de seconde", 2), ("1re", 1), ("Tle", 0), ("6e", 6)]
        {
            assert!(is_for(&levels(text), year), "{text}");
            assert!(!is_for(&levels(text), year + 1), "{text}");
        }
        assert!(!is_for(&levels("lycée 2026"), 2));
        assert!(!is_for(&[], 2));
    }
}
