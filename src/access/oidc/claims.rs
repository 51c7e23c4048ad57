//! Claims as attributes. Pure.

use serde_json::Value;

use crate::access::attributes::Said;

/// Objects within objects: Apereo CAS puts attributes one level down.
const MAX_DEPTH: usize = 4;

/// Adds every text, number and truth value of an object, under its own name; a list gives its
/// values, an object within gives its own claims.
pub(super) fn add(said: &mut Said, claims: &Value) {
    object(said, claims, MAX_DEPTH);
}

fn object(said: &mut Said, claims: &Value, depth: usize) {
    for (name, value) in claims.as_object().into_iter().flatten() {
        one(said, name, value, depth);
    }
}

fn one(said: &mut Said, name: &str, value: &Value, depth: usize) {
    match value {
        Value::String(text) => said.add(name, text),
        Value::Number(number) => said.add(name, &number.to_string()),
        Value::Bool(truth) => said.add(name, if *truth { "true" } else { "false" }),
        Value::Null => {}
        Value::Array(_) | Value::Object(_) if depth == 0 => {}
        Value::Array(values) => values.iter().for_each(|value| one(said, name, value, depth - 1)),
        Value::Object(_) => object(said, value, depth - 1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn claims_are_read_flat_in_lists_and_one_level_down() {
        let mut said = Said::default();
        said.add("sub", "a1");
        add(
            &mut said,
            &json!({
                "sub": "b2", "UAI": ["0670007U", "0670008V"], "level": 3,
                "attributes": {"PRO": "National_elv", "DIV": ["2NDE04##Seconde 4"]},
            }),
        );
        assert_eq!(said.values("sub").first().unwrap(), "a1");
        assert_eq!(said.values("UAI"), ["0670007U", "0670008V"]);
        assert_eq!(said.values("level"), ["3"]);
        assert_eq!(said.values("PRO"), ["National_elv"]);
        assert_eq!(said.values("DIV"), ["2NDE04##Seconde 4"]);
    }

    #[test]
    fn what_is_nested_too_deep_is_left_out() {
        let mut deep = json!("x");
        for _ in 0..100 {
            deep = json!({"a": [deep]});
        }
        let mut said = Said::default();
        add(&mut said, &deep);
        assert_eq!(said, Said::default());
    }
}
