//! Foreign words made fit to keep: bounded, plain, and folded where they are compared.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Characters kept of a title, a name or a subject.
pub(super) const MAX_NAME_CHARS: usize = 500;
/// Characters kept of a description.
pub(super) const MAX_DESCRIPTION_CHARS: usize = 8_000;
/// Bytes of a foreign description that are looked at, markup and all.
const MAX_MARKUP_BYTES: usize = 128 * 1024;
/// Longest tag taken for one; past that it is text.
const MAX_TAG_BYTES: usize = 4096;
/// Lines kept of what was refused.
const MAX_NOTES: usize = 200;
/// Characters kept of one such line.
const MAX_NOTE_CHARS: usize = 300;

/// One line, spaces made single, at most `most` characters; nothing when nothing is left.
pub(super) fn line(text: &str, most: usize) -> Option<String> {
    let mut clean = String::new();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    for word in words.filter(|word| !word.is_empty()) {
        if !clean.is_empty() {
            clean.push(' ');
        }
        clean.push_str(word);
        if clean.len() > most * 4 {
            break;
        }
    }
    let clean = match clean.char_indices().nth(most) {
        Some((cut, _)) => clean.get(..cut).unwrap_or_default().trim_end().to_owned(),
        None => clean,
    };
    (!clean.is_empty()).then_some(clean)
}

/// A description as plain text: feeds write it in HTML as often as not.
pub(super) fn plain(text: &str) -> Option<String> {
    let mut bare = String::with_capacity(text.len().min(MAX_DESCRIPTION_CHARS * 4));
    let mut rest = text.get(..text.floor_char_boundary(MAX_MARKUP_BYTES)).unwrap_or_default();
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        bare.push_str(before);
        let named = tag.chars().nth(1).is_some_and(|c| c.is_ascii_alphabetic() || c == '/');
        // A text of opening marks alone must not be searched to its end for each.
        let near = tag.get(..tag.floor_char_boundary(MAX_TAG_BYTES)).unwrap_or_default();
        match near.find('>') {
            Some(close) if named => {
                bare.push(' ');
                rest = tag.get(close + 1..).unwrap_or_default();
            }
            _ => {
                bare.push('<');
                rest = tag.get(1..).unwrap_or_default();
            }
        }
        if bare.len() > MAX_DESCRIPTION_CHARS * 4 {
            break;
        }
    }
    bare.push_str(rest);
    let entities =
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'")];
    let unescaped = entities.iter().fold(bare, |text, (from, to)| text.replace(from, to));
    line(&unescaped.replace("&amp;", "&"), MAX_DESCRIPTION_CHARS)
}

/// Letters to compare by: no accents, no case, ligatures written out.
pub(super) fn fold(text: &str) -> String {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).fold(
        String::with_capacity(text.len()),
        |mut folded, c| {
            match c {
                'œ' => folded.push_str("oe"),
                'æ' => folded.push_str("ae"),
                '’' => folded.push('\''),
                _ => folded.push(c),
            }
            folded
        },
    )
}

/// Is it a file's name with one of these extensions (without their dot)?
pub(super) fn has_extension(name: &str, extensions: &[&str]) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, own)| extensions.iter().any(|known| own.eq_ignore_ascii_case(known)))
}

/// What was left out and why: bounded, however much that is.
#[derive(Debug, Default)]
pub(super) struct Notes {
    lines: Vec<String>,
    more: usize,
}

impl Notes {
    /// One more thing left out.
    pub(super) fn add(&mut self, note: &str) {
        if self.lines.len() >= MAX_NOTES {
            self.more += 1;
        } else if let Some(note) = line(note, MAX_NOTE_CHARS) {
            self.lines.push(note);
        }
    }

    /// Another list's lines.
    pub(super) fn extend(&mut self, notes: impl IntoIterator<Item = String>) {
        notes.into_iter().for_each(|note| self.add(&note));
    }

    /// The lines, and how many more there were.
    pub(super) fn into_lines(mut self) -> Vec<String> {
        if self.more > 0 {
            self.lines.push(format!("… and {} more", self.more));
        }
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_description_loses_its_markup_and_nothing_else() {
        assert_eq!(
            plain("<p>Si a < b, <em>alors</em>\n b&nbsp;&gt; a &amp; c</p>").unwrap(),
            "Si a < b, alors b > a & c"
        );
        assert_eq!(plain("<br/> "), None);
    }

    #[test]
    fn a_description_of_opening_marks_costs_no_more_than_its_length() {
        let begun = std::time::Instant::now();
        for text in ["<a", "<", "é<b ", "&lt;<"] {
            assert!(plain(&text.repeat(8 << 20)).is_some());
        }
        let taken = begun.elapsed();
        assert!(taken < std::time::Duration::from_secs(5), "{taken:?}");
    }

    #[test]
    fn titles_are_compared_without_accents_or_case() {
        assert_eq!(fold("Éléments d’Œuvres"), "elements d'oeuvres");
    }

    #[test]
    fn what_was_left_out_is_counted_past_its_bound() {
        let mut notes = Notes::default();
        notes.extend((0..MAX_NOTES + 3).map(|n| format!("line {n}")));
        let lines = notes.into_lines();
        assert_eq!(lines.len(), MAX_NOTES + 1);
        assert_eq!(lines.last().unwrap(), "… and 3 more");
    }

    proptest! {
        #[test]
        fn a_line_is_never_longer_than_asked(text in "\\PC{0,80}", most in 1..20_usize) {
            if let Some(line) = line(&text, most) {
                prop_assert!(line.chars().count() <= most);
            }
            let _ = plain(&text);
        }
    }
}
