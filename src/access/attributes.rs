//! What an ENT says of a person, mapped to a [`Person`] by the configuration. Pure.

use std::{collections::BTreeMap, fmt};

use crate::{
    access::person::{Person, Role},
    config::{Attributes, Uai},
};

/// Attributes kept of one answer.
const MAX_NAMES: usize = 200;
/// Values kept of one attribute: a teacher has dozens of classes, nobody hundreds.
const MAX_VALUES: usize = 200;
/// Characters of a value; a longer one is no role, school, class or identifier.
const MAX_VALUE_CHARS: usize = 512;
/// Characters of an opaque identifier: the GAR's IDO is 128 hexadecimal digits.
const MAX_ID_CHARS: usize = 128;
/// Schools of one person.
const MAX_SCHOOLS: usize = 16;
/// Classes and groups of one person.
const MAX_CLASSES: usize = 100;
/// Characters of a class's name, as a page can show it.
const MAX_CLASS_CHARS: usize = 64;
/// Parts `code##label##…` of DIV and GRO (GAR, identity attributes).
const PARTS: &str = "##";

/// Attributes by name, each with its values in the order in which they came.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said(BTreeMap<String, Vec<String>>);

/// Values are a person's: only the names are shown.
impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Said {
    /// Keeps a value. What passes the bounds, is empty or cannot be shown is left out.
    pub fn add(&mut self, name: &str, value: &str) {
        let value = value.trim();
        let usable = !value.is_empty()
            && !value.chars().any(char::is_control)
            && value.chars().nth(MAX_VALUE_CHARS).is_none()
            && name.chars().nth(MAX_VALUE_CHARS).is_none();
        if !usable || (self.0.len() >= MAX_NAMES && !self.0.contains_key(name)) {
            return;
        }
        let values = self.0.entry(name.to_owned()).or_default();
        if values.len() < MAX_VALUES && !values.iter().any(|known| known == value) {
            values.push(value.to_owned());
        }
    }

    /// The values of an attribute, none when it did not come.
    pub fn values(&self, name: &str) -> &[String] {
        self.0.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The first of `names` that has a value, and its values.
    fn first<'a>(&self, names: &'a [String]) -> Option<(&'a str, &[String])> {
        let name = names.iter().find(|name| self.0.contains_key(*name))?;
        Some((name, self.values(name)))
    }
}

/// Why the attributes make no person. Names of attributes and of roles only, no value that is
/// somebody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmapped {
    /// None of the attributes came.
    #[error("the ENT gave no {what}: none of {looked_for} came")]
    Missing {
        /// `identifier`, `role` or `school`.
        what: &'static str,
        /// The names that were looked for.
        looked_for: String,
    },
    /// The identifier cannot be kept.
    #[error("the identifier in {attribute} is longer than {MAX_ID_CHARS} characters")]
    LongId {
        /// Where it came.
        attribute: String,
    },
    /// A role that no list of the configuration has: a parent, for one.
    #[error("no list of [access.attributes] has the role `{value}` that came in {attribute}")]
    UnknownRole {
        /// Where it came.
        attribute: String,
        /// The first value.
        value: String,
    },
    /// Values came, and none is a school's code.
    #[error("{attribute} came, and holds no UAI (7 digits and a letter)")]
    NoUai {
        /// Where it was looked for.
        attribute: String,
    },
}

/// The person that the attributes describe. Each attribute is looked for under its names in order,
/// and the first name with a value counts. Of several roles, the first that the configuration knows
/// is taken, as the ENT puts the main profile first.
pub fn person(said: &Said, names: &Attributes) -> Result<Person, Unmapped> {
    let (id_name, ids) = found(said, "identifier", &names.id)?;
    let id = ids.first().cloned().unwrap_or_default();
    if id.chars().nth(MAX_ID_CHARS).is_some() {
        return Err(Unmapped::LongId { attribute: id_name.to_owned() });
    }
    let (role_name, roles) = found(said, "role", &names.role)?;
    let role = roles.iter().find_map(|value| role_of(value, names)).ok_or_else(|| {
        let value = roles.first().cloned().unwrap_or_default();
        Unmapped::UnknownRole { attribute: role_name.to_owned(), value }
    })?;
    let (uai_name, codes) = found(said, "school", &names.uai)?;
    let mut uais: Vec<Uai> = Vec::new();
    for uai in codes.iter().filter_map(|code| code.to_uppercase().parse().ok()) {
        if uais.len() < MAX_SCHOOLS && !uais.contains(&uai) {
            uais.push(uai);
        }
    }
    if uais.is_empty() {
        return Err(Unmapped::NoUai { attribute: uai_name.to_owned() });
    }
    let mut classes: Vec<String> = Vec::new();
    for class in said.first(&names.class).into_iter().flat_map(|(_, values)| values) {
        let label = label(class);
        if classes.len() < MAX_CLASSES && !classes.contains(&label) {
            classes.push(label);
        }
    }
    Ok(Person { id, role, uais, classes })
}

fn found<'a, 'n>(
    said: &'a Said,
    what: &'static str,
    names: &'n [String],
) -> Result<(&'n str, &'a [String]), Unmapped> {
    said.first(names).ok_or_else(|| Unmapped::Missing { what, looked_for: names.join(", ") })
}

fn role_of(value: &str, names: &Attributes) -> Option<Role> {
    let lists = [
        (&names.pupil, Role::Pupil),
        (&names.teacher, Role::Teacher),
        (&names.documentaliste, Role::Documentaliste),
        (&names.head, Role::Head),
        (&names.staff, Role::Staff),
    ];
    let value = value.to_lowercase();
    lists
        .into_iter()
        .find(|(list, _)| list.iter().any(|known| known.to_lowercase() == value))
        .map(|(_, role)| role)
}

/// What people call a class: the second part of `code##label##…`, or the whole.
fn label(class: &str) -> String {
    let label = class.split(PARTS).nth(1).map(str::trim).filter(|label| !label.is_empty());
    let whole = label.unwrap_or(class);
    whole.chars().take(MAX_CLASS_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(pairs: &[(&str, &str)]) -> Said {
        let mut said = Said::default();
        for (name, value) in pairs {
            said.add(name, value);
        }
        said
    }

    fn mapped(pairs: &[(&str, &str)]) -> Result<Person, Unmapped> {
        person(&said(pairs), &Attributes::default())
    }

    #[test]
    fn a_pupil_of_the_gar_is_known_by_identifier_role_school_and_class() {
        let pupil = mapped(&[
            ("IDO", "a1b2"),
            ("PRO", "National_elv"),
            ("UAI", "0670007U"),
            ("DIV", "2NDE04##Seconde 4"),
            ("GRO", "G1##Latin##2NDE04"),
        ])
        .unwrap();
        assert_eq!(pupil.id, "a1b2");
        assert_eq!(pupil.role, Role::Pupil);
        assert_eq!(pupil.uais, ["0670007U".parse().unwrap()]);
        assert_eq!(pupil.classes, ["Seconde 4"]);
    }

    #[test]
    fn the_first_name_with_a_value_counts_and_case_does_not() {
        let person = mapped(&[
            ("user", "login"),
            ("uid", "opaque"),
            ("PRO", "National_elv"),
            ("ENTPersonProfils", "NATIONAL_3"),
            ("ENTPersonStructRattachRNE", "0690001b"),
            ("UAI", "0670007U"),
        ])
        .unwrap();
        assert_eq!((person.id.as_str(), person.role), ("opaque", Role::Teacher));
        assert_eq!(person.uais, ["0690001B".parse().unwrap()]);
        assert!(person.classes.is_empty());
    }

    #[test]
    fn of_several_profiles_the_first_that_is_known_is_taken() {
        let profiles = [("PRO", "National_9"), ("PRO", "National_doc"), ("PRO", "National_ens")];
        let person =
            mapped(&[&[("uid", "1"), ("UAI", "0670007U")][..], &profiles[..]].concat()).unwrap();
        assert_eq!(person.role, Role::Documentaliste);
    }

    #[test]
    fn a_refusal_says_what_was_looked_for() {
        let error = mapped(&[("uid", "1"), ("UAI", "0670007U")]).unwrap_err().to_string();
        assert!(error.contains("role") && error.contains("ENTPersonProfils"), "{error}");
        let error =
            mapped(&[("uid", "1"), ("PRO", "National_2"), ("UAI", "0670007U")]).unwrap_err();
        assert!(error.to_string().contains("`National_2` that came in PRO"), "{error}");
        let error = mapped(&[("uid", "1"), ("PRO", "National_1")]).unwrap_err().to_string();
        assert!(error.contains("school") && error.contains("UAI"), "{error}");
        let error = mapped(&[("uid", "1"), ("PRO", "National_1"), ("UAI", "Strasbourg")]);
        assert_eq!(error, Err(Unmapped::NoUai { attribute: "UAI".into() }));
        assert!(matches!(mapped(&[]), Err(Unmapped::Missing { what: "identifier", .. })));
    }

    #[test]
    fn an_identifier_is_128_characters_or_fewer() {
        let with = |length| {
            mapped(&[("IDO", &"a".repeat(length)), ("PRO", "National_1"), ("UAI", "0670007U")])
        };
        assert!(with(128).is_ok());
        assert!(matches!(with(129), Err(Unmapped::LongId { .. })));
    }

    #[test]
    fn what_passes_the_bounds_is_left_out() {
        let mut said = Said::default();
        said.add("long", &"x".repeat(MAX_VALUE_CHARS + 1));
        said.add("control", "a\nb");
        said.add("empty", "  ");
        assert_eq!(said, Said::default());
        for n in 0..1000 {
            said.add("many", &n.to_string());
            said.add(&n.to_string(), "x");
        }
        assert_eq!(said.0.len(), MAX_NAMES);
        assert_eq!(said.values("many").len(), MAX_VALUES);
    }

    #[test]
    fn a_value_is_never_shown() {
        let shown = format!("{:?}", said(&[("NOM", "Curie")]));
        assert!(shown.contains("NOM") && !shown.contains("Curie"), "{shown}");
    }

    proptest! {
        #[test]
        fn whatever_comes_the_person_is_within_bounds(
            values in proptest::collection::vec("[a-zA-Z0-9#_ é]{0,600}", 0..40)
        ) {
            let mut said = Said::default();
            for value in &values {
                for name in ["uid", "DIV"] {
                    said.add(name, value);
                }
            }
            said.add("PRO", "National_1");
            said.add("UAI", "0670007U");
            if let Ok(person) = person(&said, &Attributes::default()) {
                prop_assert!((1..=MAX_ID_CHARS).contains(&person.id.chars().count()));
                prop_assert!(person.classes.iter().all(|c| c.chars().count() <= MAX_CLASS_CHARS));
            }
        }
    }
}
