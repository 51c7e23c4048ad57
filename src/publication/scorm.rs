//! SCORM 1.2 and 2004 packages: `imsmanifest.xml` (IMS Content Packaging 1.1) names what to open,
//! in which order.

use std::collections::{HashMap, HashSet};

use super::{
    ContentsEntry, Item, Kind, Metadata, Place, Publication, PublicationError,
    contents::{MAX_CONTENTS_LINES, give_titles},
    html,
    open::{item, other_items},
    path,
    xml::{self, Element},
    zip::Table,
};

/// The document at the top of every package.
const MANIFEST: &str = "imsmanifest.xml";

/// Where the manifest is: at the top, or in the one folder that holds everything.
pub(super) fn find_manifest(table: &Table) -> Option<String> {
    let row = table.find_any_case(MANIFEST).or_else(|| {
        let folder = html::only_folder(table)?;
        table.find_any_case(&format!("{folder}{MANIFEST}"))
    })?;
    Some(table.path(row).to_owned())
}

/// Opens a package whose manifest is at `manifest`.
pub(super) fn open(table: Table, manifest: &str) -> Result<Publication, PublicationError> {
    let tree = xml::load(&table, manifest)?;
    let launches = launches(&tree, path::folder_of(manifest));
    let organization = default_organization(&tree);
    let mut walk = Walk { launches: &launches, order: Vec::new(), seen: HashSet::new(), lines: 0 };
    let contents = organization.map(|found| walk.lines_below(found)).unwrap_or_default();
    let mut order = walk.order;
    if order.is_empty() {
        // A package without an organisation is a pile of resources, each to be launched.
        order = launches.all.iter().map(|target| target.path.clone()).collect();
        let mut seen = HashSet::new();
        order.retain(|path| seen.insert(path.clone()));
    }
    let mut reading_order: Vec<Item> = order.iter().filter_map(|path| item(&table, path)).collect();
    if reading_order.is_empty() {
        return Err(PublicationError::NothingToRead { path: manifest.to_owned() });
    }
    give_titles(&contents, &mut reading_order);
    let resources = other_items(&table, &reading_order);
    Ok(Publication {
        kind: Kind::Scorm,
        metadata: metadata(&tree, organization),
        reading_order,
        resources,
        contents,
        cover: html::cover(&table),
        place: Place::Zip(table),
        memory: std::sync::OnceLock::new(),
    })
}

/// Where each resource starts, by identifier and in document order.
#[derive(Debug, Default)]
struct Launches {
    by_id: HashMap<String, path::Target>,
    all: Vec<path::Target>,
}

fn launches(tree: &Element, folder: &str) -> Launches {
    let mut found = Launches::default();
    let Some(top) = base(tree, folder) else { return found };
    for group in tree.named("resources") {
        let Some(group_base) = base(group, &top) else { continue };
        for resource in group.named("resource") {
            let Some(own_base) = base(resource, &group_base) else { continue };
            let Some(href) = resource.attribute("href") else { continue };
            let Some(target) = path::resolve(&own_base, href) else { continue };
            if let Some(id) = resource.attribute("identifier") {
                found.by_id.entry(id.to_owned()).or_insert_with(|| target.clone());
            }
            found.all.push(target);
        }
    }
    found
}

/// The folder against which an element's references resolve; `None` out of the package.
fn base(element: &Element, folder: &str) -> Option<String> {
    match element.attribute("xml:base") {
        Some(base) => path::resolve_folder(folder, base),
        None => Some(folder.to_owned()),
    }
}

/// The organisation that `default` names, else the first.
fn default_organization(tree: &Element) -> Option<&Element> {
    let organizations = tree.first("organizations")?;
    let default = organizations.attribute("default").unwrap_or_default();
    organizations
        .named("organization")
        .find(|one| one.attribute("identifier") == Some(default))
        .or_else(|| organizations.first("organization"))
}

/// A walk through the items of an organisation.
#[derive(Debug)]
struct Walk<'a> {
    launches: &'a Launches,
    /// Pages in the order in which items lead to them.
    order: Vec<String>,
    seen: HashSet<String>,
    lines: usize,
}

impl Walk<'_> {
    /// The lines of the items below an element; as deep as the document, which is bounded.
    fn lines_below(&mut self, element: &Element) -> Vec<ContentsEntry> {
        let mut lines = Vec::new();
        for item in element.named("item") {
            if self.lines >= MAX_CONTENTS_LINES {
                break;
            }
            self.lines += 1;
            let href = self.launch(item);
            let children = self.lines_below(item);
            let title = item.first("title").map(Element::text).unwrap_or_default();
            if item.attribute("isvisible") == Some("false") {
                lines.extend(children);
            } else {
                lines.push(ContentsEntry { title, href, children });
            }
        }
        lines
    }

    /// The address an item launches, with its parameters (SCORM CAM §3.4.1.9, `parameters`).
    fn launch(&mut self, item: &Element) -> Option<String> {
        let target = self.launches.by_id.get(item.attribute("identifierref")?)?;
        if self.seen.insert(target.path.clone()) {
            self.order.push(target.path.clone());
        }
        let parameters = item.attribute("parameters").unwrap_or_default().trim();
        Some(format!("{}{}", target.path, with_parameters(&target.suffix, parameters)))
    }
}

/// Adds parameters to what follows the path, by the steps of the SCORM run-time environment:
/// a `#` starts a fragment; else they join the query, one way or the other.
fn with_parameters(suffix: &str, parameters: &str) -> String {
    let bare = parameters.trim_start_matches(['?', '&']);
    if bare.is_empty() {
        return suffix.to_owned();
    }
    if bare.starts_with('#') {
        return if suffix.contains('#') { suffix.to_owned() } else { format!("{suffix}{bare}") };
    }
    let (query, fragment) = match suffix.find('#').and_then(|at| suffix.split_at_checked(at)) {
        Some((query, fragment)) => (query, fragment),
        None => (suffix, ""),
    };
    let mark = if query.contains('?') { '&' } else { '?' };
    format!("{query}{mark}{bare}{fragment}")
}

fn metadata(tree: &Element, organization: Option<&Element>) -> Metadata {
    let general = tree
        .first("metadata")
        .and_then(|metadata| metadata.first("lom"))
        .and_then(|lom| lom.first("general"));
    let described = general.and_then(|general| general.first("title")).map(Element::text);
    let organized = organization.and_then(|one| one.first("title")).map(Element::text);
    Metadata {
        title: organized.filter(|t| !t.is_empty()).or(described).unwrap_or_default(),
        identifiers: tree.attribute("identifier").map(str::to_owned).into_iter().collect(),
        languages: general
            .and_then(|general| general.first("language"))
            .map(Element::text)
            .filter(|language| !language.is_empty())
            .into_iter()
            .collect(),
        ..Metadata::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::zip_file;
    use super::*;

    #[test]
    fn parameters_join_the_address() {
        assert_eq!(with_parameters("", "?a=1"), "?a=1");
        assert_eq!(with_parameters("?x=2", "a=1"), "?x=2&a=1");
        assert_eq!(with_parameters("#p", "&a=1"), "?a=1#p");
        assert_eq!(with_parameters("?x=2", "#q"), "?x=2#q");
        assert_eq!(with_parameters("", ""), "");
    }

    #[test]
    fn bases_add_up_and_what_leaves_is_dropped() {
        let manifest = r#"<manifest xml:base="content/"><organizations default="o"/>
            <resources xml:base="sco/">
              <resource identifier="a" xml:base="one/" href="index.html"/>
              <resource identifier="b" href="http://host/x.html"/>
              <resource identifier="c" xml:base="http://host/" href="x.html"/>
              <resource identifier="d" href="../../../x.html"/>
            </resources></manifest>"#;
        let file = zip_file(&[
            ("imsmanifest.xml", manifest.as_bytes()),
            ("content/sco/one/index.html", b"<p>"),
        ]);
        let publication = Publication::open(file, "application/zip").unwrap();
        assert_eq!(publication.kind, Kind::Scorm);
        let order: Vec<&str> = publication.reading_order.iter().map(|i| &*i.path).collect();
        assert_eq!(order, ["content/sco/one/index.html"]);
    }
}
