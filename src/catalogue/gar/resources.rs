//! *Liste ressources*: what one person may open. The GAR authorises, it never delivers: there is
//! no version, date, size or package here.

use serde_json::Value;
use url::Url;

use super::{Page, records, tree};
use crate::catalogue::{
    entry::{Entry, MAX_ENTRIES},
    identifiers::canonical,
    lenient::{BadAnswer, list, scalar, text},
    text::{MAX_DESCRIPTION_CHARS, MAX_NAME_CHARS, Notes, line, plain},
};

/// Subjects or levels kept of one resource.
const MAX_TERMS: usize = 50;
/// Longest address kept, in bytes.
const MAX_URL_BYTES: usize = 4096;

/// The books of an answer, JSON or XML. The same ARK twice (once a school) stays two entries:
/// merging is for later.
pub fn resources(bytes: &[u8]) -> Result<Page, BadAnswer> {
    let tree = tree(bytes)?;
    let records = records(&tree, &["listeRessources"], "ressource", "listeRessources")?;
    let mut notes = Notes::default();
    let mut entries = Vec::new();
    for record in records.iter().take(MAX_ENTRIES) {
        match entry(record) {
            Ok(entry) => entries.push(entry),
            Err(reason) => notes.add(&reason),
        }
    }
    if records.len() > MAX_ENTRIES {
        notes.add(&format!(
            "{} resources past the first {MAX_ENTRIES}",
            records.len() - MAX_ENTRIES
        ));
    }
    Ok(Page { entries, refused: notes.into_lines(), records: records.len() })
}

fn entry(record: &Value) -> Result<Entry, String> {
    let title = text(record, "nomRessource", MAX_NAME_CHARS);
    let id = text(record, "idRessource", 2 * MAX_NAME_CHARS + 24)
        .and_then(|id| canonical(&id, ""))
        .ok_or_else(|| format!("{}: no idRessource", title.as_deref().unwrap_or("a resource")))?;
    Ok(Entry {
        identifiers: vec![id],
        title,
        publisher: text(record, "nomEditeur", MAX_NAME_CHARS),
        subjects: names(record, "domaineEnseignement"),
        levels: names(record, "niveauEducatif"),
        description: text(record, "description", MAX_DESCRIPTION_CHARS).and_then(|d| plain(&d)),
        manual: list(record, "typePresentation")
            .first()
            .and_then(|kind| text(kind, "code", 20).or_else(|| scalar(kind)))
            .map(|code| code.eq_ignore_ascii_case("MAN")),
        cover: address(record, "urlVignette"),
        online: address(record, "urlAccesRessource"),
        ..Entry::default()
    })
}

/// The `nom` of each `{uri, nom}`, or bare texts.
fn names(record: &Value, key: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for value in list(record, key).iter().take(MAX_TERMS) {
        let name = text(value, "nom", MAX_NAME_CHARS)
            .or_else(|| scalar(value).and_then(|text| line(&text, MAX_NAME_CHARS)));
        if let Some(name) = name
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

/// An address that a browser can be sent to.
fn address(record: &Value, key: &str) -> Option<Url> {
    let text = record.get(key).and_then(scalar)?;
    if text.len() > MAX_URL_BYTES {
        return None;
    }
    Url::parse(text.trim()).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_where_an_array_is_due_is_read() {
        let json = r#"{"listeRessources":{"ressource":{
            "idRessource":"http://n2t.net/ark:/49591/a","nomRessource":"A  titre",
            "typePresentation":{"code":"MAN","nom":"manuels"},
            "niveauEducatif":{"uri":"u","nom":"2de"},"unknown":[{}],
            "urlVignette":"javascript:alert(1)","urlAccesRessource":"https://h/x"}}}"#;
        let page = resources(json.as_bytes()).unwrap();
        let [entry] = &page.entries[..] else { panic!("{page:?}") };
        assert_eq!(entry.identifiers, ["ark:/49591/a"]);
        assert_eq!(entry.title.as_deref(), Some("A titre"));
        assert_eq!(entry.levels, ["2de"]);
        assert_eq!(entry.manual, Some(true));
        assert_eq!(entry.cover, None);
        assert!(entry.online.is_some());
    }

    #[test]
    fn xml_says_the_same_as_json() {
        let xml = "<listeRessources xmlns='x'><ressource><idRessource>ark:/1/a</idRessource>\
            <nomRessource>A &amp; B</nomRessource><nomEditeur>E</nomEditeur>\
            <typePresentation><code>DIC</code><nom>d</nom></typePresentation>\
            <domaineEnseignement><uri>u</uri><nom>Maths</nom></domaineEnseignement>\
            <domaineEnseignement><uri>v</uri><nom>Physique</nom></domaineEnseignement>\
            </ressource></listeRessources>";
        let json = r#"{"listeRessources":{"ressource":[{"idRessource":"ark:/1/a",
            "nomRessource":"A & B","nomEditeur":"E","typePresentation":{"code":"DIC","nom":"d"},
            "domaineEnseignement":[{"uri":"u","nom":"Maths"},{"uri":"v","nom":"Physique"}]}]}}"#;
        let (xml, json) = (resources(xml.as_bytes()).unwrap(), resources(json.as_bytes()).unwrap());
        assert_eq!(xml.entries, json.entries);
        assert_eq!(json.entries[0].manual, Some(false));
        assert_eq!(json.entries[0].subjects, ["Maths", "Physique"]);
    }

    #[test]
    fn an_empty_list_is_an_answer_and_another_document_is_none() {
        for empty in [
            r#"{"listeRessources":{"ressource":[]}}"#,
            r#"{"listeRessources":{}}"#,
            r#"{"listeRessources":null}"#,
            "<listeRessources/>",
        ] {
            assert_eq!(resources(empty.as_bytes()).unwrap().records, 0, "{empty}");
        }
        for other in ["{}", "", "null", "<html><body>Login</body></html>", "{\"a\":1}"] {
            assert!(resources(other.as_bytes()).is_err(), "{other}");
        }
    }

    #[test]
    fn a_resource_without_identifier_is_refused_by_name() {
        let page =
            resources(br#"{"listeRessources":{"ressource":[{"nomRessource":"T"}]}}"#).unwrap();
        assert!(page.entries.is_empty());
        assert_eq!(page.refused, ["T: no idRessource"]);
    }
}
