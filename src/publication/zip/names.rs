//! Names of entries: decoded, held to the rules, in the one spelling paths are compared in.

use std::borrow::Cow;

use super::{
    super::path,
    rules::{MAX_NAME_BYTES, ZipError},
};

/// Bytes of a refused name that its error shows.
const SHOWN_BYTES: usize = 80;

/// Names that are not UTF-8 are in the code page of the first IBM PC (APPNOTE appendix D).
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// A name as text.
pub(super) fn decode(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => raw
            .iter()
            .map(|byte| match byte {
                0..0x80 => char::from(*byte),
                high => CODE_PAGE_437.chars().nth(usize::from(*high) - 0x80).unwrap_or('\u{fffd}'),
            })
            .collect(),
    }
}

/// The path that a name stands for, if it keeps every rule. Empty for a folder's own entry at the
/// top (`./`).
pub(super) fn checked(raw: &[u8], record: u64) -> Result<String, ZipError> {
    if raw.is_empty() {
        return Err(ZipError::EmptyName { record });
    }
    if raw.len() > MAX_NAME_BYTES {
        let start = String::from_utf8_lossy(raw.get(..SHOWN_BYTES).unwrap_or_default());
        return Err(ZipError::NameTooLong { entry: start.into_owned(), bytes: raw.len() });
    }
    let name = decode(raw);
    let refused = |rule: fn(String) -> ZipError| Err(rule(name.to_string()));
    if name.contains('\0') {
        return refused(ZipError::NulInName);
    }
    if name.contains('\\') {
        return refused(ZipError::Backslash);
    }
    if name.starts_with('/') {
        return refused(ZipError::AbsoluteName);
    }
    let mut chars = name.chars();
    if let (Some(letter), Some(':')) = (chars.next(), chars.next())
        && letter.is_ascii_alphabetic()
    {
        return refused(ZipError::DriveName);
    }
    if name.split('/').any(|segment| segment == "..") {
        return refused(ZipError::ParentInName);
    }
    path::normalise(&name).ok_or_else(|| ZipError::ParentInName(name.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_names_are_read_in_their_code_page() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        assert_eq!(decode(b"\x82t\x82.html"), "été.html");
        assert_eq!(decode("été.html".as_bytes()), "été.html");
    }

    #[test]
    fn each_rule_of_names_is_named() {
        let rule = |name: &[u8]| checked(name, 3).unwrap_err().to_string();
        assert!(rule(b"a/../b").contains("'..'"));
        assert!(rule(b"..").contains("'..'"));
        assert!(rule(b"/etc/passwd").contains("absolute"));
        assert!(rule(b"..\\x").contains("backslash"));
        assert!(rule(b"C:x").contains("drive"));
        assert!(rule(b"a\0b").contains("NUL"));
        assert!(rule(b"").contains("record 3"));
        assert!(rule(&[b'a'; 2000]).contains("2000 bytes"));
        assert_eq!(checked(b"./a//b..c/...", 0).unwrap(), "a/b..c/...");
    }
}
