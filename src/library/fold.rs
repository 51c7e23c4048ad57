//! Words as a reader types them and as books write them, brought to one form.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

/// Longest text looked at.
const MAX_TEXT_CHARS: usize = 4096;

/// Lower case, without accents or ligatures: *Œuvres d'été* is `oeuvres d'ete`.
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().take(MAX_TEXT_CHARS).filter(|c| !is_combining_mark(*c)) {
        match c {
            'œ' | 'Œ' => folded.push_str("oe"),
            'æ' | 'Æ' => folded.push_str("ae"),
            'ß' => folded.push_str("ss"),
            c => folded.extend(c.to_lowercase()),
        }
    }
    folded
}

/// The words of a text, folded: runs of letters and digits.
pub fn words(text: &str) -> Vec<String> {
    fold(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A piece of an address made of a text: its folded words with hyphens, cut at a word.
pub fn slug(text: &str, longest: usize) -> String {
    let mut slug = String::new();
    for word in words(text).iter().filter(|w| w.is_ascii()) {
        if slug.len() + 1 + word.len() > longest {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_case_and_ligatures_do_not_matter() {
        assert_eq!(words("L'Œuvre d’ÉTÉ, 2ᵉ éd."), ["l", "oeuvre", "d", "ete", "2e", "ed"]);
        assert_eq!(slug("Français 2de – Lettres & Œuvres", 20), "francais-2de-lettres");
        assert_eq!(slug("数学", 20), "");
    }
}
