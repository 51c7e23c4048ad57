//! The package document (EPUB 3.3 §5, OPF 2.0.1): metadata, manifest, spine.

use super::super::{
    Metadata, media_type, path,
    xml::{Element, collapse},
};

/// Titles, authors, identifiers or languages kept of each.
const MAX_METADATA_VALUES: usize = 50;

/// A package document, its references resolved.
#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) metadata: Metadata,
    /// `rendition:layout` is `pre-paginated`, or an older way to say it.
    pub(super) fixed: bool,
    /// `original-resolution`, for fixed pages that state no size.
    pub(super) resolution: Option<(u32, u32)>,
    pub(super) manifest: Vec<Entry>,
    pub(super) spine: Vec<Place>,
    /// Identifier of the NCX, by the spine.
    pub(super) ncx: Option<String>,
    /// Identifier or path that `<meta name="cover">` gives.
    pub(super) cover: Option<String>,
    /// Path that the guide gives to the cover.
    pub(super) guide_cover: Option<String>,
}

/// An item of the manifest that is inside the package.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) path: String,
    pub(super) media_type: String,
    pub(super) properties: String,
    pub(super) fallback: Option<String>,
}

impl Entry {
    pub(super) fn has(&self, property: &str) -> bool {
        self.properties.split_whitespace().any(|word| word == property)
    }
}

/// A place of the spine.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) linear: bool,
    pub(super) page: Option<&'static str>,
    /// The layout of this page alone, when it is not that of the book.
    pub(super) fixed: Option<bool>,
}

/// Reads a package document found in `folder`.
pub(super) fn read(tree: &Element, folder: &str) -> Package {
    let mut package = Package::default();
    if let Some(metadata) = tree.first("metadata") {
        read_metadata(metadata, tree.attribute("unique-identifier"), &mut package);
    }
    if let Some(manifest) = tree.first("manifest") {
        package.manifest = manifest.named("item").filter_map(|item| entry(item, folder)).collect();
    }
    if let Some(spine) = tree.first("spine") {
        package.ncx = spine.attribute("toc").map(str::to_owned);
        package.metadata.right_to_left =
            spine.attribute("page-progression-direction") == Some("rtl");
        package.spine = spine.named("itemref").filter_map(place).collect();
    }
    let guide = tree.first("guide");
    package.guide_cover = guide
        .and_then(|guide| guide.named("reference").find(|r| r.attribute("type") == Some("cover")))
        .and_then(|reference| path::resolve(folder, reference.attribute("href")?))
        .map(|target| target.path);
    package
}

fn entry(item: &Element, folder: &str) -> Option<Entry> {
    // Remote resources lead out of the package and are left out.
    let target = path::resolve(folder, item.attribute("href")?)?;
    let said = item.attribute("media-type").unwrap_or_default();
    Some(Entry {
        id: item.attribute("id").unwrap_or_default().to_owned(),
        media_type: media_type::of(&target.path, said),
        path: target.path,
        properties: item.attribute("properties").unwrap_or_default().to_owned(),
        fallback: item.attribute("fallback").map(str::to_owned),
    })
}

fn place(itemref: &Element) -> Option<Place> {
    let mut place = Place {
        id: itemref.attribute("idref")?.to_owned(),
        linear: itemref.attribute("linear") != Some("no"),
        page: None,
        fixed: None,
    };
    for property in itemref.attribute("properties").unwrap_or_default().split_whitespace() {
        match property.strip_prefix("rendition:").unwrap_or(property) {
            "page-spread-left" => place.page = Some("left"),
            "page-spread-right" => place.page = Some("right"),
            "page-spread-center" => place.page = Some("center"),
            "layout-pre-paginated" => place.fixed = Some(true),
            "layout-reflowable" => place.fixed = Some(false),
            _ => {}
        }
    }
    Some(place)
}

fn read_metadata(metadata: &Element, unique: Option<&str>, package: &mut Package) {
    // OPF 1 and some OPF 2 wrap the elements once more.
    let wrapped = metadata.elements().filter(|e| e.name.ends_with("-metadata"));
    let mut elements: Vec<&Element> = metadata.elements().collect();
    elements.extend(wrapped.flat_map(Element::elements));
    let named = |name: &'static str| elements.iter().filter(move |e| &*e.name == name);
    let values = |name: &'static str| -> Vec<String> {
        named(name)
            .map(|element| element.text())
            .filter(|text| !text.is_empty())
            .take(MAX_METADATA_VALUES)
            .collect()
    };
    let metas: Vec<Meta<'_>> = named("meta").filter_map(|element| meta(element)).collect();
    let about = |property: &str| {
        metas.iter().find(|m| m.refines.is_none() && m.property == property).map(|m| &m.value)
    };

    let described = &mut package.metadata;
    described.title = main_title(&elements, &metas);
    described.identifiers = identifiers(&elements, unique);
    described.authors = authors(&elements, &metas);
    described.publisher = values("publisher").into_iter().next();
    described.languages = values("language");
    described.modified = about("dcterms:modified").cloned().or_else(|| {
        let changed = |e: &&&Element| e.attribute_any("event") == Some("modification");
        named("date").find(changed).map(|e| e.text()).filter(|text| !text.is_empty())
    });
    described.pages = ["schema:numberOfPages", "numberOfPages"]
        .iter()
        .find_map(|name| about(name)?.parse().ok())
        .filter(|pages| *pages > 0);
    package.fixed = about("rendition:layout").is_some_and(|layout| layout == "pre-paginated")
        || about("fixed-layout").is_some_and(|fixed| fixed == "true");
    package.resolution = about("original-resolution").and_then(|text| {
        let (width, height) = text.split_once(['x', 'X'])?;
        Some((width.trim().parse().ok()?, height.trim().parse().ok()?))
    });
    package.cover = about("cover").cloned();
}

/// A statement: EPUB 3's `property`, or EPUB 2's `name` and `content`.
#[derive(Debug)]
struct Meta<'a> {
    property: &'a str,
    refines: Option<&'a str>,
    value: String,
}

fn meta(element: &Element) -> Option<Meta<'_>> {
    let refines = element.attribute("refines").map(|id| id.trim_start_matches('#'));
    let (property, value) = match element.attribute("property") {
        Some(property) => (property, element.text()),
        None => (element.attribute("name")?, collapse(element.attribute("content")?)),
    };
    (!value.is_empty()).then_some(Meta { property, refines, value })
}

/// What a statement says of an element.
fn refined<'a>(metas: &'a [Meta<'_>], element: &Element, property: &str) -> Option<&'a str> {
    let id = element.attribute("id")?;
    metas.iter().find(|m| m.refines == Some(id) && m.property == property).map(|m| &*m.value)
}

/// The title of type `main`, else the first (EPUB 3.3 §5.5.3.1.2).
fn main_title(elements: &[&Element], metas: &[Meta<'_>]) -> String {
    let mut titles = elements.iter().filter(|e| &*e.name == "title").take(MAX_METADATA_VALUES);
    let main = titles.clone().find(|e| refined(metas, e, "title-type") == Some("main"));
    main.or_else(|| titles.find(|e| !e.text().is_empty())).map(|e| e.text()).unwrap_or_default()
}

/// Identifiers, the unique one first.
fn identifiers(elements: &[&Element], unique: Option<&str>) -> Vec<String> {
    let mut found: Vec<(bool, String)> = elements
        .iter()
        .filter(|e| &*e.name == "identifier")
        .map(|e| (e.attribute("id").is_none() || e.attribute("id") != unique, e.text()))
        .filter(|(_, text)| !text.is_empty())
        .take(MAX_METADATA_VALUES)
        .collect();
    found.sort_by_key(|(other, _)| *other);
    found.into_iter().map(|(_, text)| text).collect()
}

/// Creators, in the order that `display-seq` gives when it does.
fn authors(elements: &[&Element], metas: &[Meta<'_>]) -> Vec<String> {
    let mut found: Vec<(u32, String)> = elements
        .iter()
        .filter(|e| &*e.name == "creator")
        .take(MAX_METADATA_VALUES)
        .map(|e| {
            let order = refined(metas, e, "display-seq").and_then(|text| text.parse().ok());
            (order.unwrap_or(u32::MAX), e.text())
        })
        .filter(|(_, text)| !text.is_empty())
        .collect();
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::super::super::xml;
    use super::*;

    fn package(opf: &str) -> Package {
        read(&xml::parse(opf.as_bytes()).unwrap(), "EPUB/")
    }

    #[test]
    fn metadata_of_epub_3_is_read() {
        let package = package(
            r##"<package unique-identifier="b"><metadata xmlns:dc="x">
            <dc:title id="s">Sous-titre</dc:title><dc:title id="t">Maths 2de</dc:title>
            <meta refines="#t" property="title-type">main</meta>
            <dc:identifier>978-2-01-000000-0</dc:identifier>
            <dc:identifier id="b">urn:uuid:1</dc:identifier>
            <dc:creator id="c2">Deux</dc:creator><dc:creator id="c1">Un</dc:creator>
            <meta refines="#c1" property="display-seq">1</meta>
            <meta refines="#c2" property="display-seq">2</meta>
            <dc:language>fr</dc:language><dc:publisher>Éditions  Test</dc:publisher>
            <meta property="dcterms:modified">2026-01-02T03:04:05Z</meta>
            <meta property="rendition:layout">pre-paginated</meta>
            <meta property="schema:numberOfPages">320</meta>
            </metadata><spine page-progression-direction="rtl"/></package>"##,
        );
        assert!(package.fixed);
        let metadata = package.metadata;
        assert_eq!(metadata.title, "Maths 2de");
        assert_eq!(metadata.identifiers, ["urn:uuid:1", "978-2-01-000000-0"]);
        assert_eq!(metadata.authors, ["Un", "Deux"]);
        assert_eq!(metadata.publisher.as_deref(), Some("Éditions Test"));
        assert_eq!(metadata.modified.as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!(metadata.pages, Some(320));
        assert!(metadata.right_to_left);
    }

    #[test]
    fn metadata_of_epub_2_is_read() {
        let package = package(
            r#"<package><metadata><dc-metadata><dc:Title/><dc:title>Vieux</dc:title></dc-metadata>
            <dc:date opf:event="modification">2011-05</dc:date>
            <meta name="cover" content="img"/><meta name="fixed-layout" content="true"/>
            <meta name="original-resolution" content="1200x1600"/></metadata>
            <guide><reference type="cover" href="cover.html"/></guide></package>"#,
        );
        assert!(package.fixed);
        assert_eq!(package.metadata.title, "Vieux");
        assert_eq!(package.metadata.modified.as_deref(), Some("2011-05"));
        assert_eq!(package.resolution, Some((1200, 1600)));
        assert_eq!(package.cover.as_deref(), Some("img"));
        assert_eq!(package.guide_cover.as_deref(), Some("EPUB/cover.html"));
    }

    #[test]
    fn items_that_leave_the_package_are_dropped() {
        let package = package(
            r#"<package><manifest><item id="a" href="a%20b.xhtml" media-type="text/html"/>
            <item id="b" href="../../etc/passwd" media-type="text/plain"/>
            <item id="c" href="https://host/v.mp4" media-type="video/mp4"/></manifest>
            <spine><itemref idref="a" linear="no" properties="rendition:page-spread-center
             rendition:layout-reflowable"/></spine></package>"#,
        );
        assert_eq!(package.manifest.len(), 1);
        assert_eq!(package.manifest[0].path, "EPUB/a b.xhtml");
        assert_eq!(package.manifest[0].media_type, "application/xhtml+xml");
        assert_eq!(package.spine[0].page, Some("center"));
        assert_eq!(package.spine[0].fixed, Some(false));
        assert!(!package.spine[0].linear);
    }
}
