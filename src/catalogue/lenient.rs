//! Reading foreign JSON that is nearly what its specification says: one object where an array is
//! due, a number where a text is due, `null` for nothing. XML comes through here as well, as the
//! same tree.

use serde_json::Value;

use super::text::line;

/// Objects of one answer: a page of 5,000 resources has some 80,000.
const MAX_OBJECTS: usize = 250_000;
/// Members and elements of one answer.
const MAX_MEMBERS: usize = 3_000_000;

/// An answer that cannot be understood at all.
#[derive(Debug, thiserror::Error)]
pub enum BadAnswer {
    /// Not JSON or XML.
    #[error("not readable as {form}: {reason}")]
    Syntax {
        /// `JSON` or `XML`.
        form: &'static str,
        /// The parser's words.
        reason: String,
    },
    /// Readable, but something else.
    #[error("{found}; {expected} was expected")]
    Unexpected {
        /// What it looks like.
        found: String,
        /// What was due.
        expected: &'static str,
    },
    /// The other side says why not.
    #[error("the answer is an error: {0}")]
    Fault(String),
}

/// A JSON document, whatever precedes it (a byte order mark).
///
/// A tree takes up to a hundred times the memory of its text (`[{"a":0},{"a":0},…]`), so what it
/// could hold is counted first; braces and commas within texts count too, which errs on the safe
/// side.
pub(super) fn json(bytes: &[u8]) -> Result<Value, BadAnswer> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let (mut objects, mut members) = (0, 0);
    for byte in bytes {
        objects += usize::from(*byte == b'{');
        members += usize::from(*byte == b',');
    }
    for (what, found, most) in
        [("objects", objects, MAX_OBJECTS), ("members", members, MAX_MEMBERS)]
    {
        if found > most {
            let reason = format!("{found} {what}; at most {most} were expected");
            return Err(BadAnswer::Syntax { form: "JSON", reason });
        }
    }
    serde_json::from_slice(bytes)
        .map_err(|error| BadAnswer::Syntax { form: "JSON", reason: error.to_string() })
}

/// The values under `key`: none, the one, or the array's.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    match value.get(key) {
        None | Some(Value::Null) => &[],
        Some(Value::Array(values)) => values,
        Some(one) => std::slice::from_ref(one),
    }
}

/// The text under `key`, on one line of at most `most` characters.
pub(super) fn text(value: &Value, key: &str, most: usize) -> Option<String> {
    value.get(key).and_then(scalar).and_then(|text| line(&text, most))
}

/// A text, or a number's or a truth's; the first one of an array.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(values) => values.first().and_then(scalar_of_one),
        Value::Null | Value::Object(_) => None,
    }
}

/// As `scalar`, without looking into arrays of arrays.
fn scalar_of_one(value: &Value) -> Option<String> {
    if value.is_array() { None } else { scalar(value) }
}

/// A whole number, however it is written.
pub(super) fn number(value: &Value, key: &str) -> Option<u64> {
    match value.get(key)? {
        Value::Number(number) => number.as_u64(),
        other => scalar(other)?.trim().parse().ok(),
    }
}

/// What sort of thing it is, for messages.
pub(super) fn looks_like(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let names: Vec<String> =
                fields.keys().take(5).filter_map(|name| line(name, 40)).collect();
            format!("an object with the fields [{}]", names.join(", "))
        }
        Value::Array(values) => format!("an array of {}", values.len()),
        Value::String(_) => "a text".to_owned(),
        Value::Number(_) => "a number".to_owned(),
        Value::Bool(_) => "a truth value".to_owned(),
        Value::Null => "null".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_would_fill_the_memory_is_refused_unread() {
        let most = format!("[{}0]", "{},".repeat(MAX_OBJECTS));
        assert!(json(most.as_bytes()).is_ok());
        let more = format!("[{}0]", "{},".repeat(MAX_OBJECTS + 1));
        assert!(json(more.as_bytes()).unwrap_err().to_string().contains("objects"));
        assert!(json("[".repeat(1000).as_bytes()).is_err());
    }

    #[test]
    fn one_or_many_are_read_alike() {
        let value = json("\u{feff}{\"a\":1,\"b\":[1,2],\"c\":null}".as_bytes()).unwrap();
        let counts: Vec<_> =
            ["a", "b", "c", "d"].iter().map(|key| list(&value, key).len()).collect();
        assert_eq!(counts, [1, 2, 0, 0]);
        assert_eq!(text(&value, "a", 9).as_deref(), Some("1"));
        assert_eq!(number(&value, "b"), Some(1));
    }
}
