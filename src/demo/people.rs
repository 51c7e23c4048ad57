//! The dozen people of the demo school, and what the GAR gave each of them.

use crate::access::Role;

/// Someone of the school, as its ENT knows them.
#[derive(Debug, Clone, Copy)]
pub struct DemoPerson {
    /// Opaque identifier: all that the box hears of them beside role and class.
    pub id: &'static str,
    /// What the ENT's own page calls them.
    pub name: &'static str,
    /// Role.
    pub role: Role,
    /// Classes.
    pub classes: &'static [&'static str],
    /// Manuals given to them one by one (*affectations*), by slug.
    pub given: Given,
}

/// Manuals given one by one.
#[derive(Debug, Clone, Copy)]
pub enum Given {
    /// These.
    Some(&'static [&'static str]),
    /// Every one.
    All,
}

impl DemoPerson {
    /// Was it given to them?
    pub fn was_given(&self, slug: &str) -> bool {
        match self.given {
            Given::All => true,
            Given::Some(slugs) => slugs.contains(&slug),
        }
    }

    /// What they do, in French.
    pub fn does(&self) -> &'static str {
        match self.role {
            Role::Pupil => "élève",
            Role::Teacher => "professeur",
            Role::Documentaliste => "professeure documentaliste",
            Role::Head => "proviseure",
            Role::Staff => "personnel",
        }
    }
}

const SECONDE: &[&str] = &["2de 3"];
const PREMIERE: &[&str] = &["1re G1"];

const fn pupil(
    id: &'static str,
    name: &'static str,
    classes: &'static [&'static str],
    given: &'static [&'static str],
) -> DemoPerson {
    DemoPerson { id, name, role: Role::Pupil, classes, given: Given::Some(given) }
}

const fn teacher(
    id: &'static str,
    name: &'static str,
    classes: &'static [&'static str],
    given: &'static [&'static str],
) -> DemoPerson {
    DemoPerson { id, name, role: Role::Teacher, classes, given: Given::Some(given) }
}

/// The pupil of the story that is told by itself.
pub const PUPIL: &str = "demo-e01";
/// The documentaliste, who may read everything; her list is also how the box learns what there is.
pub const DOCUMENTALISTE: &str = "demo-documentaliste";

/// Everyone; each is given something else.
pub const PEOPLE: [DemoPerson; 12] = [
    pupil(PUPIL, "Léa Martin", SECONDE, &["anglais-seconde", "espagnol-seconde", "svt-terminale"]),
    pupil("demo-e02", "Yanis Benali", SECONDE, &["anglais-seconde", "espagnol-seconde"]),
    pupil("demo-e03", "Chloé Petit", SECONDE, &["anglais-seconde"]),
    pupil("demo-e04", "Noé Garcia", SECONDE, &["espagnol-seconde"]),
    pupil(
        "demo-e05",
        "Inès Moreau",
        PREMIERE,
        &["histoire-premiere", "mathematiques-premiere", "francais-premiere"],
    ),
    pupil(
        "demo-e06",
        "Adam Diallo",
        PREMIERE,
        &["histoire-premiere", "ses-premiere", "francais-premiere"],
    ),
    pupil("demo-e07", "Jade Nguyen", PREMIERE, &["histoire-premiere", "francais-premiere"]),
    teacher("demo-p01", "Paul Rousseau", &["2de 3", "1re G1"], &["histoire-premiere"]),
    teacher(
        "demo-p02",
        "Claire Lefèvre",
        PREMIERE,
        &["mathematiques-premiere", "physique-chimie-terminale", "svt-terminale"],
    ),
    teacher("demo-p03", "Marek Kowalski", SECONDE, &["anglais-seconde", "espagnol-seconde"]),
    DemoPerson {
        id: DOCUMENTALISTE,
        name: "Hélène Caron",
        role: Role::Documentaliste,
        classes: &[],
        given: Given::All,
    },
    DemoPerson {
        id: "demo-proviseure",
        name: "Anne Dubois",
        role: Role::Head,
        classes: &[],
        given: Given::Some(&[]),
    },
];

/// The person of an identifier.
pub fn person(id: &str) -> Option<&'static DemoPerson> {
    PEOPLE.iter().find(|person| person.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::demo::manuals;

    #[test]
    fn everyone_is_themselves_and_is_given_manuals_that_exist() {
        let ids: HashSet<_> = PEOPLE.iter().map(|person| person.id).collect();
        assert_eq!(ids.len(), PEOPLE.len());
        let slugs: HashSet<_> = manuals::manuals().iter().map(|manual| manual.slug).collect();
        for person in &PEOPLE {
            if let Given::Some(given) = person.given {
                assert!(given.iter().all(|slug| slugs.contains(slug)), "{}", person.name);
            }
        }
    }
}
