//! What both kinds of EPUB share: container, package document, navigation.

use super::{Manual, modified, text::escape};

/// Where the package document is.
pub(super) const OPF_PATH: &str = "OEBPS/package.opf";

/// `META-INF/container.xml` (OCF 3.3 §4.2.6.3.1).
pub(super) const CONTAINER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
  <rootfiles>
    <rootfile full-path="OEBPS/package.opf" media-type="application/oebps-package+xml"/>
  </rootfiles>
</container>
"#;

/// Media type of pages.
pub(super) const XHTML: &str = "application/xhtml+xml";

/// A resource of the publication.
pub(super) struct Item {
    pub(super) id: String,
    pub(super) href: String,
    pub(super) media_type: &'static str,
    /// `cover-image`, `nav` or nothing.
    pub(super) properties: &'static str,
    /// In reading order? With these spine properties.
    pub(super) spine: Option<&'static str>,
}

impl Item {
    pub(super) fn resource(id: String, href: String, media_type: &'static str) -> Self {
        Self { id, href, media_type, properties: "", spine: None }
    }
}

/// What stands before the pages: navigation, style, and the cover's picture and page.
pub(super) fn front(style: &str, cover: &str, cover_spine: &'static str) -> Vec<Item> {
    vec![
        Item { properties: "nav", ..Item::resource("nav".into(), "nav.xhtml".into(), XHTML) },
        Item::resource("style".into(), style.into(), "text/css"),
        Item {
            properties: "cover-image",
            ..Item::resource("cover-image".into(), "images/cover.jpg".into(), "image/jpeg")
        },
        Item { spine: Some(cover_spine), ..Item::resource("cover".into(), cover.into(), XHTML) },
    ]
}

/// The package document (EPUB 3.3 §5).
pub(super) fn package(manual: &Manual, version: u32, fixed: bool, items: &[Item]) -> String {
    let layout = if fixed {
        "    <meta property=\"rendition:layout\">pre-paginated</meta>\n    \
         <meta property=\"rendition:orientation\">auto</meta>\n    \
         <meta property=\"rendition:spread\">auto</meta>\n"
    } else {
        "    <meta property=\"rendition:layout\">reflowable</meta>\n"
    };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" xml:lang=\"fr\" \
         unique-identifier=\"isbn\">\n  \
         <metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n    \
         <dc:identifier id=\"isbn\">urn:isbn:{isbn}</dc:identifier>\n    \
         <dc:identifier>{ark}</dc:identifier>\n    \
         <dc:title>{title}</dc:title>\n    \
         <dc:language>{language}</dc:language>\n    \
         <dc:publisher>{publisher}</dc:publisher>\n    \
         <dc:subject>{subject}</dc:subject>\n    \
         <dc:description>Manuel de démonstration, {level}.</dc:description>\n    \
         <meta property=\"dcterms:modified\">{modified}</meta>\n\
         {layout}    \
         <meta property=\"schema:accessMode\">textual</meta>\n    \
         <meta property=\"schema:accessMode\">visual</meta>\n    \
         <meta property=\"schema:accessibilityFeature\">alternativeText</meta>\n    \
         <meta property=\"schema:accessibilityFeature\">tableOfContents</meta>\n    \
         <meta property=\"schema:accessibilityHazard\">none</meta>\n  \
         </metadata>\n  <manifest>\n",
        isbn = manual.isbn,
        ark = escape(&manual.ark),
        title = escape(manual.title),
        language = manual.language,
        publisher = escape(manual.publisher),
        subject = escape(manual.subject),
        level = escape(manual.level),
        modified = modified(version).strftime("%Y-%m-%dT%H:%M:%SZ"),
    );
    for Item { id, href, media_type, properties, .. } in items {
        let properties = if properties.is_empty() {
            String::new()
        } else {
            format!(" properties=\"{properties}\"")
        };
        text += &format!(
            "    <item id=\"{id}\" href=\"{href}\" media-type=\"{media_type}\"{properties}/>\n"
        );
    }
    text += "  </manifest>\n  <spine>\n";
    for item in items {
        match item.spine {
            Some("") => text += &format!("    <itemref idref=\"{}\"/>\n", item.id),
            Some(side) => {
                text += &format!("    <itemref idref=\"{}\" properties=\"{side}\"/>\n", item.id);
            }
            None => {}
        }
    }
    text + "  </spine>\n</package>\n"
}

/// The navigation document (EPUB 3.3 §7): titles and where they are.
pub(super) fn navigation(manual: &Manual, cover: &str, contents: &[(String, String)]) -> String {
    let mut entries = String::new();
    for (title, href) in contents {
        entries += &format!("<li><a href=\"{href}\">{}</a></li>\n", escape(title));
    }
    let start = contents.first().map_or(cover, |(_, href)| href.as_str());
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" \
         xmlns:epub=\"http://www.idpf.org/2007/ops\" lang=\"fr\" xml:lang=\"fr\">\n\
         <head><meta charset=\"utf-8\"/><title>{title}</title></head>\n<body>\n\
         <nav epub:type=\"toc\" id=\"toc\"><h1>Sommaire</h1>\n<ol>\n{entries}</ol></nav>\n\
         <nav epub:type=\"landmarks\" id=\"landmarks\" hidden=\"hidden\"><h2>Repères</h2>\n<ol>\n\
         <li><a epub:type=\"cover\" href=\"{cover}\">Couverture</a></li>\n\
         <li><a epub:type=\"bodymatter\" href=\"{start}\">Début du cours</a></li>\n\
         </ol></nav>\n</body>\n</html>\n",
        title = escape(manual.title),
    )
}

/// An XHTML document around a body.
pub(super) fn xhtml(language: &str, title: &str, head: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE html>\n\
         <html xmlns=\"http://www.w3.org/1999/xhtml\" \
         xmlns:epub=\"http://www.idpf.org/2007/ops\" lang=\"{language}\" xml:lang=\"{language}\">\n\
         <head><meta charset=\"utf-8\"/><title>{}</title>{head}</head>\n<body>\n{body}</body>\n\
         </html>\n",
        escape(title)
    )
}
