//! `META-INF/`: where the package document is (EPUB 3.3 §4.2.6.3.1).

use super::super::{PublicationError, path, xml, zip::Table};

/// The document that makes a zip an EPUB.
pub(in super::super) const CONTAINER: &str = "META-INF/container.xml";
/// What Apple's readers take, and many EPUB 2 of fixed layout have only that.
const APPLE_OPTIONS: &str = "META-INF/com.apple.ibooks.display-options.xml";
const PACKAGE_DOCUMENT: &str = "application/oebps-package+xml";

/// The path of the first package document.
pub(super) fn package_document(table: &Table) -> Result<String, PublicationError> {
    if table.find(CONTAINER).is_none() {
        return Err(PublicationError::Missing {
            path: CONTAINER.into(),
            why: "it names the package document of an EPUB",
        });
    }
    let tree = xml::load(table, CONTAINER)?;
    let files = tree.descendants("rootfile");
    let named = files
        .iter()
        .find(|file| file.attribute("media-type") == Some(PACKAGE_DOCUMENT))
        .or(files.first())
        .and_then(|file| file.attribute("full-path"))
        .ok_or_else(|| PublicationError::Document {
            path: CONTAINER.into(),
            reason: "it names no package document (rootfile with a full-path)".into(),
        })?;
    // The standard wants the path as it is; some writers percent-encode it.
    let literal = path::normalise(named).filter(|path| table.find(path).is_some());
    let decoded = || path::resolve("", named).map(|target| target.path);
    literal.or_else(decoded).filter(|path| table.find(path).is_some()).ok_or_else(|| {
        PublicationError::Missing {
            path: named.to_owned(),
            why: "META-INF/container.xml names it as the package document",
        }
    })
}

/// What is encrypted, and how (EPUB 3.3 §4.2.6.3.2).
const ENCRYPTION: &str = "META-INF/encryption.xml";
/// Fonts made unusable elsewhere: the book opens, browsers fall back to their own fonts.
const FONT_OBFUSCATION: [&str; 2] =
    ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// Refuses a book whose content is encrypted.
pub(super) fn refuse_protected(table: &Table) -> Result<(), PublicationError> {
    if table.find(ENCRYPTION).is_none() {
        return Ok(());
    }
    let tree = xml::load(table, ENCRYPTION)?;
    for data in tree.descendants("EncryptedData") {
        let method = data.first("EncryptionMethod").and_then(|m| m.attribute("Algorithm"));
        let algorithm = method.unwrap_or("an unnamed algorithm");
        if !FONT_OBFUSCATION.contains(&algorithm) {
            let reference = data.descendants("CipherReference");
            let path = reference.first().and_then(|r| r.attribute("URI")).unwrap_or(ENCRYPTION);
            return Err(PublicationError::Protected {
                path: path.to_owned(),
                algorithm: algorithm.to_owned(),
            });
        }
    }
    Ok(())
}

/// Do Apple's options say that the layout is fixed?
pub(super) fn apple_fixed_layout(table: &Table) -> bool {
    if table.find(APPLE_OPTIONS).is_none() {
        return false;
    }
    let Ok(tree) = xml::load(table, APPLE_OPTIONS) else { return false };
    tree.descendants("option")
        .iter()
        .any(|option| option.attribute("name") == Some("fixed-layout") && option.text() == "true")
}
