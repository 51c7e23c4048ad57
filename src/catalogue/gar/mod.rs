//! The GAR's answers: a person's resources, a school's subscriptions, how many pupils each is
//! assigned to. Pure: bytes in, entries out.

mod counts;
pub(super) mod dates;
mod resources;
mod subscriptions;
mod xml;

use jiff::tz::TimeZone;
use serde_json::Value;

pub use self::{counts::counts, resources::resources, subscriptions::subscriptions};
use super::lenient::{self, BadAnswer};
use super::{entry::Entry, text::line};

/// Whose answers these are.
#[derive(Debug, Clone)]
pub struct Place {
    /// The school's UAI; subscriptions of others are left out.
    pub uai: String,
    /// The zone of dates without offset.
    pub zone: TimeZone,
}

/// What one answer, or one page of it, brings.
#[derive(Debug, Default)]
pub struct Page {
    /// Books.
    pub entries: Vec<Entry>,
    /// Entries left out, with the reason.
    pub refused: Vec<String>,
    /// Records in the answer, taken or not.
    pub records: usize,
}

/// The answer's tree, JSON or XML by its first character; an `Erreur` in it is an error.
fn tree(bytes: &[u8]) -> Result<Value, BadAnswer> {
    let start = bytes.iter().find(|b| !b.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(b));
    let tree = match start {
        Some(b'<') => xml::tree(bytes)?,
        Some(_) => lenient::json(bytes)?,
        None => {
            let found = "an empty answer".to_owned();
            return Err(BadAnswer::Unexpected { found, expected: "JSON or XML" });
        }
    };
    match fault(&tree) {
        Some(fault) => Err(BadAnswer::Fault(fault)),
        None => Ok(tree),
    }
}

/// The words of an `Erreur` answer, whatever its status; `None` when it is none.
pub fn fault_of(bytes: &[u8]) -> Option<String> {
    match tree(bytes) {
        Err(BadAnswer::Fault(words)) => Some(words),
        _ => None,
    }
}

fn fault(tree: &Value) -> Option<String> {
    let fields = ["Erreur", "erreur", "Error"].iter().find_map(|name| tree.get(name))?;
    let words: Vec<String> = ["Code", "code", "Message", "message", "Resource", "resource"]
        .iter()
        .filter_map(|name| lenient::text(fields, name, 200))
        .collect();
    let whole = || lenient::scalar(fields).and_then(|text| line(&text, 200));
    if words.is_empty() {
        whole().or(Some("unexplained".to_owned()))
    } else {
        Some(words.join(": "))
    }
}

/// The records called `name`, below whichever of `wrappers` there is.
fn records<'a>(
    tree: &'a Value,
    wrappers: &[&str],
    name: &str,
    expected: &'static str,
) -> Result<Vec<&'a Value>, BadAnswer> {
    let unexpected = || BadAnswer::Unexpected { found: lenient::looks_like(tree), expected };
    let Value::Object(fields) = tree else {
        return match tree {
            Value::Array(values) => Ok(values.iter().collect()),
            _ => Err(unexpected()),
        };
    };
    let inside = wrappers.iter().find_map(|wrapper| fields.get(*wrapper));
    let list = match (inside, fields.get(name)) {
        // XML writes an empty list as an empty element, some servers as null.
        (Some(Value::Null), _) => return Ok(Vec::new()),
        (Some(Value::String(text)), _) if text.is_empty() => return Ok(Vec::new()),
        (Some(Value::Array(values)), _) => return Ok(flattened(values, name)),
        (Some(Value::Object(inner)), _) if inner.is_empty() => return Ok(Vec::new()),
        (Some(inner @ Value::Object(fields)), _) if fields.contains_key(name) => {
            lenient::list(inner, name)
        }
        (None, Some(_)) => lenient::list(tree, name),
        // One bare record where the list of them is due.
        (Some(one @ Value::Object(fields)), _) if fields.contains_key("idRessource") => {
            std::slice::from_ref(one)
        }
        _ => return Err(unexpected()),
    };
    Ok(list.iter().collect())
}

/// `[{"ressource": {…}}, …]` is seen as well as `[{…}, …]`.
fn flattened<'a>(values: &'a [Value], name: &str) -> Vec<&'a Value> {
    values.iter().map(|value| value.get(name).unwrap_or(value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erreur_is_told_in_its_own_words() {
        let json = r#"{"Erreur":{"Code":"Bad Request","Message":"Établissement non trouvé"}}"#;
        assert_eq!(fault_of(json.as_bytes()).unwrap(), "Bad Request: Établissement non trouvé");
        let xml = "<Erreur><Code>403</Code><Message>Interdit</Message></Erreur>";
        assert_eq!(fault_of(xml.as_bytes()).unwrap(), "403: Interdit");
        assert_eq!(fault_of(br#"{"listeRessources":{}}"#), None);
        assert_eq!(fault_of(b""), None);
    }
}
