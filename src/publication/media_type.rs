//! Media types of resources: from the package when it states a sound one, else from the name.

/// What a file of unknown name is.
pub(super) const UNKNOWN: &str = "application/octet-stream";
/// XHTML.
pub(super) const XHTML: &str = "application/xhtml+xml";
/// PDF.
pub(super) const PDF: &str = "application/pdf";
/// Characters a media type may have; RFC 6838 §4.2 allows 127 for each half.
const MAX_TYPE_CHARS: usize = 100;

/// The media type that a file name's ending stands for.
pub(super) fn by_extension(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let Some((_, extension)) = name.rsplit_once('.') else { return UNKNOWN };
    match extension.to_ascii_lowercase().as_str() {
        "xhtml" | "xht" => XHTML,
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" | "mjs" => "text/javascript",
        "json" | "map" => "application/json",
        "xml" | "xsd" | "dtd" => "application/xml",
        "opf" => "application/oebps-package+xml",
        "ncx" => "application/x-dtbncx+xml",
        "smil" => "application/smil+xml",
        "pls" => "application/pls+xml",
        "txt" => "text/plain",
        "csv" => "text/csv",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "ico" => "image/x-icon",
        "tif" | "tiff" => "image/tiff",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "eot" => "application/vnd.ms-fontobject",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "oga" | "ogg" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "aac" => "audio/aac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "ogv" => "video/ogg",
        "vtt" => "text/vtt",
        "pdf" => PDF,
        "wasm" => "application/wasm",
        "zip" => "application/zip",
        "epub" => "application/epub+zip",
        _ => UNKNOWN,
    }
}

/// A media type as a package states it, lowercase and without parameters; `None` when it is not
/// one, since it will stand in a header of the answer.
pub(super) fn stated(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let (kind, name) = essence.split_once('/')?;
    let token = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c))
    };
    (token(kind) && token(name) && essence.len() <= MAX_TYPE_CHARS).then_some(essence)
}

/// The media type stated for a path, corrected where browsers need another spelling.
pub(super) fn of(path: &str, said: &str) -> String {
    let known = by_extension(path);
    match stated(said).as_deref() {
        None | Some(UNKNOWN) => known.to_owned(),
        // Old names that RFC 9239 and RFC 8081 replaced.
        Some("application/javascript" | "application/x-javascript") => "text/javascript".into(),
        Some(
            "application/vnd.ms-opentype"
            | "application/x-font-opentype"
            | "application/x-font-otf"
            | "application/x-font-ttf"
            | "application/x-font-truetype"
            | "application/font-sfnt"
            | "application/font-woff"
            | "application/x-font-woff",
        ) if known.starts_with("font/") => known.to_owned(),
        Some("image/jpg") => "image/jpeg".into(),
        // An EPUB document parsed as HTML would lose its namespaces.
        Some("text/html") if known == XHTML => XHTML.into(),
        Some(other) => other.to_owned(),
    }
}

/// Is it a document that a reader opens as a page?
pub(super) fn is_page(media_type: &str) -> bool {
    matches!(media_type, XHTML | "text/html" | "image/svg+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_name_their_types() {
        for (path, expected) in [
            ("EPUB/a.xhtml", XHTML),
            ("a.JS", "text/javascript"),
            ("fonts/a.woff2", "font/woff2"),
            ("v.mp4", "video/mp4"),
            ("v.vtt", "text/vtt"),
            ("no-ending", UNKNOWN),
            ("folder.d/no-ending", UNKNOWN),
        ] {
            assert_eq!(by_extension(path), expected, "{path}");
        }
    }

    #[test]
    fn a_stated_type_that_could_break_a_header_is_ignored() {
        assert_eq!(of("a.png", "text/html\r\nX-Evil: 1"), "image/png");
        assert_eq!(of("a.png", "nonsense"), "image/png");
        assert_eq!(of("a.png", "Image/PNG; q=1"), "image/png");
        assert_eq!(of("a.ttf", "application/x-font-ttf"), "font/ttf");
        assert_eq!(of("a.xhtml", "text/html"), XHTML);
        assert_eq!(of("a.bin", "application/vnd.geogebra.file"), "application/vnd.geogebra.file");
    }
}
