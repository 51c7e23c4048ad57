//! *Abonnements*: what the school has subscribed to, for how long and for how many.

use serde_json::Value;

use super::{
    Page, Place,
    dates::{Edge, end_of_school_year, moment},
    records, tree,
};
use crate::catalogue::{
    Licence,
    entry::Entry,
    identifiers::canonical,
    lenient::{BadAnswer, list, scalar, text},
    text::{MAX_NAME_CHARS, Notes, line},
};

/// Schools that one subscription may name.
const MAX_SCHOOLS: usize = 20_000;
/// Publics kept of one subscription.
const MAX_PUBLICS: usize = 20;

/// The school's subscriptions in one page of the list, JSON or XML, one entry each.
pub fn subscriptions(bytes: &[u8], place: &Place) -> Result<Page, BadAnswer> {
    let tree = tree(bytes)?;
    let records = records(&tree, &["abonnements"], "abonnement", "abonnements")?;
    let mut notes = Notes::default();
    let mut entries = Vec::new();
    for record in &records {
        if !is_for(record, &place.uai) {
            continue;
        }
        match entry(record, place) {
            Ok(entry) => entries.push(entry),
            Err(reason) => notes.add(&reason),
        }
    }
    Ok(Page { entries, refused: notes.into_lines(), records: records.len() })
}

/// Does it name this school, or none at all (it is then for a whole kind of schools)?
fn is_for(record: &Value, uai: &str) -> bool {
    let schools = list(record, "uaiEtab");
    let mut named = schools.iter().take(MAX_SCHOOLS).filter_map(scalar).peekable();
    named.peek().is_none() || named.any(|named| named.trim().eq_ignore_ascii_case(uai))
}

fn entry(record: &Value, place: &Place) -> Result<Entry, String> {
    let id = text(record, "idAbonnement", MAX_NAME_CHARS)
        .ok_or_else(|| "a subscription without idAbonnement".to_owned())?;
    let resource = text(record, "idRessource", 2 * MAX_NAME_CHARS + 24)
        .and_then(|id| canonical(&id, ""))
        .ok_or_else(|| format!("subscription {id}: no idRessource"))?;
    let from = date(record, "debutValidite", Edge::Start, place)
        .map_err(|found| format!("subscription {id}: debutValidite `{found}` is no date"))?;
    let until = date(record, "finValidite", Edge::End, place)
        .map_err(|found| format!("subscription {id}: finValidite `{found}` is no date"))?;
    let year = text(record, "anneeFinValidite", 40);
    let until = match (until, year) {
        (None, Some(year)) => Some(
            end_of_school_year(&year, &place.zone)
                .ok_or_else(|| format!("subscription {id}: `{year}` is no school year"))?,
        ),
        (until, _) => until,
    };
    let licence = Licence {
        id,
        from,
        until,
        pupil_licences: pupil_licences(record),
        assigned_pupils: 0,
        individual: text(record, "typeAffectation", 40)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("INDIV")),
        publics: publics(record),
    };
    Ok(Entry {
        identifiers: vec![resource],
        title: text(record, "libelleRessource", MAX_NAME_CHARS),
        licences: vec![licence],
        ..Entry::default()
    })
}

/// A date that is absent is one thing, a date that cannot be read another.
fn date(
    record: &Value,
    key: &str,
    edge: Edge,
    place: &Place,
) -> Result<Option<jiff::Timestamp>, String> {
    match text(record, key, 60) {
        None => Ok(None),
        Some(found) => moment(&found, edge, &place.zone).map(Some).ok_or(found),
    }
}

/// `nbLicenceEleve`, else the bound over all publics; `ILLIMITE` is no bound.
fn pupil_licences(record: &Value) -> Option<u64> {
    ["nbLicenceEleve", "nbLicenceGlobale"]
        .iter()
        .find_map(|key| text(record, key, 40))
        .and_then(|count| count.parse().ok())
}

fn publics(record: &Value) -> Vec<String> {
    let mut publics = Vec::new();
    for name in list(record, "publicCible").iter().take(MAX_PUBLICS) {
        if let Some(name) = scalar(name).and_then(|name| line(&name, 60))
            && !publics.contains(&name)
        {
            publics.push(name);
        }
    }
    publics
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn place() -> Place {
        Place { uai: "0670007U".into(), zone: TimeZone::get("Europe/Paris").unwrap() }
    }

    const XML: &str = "<abonnements xmlns='http://www.atosworldline.com/wsabonnement/v1.0/'>\
        <abonnement><idAbonnement>s1</idAbonnement><idRessource>ark:/99999/r1</idRessource>\
        <libelleRessource>Manuel</libelleRessource><debutValidite>2026-09-01T00:00:00</debutValidite>\
        <anneeFinValidite>2026-2027</anneeFinValidite><uaiEtab>0670007U</uaiEtab>\
        <nbLicenceEleve>320</nbLicenceEleve><publicCible>ELEVE</publicCible>\
        <publicCible>ENSEIGNANT</publicCible></abonnement></abonnements>";

    #[test]
    fn xml_and_json_say_the_same_and_a_school_year_ends_with_august() {
        let json = r#"{"abonnements":{"idAbonnement":"s1","idRessource":"ark:/99999/r1",
            "libelleRessource":"Manuel","debutValidite":"2026-09-01T00:00:00.000+02:00",
            "anneeFinValidite":"2026-2027","uaiEtab":"0670007u","nbLicenceEleve":320,
            "publicCible":["ELEVE","ENSEIGNANT"]}}"#;
        let xml = subscriptions(XML.as_bytes(), &place()).unwrap();
        assert_eq!(xml.entries, subscriptions(json.as_bytes(), &place()).unwrap().entries);
        let licence = &xml.entries[0].licences[0];
        assert_eq!(licence.until.unwrap().to_string(), "2027-08-31T22:00:00Z");
        assert_eq!(licence.pupil_licences, Some(320));
        assert_eq!(licence.publics, ["ELEVE", "ENSEIGNANT"]);
    }

    #[test]
    fn other_schools_are_left_out_and_unlimited_is_no_number() {
        let json = r#"{"abonnement":[
            {"idAbonnement":"a","idRessource":"ark:/1/a","uaiEtab":["0561622J","0670007U"],"nbLicenceGlobale":"ILLIMITE"},
            {"idAbonnement":"b","idRessource":"ark:/1/b","uaiEtab":"0561622J"},
            {"idAbonnement":"c","idRessource":"ark:/1/c","codeNatureUAI":"302"}]}"#;
        let page = subscriptions(json.as_bytes(), &place()).unwrap();
        let ids: Vec<_> = page.entries.iter().map(|e| e.licences[0].id.as_str()).collect();
        assert_eq!(ids, ["a", "c"]);
        assert_eq!(page.entries[0].licences[0].pupil_licences, None);
        assert_eq!(page.records, 3);
    }

    #[test]
    fn a_subscription_that_cannot_be_dated_is_refused_with_the_reason() {
        let json = r#"{"abonnements":[{"idAbonnement":"a","idRessource":"ark:/1/a","finValidite":"jamais"},
            {"idAbonnement":"b","idRessource":"ark:/1/b","anneeFinValidite":"2026"},{"idRessource":"ark:/1/c"}]}"#;
        let page = subscriptions(json.as_bytes(), &place()).unwrap();
        assert!(page.entries.is_empty());
        assert_eq!(page.refused.len(), 3, "{:?}", page.refused);
        assert!(page.refused[0].contains("jamais"), "{:?}", page.refused);
    }
}
