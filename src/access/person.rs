//! A person as the box knows one: an opaque identifier, a role, schools and classes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::config::Uai;

/// What a person is at the school.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// *Élève*.
    Pupil,
    /// *Enseignant*.
    Teacher,
    /// *Professeur documentaliste*.
    Documentaliste,
    /// *Chef d'établissement*.
    Head,
    /// Any other member of the staff.
    Staff,
}

impl Role {
    /// The GAR's word for it among the publics of a subscription (`publicCible`).
    pub fn public(self) -> &'static str {
        match self {
            Self::Pupil => "ELEVE",
            Self::Teacher => "ENSEIGNANT",
            Self::Documentaliste => "DOCUMENTALISTE",
            Self::Head | Self::Staff => "AUTRE PERSONNEL",
        }
    }

    /// May make help codes and open class moments?
    pub fn teaches(self) -> bool {
        matches!(self, Self::Teacher | Self::Documentaliste)
    }

    /// May see how often manuals are opened?
    pub fn sees_indicators(self) -> bool {
        matches!(self, Self::Documentaliste | Self::Head)
    }
}

/// A person who signed in. The identifier is the ENT's opaque one; the box knows no name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Person {
    /// Opaque identifier, at most 128 characters.
    pub id: String,
    /// Role.
    pub role: Role,
    /// Schools.
    pub uais: Vec<Uai>,
    /// Classes, as people read them.
    pub classes: Vec<String>,
}

/// What the GAR says a person was given (*liste ressources*).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
pub enum Assigned {
    /// Nobody keeps such lists for this person: the role alone decides.
    #[default]
    ByRole,
    /// These resources, by canonical identifier, until a stated date.
    Known {
        /// Canonical identifiers, as of [`crate::catalogue::Holding::names`].
        names: BTreeSet<String>,
        /// First moment at which the list no longer counts.
        until: Timestamp,
    },
    /// There should be a list, and the box never had it.
    Unknown,
}

impl Assigned {
    /// First moment at which the list no longer counts, when there is one.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Known { until, .. } => Some(*until),
            Self::ByRole | Self::Unknown => None,
        }
    }
}
