//! `[access]`: where people sign in, and what the box may remember of them.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{AnswerFormat, Credentials, Period};

/// `[access]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Access {
    /// Must readers sign in?
    pub sign_in: SignIn,
    /// The region's registered service address, whose relay page sends people back to their box;
    /// nothing = the box's own address (a box alone).
    pub service: Option<Url>,
    /// How long a session lasts without a new sign-in.
    pub session: Period,
    /// A device keeps the role of who signed in there for so long after their last page.
    pub device_idle: Period,
    /// Networks in which several people have one address: signing in there gives it no role.
    pub shared_addresses: Vec<IpNet>,
    /// Last day of device passes, `YYYY-MM-DD`; nothing = the end of the term.
    pub pass_until: Option<jiff::civil::Date>,
    /// How long a person's *liste ressources* counts when the GAR does not say.
    pub rights_kept: Period,
    /// Sign-in by CAS 3.
    pub cas: Option<Cas>,
    /// Sign-in by OpenID Connect.
    pub oidc: Option<Oidc>,
    /// Which attributes of the ENT say what.
    pub attributes: Attributes,
    /// Where a person's *liste ressources* is asked; nothing = subscriptions alone decide.
    pub resource_list: Option<PersonalList>,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            sign_in: SignIn::Required,
            service: None,
            session: Period::hours(12),
            device_idle: Period::hours(2),
            shared_addresses: Vec::new(),
            pass_until: None,
            rights_kept: Period::hours(30 * 24),
            cas: None,
            oidc: None,
            attributes: Attributes::default(),
            resource_list: None,
        }
    }
}

/// Must readers sign in?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SignIn {
    /// Nobody reads without.
    #[default]
    Required,
    /// Everyone on the network reads what is for all pupils (a box without an ENT).
    Off,
}

/// `[access.cas]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cas {
    /// Base address: `login` and `p3/serviceValidate` are below it.
    pub url: Url,
    /// Added to the sign-in address, each `name=value`, such as `selection=EDU`.
    #[serde(default)]
    pub parameters: Vec<String>,
}

/// `[access.oidc]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// The issuer; every other address comes from its discovery document.
    pub issuer: Url,
    /// The client identifier registered for the region.
    pub client_id: String,
    /// A file holding the client secret; nothing = a public client.
    pub client_secret_file: Option<std::path::PathBuf>,
    /// Scopes asked for beside `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// `[access.attributes]`: names tried in order; the first that has a value counts.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Attributes {
    /// The opaque identifier. The CAS user and the OpenID subject are `user` and `sub`.
    pub id: Vec<String>,
    /// The role.
    pub role: Vec<String>,
    /// The schools.
    pub uai: Vec<String>,
    /// The classes.
    pub class: Vec<String>,
    /// Values of `role` that make a pupil; upper and lower case are the same.
    pub pupil: Vec<String>,
    /// Values that make a teacher.
    pub teacher: Vec<String>,
    /// Values that make a documentaliste.
    pub documentaliste: Vec<String>,
    /// Values that make a head.
    pub head: Vec<String>,
    /// Values that make another member of the staff.
    pub staff: Vec<String>,
}

impl Default for Attributes {
    fn default() -> Self {
        let names = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        Self {
            id: names(&["uid", "user", "sub", "IDO"]),
            role: names(&["ENTPersonProfils", "ENTPersonProfil", "Profil", "PRO", "categories"]),
            uai: names(&["ENTPersonStructRattachRNE", "ENTPersonStructRattachUAI", "UAI"]),
            class: names(&["ENTEleveClasses", "ENTEleveClasse", "Classe", "DIV"]),
            pupil: names(&["National_ELV", "National_1"]),
            teacher: names(&["National_ENS", "National_3"]),
            documentaliste: names(&["National_DOC"]),
            head: names(&["National_DIR", "National_4"]),
            staff: names(&[
                "National_EVS",
                "National_ETA",
                "National_COL",
                "National_5",
                "National_6",
                "National_7",
            ]),
        }
    }
}

/// `[access.resource_list]`
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PersonalList {
    /// Base address: `…/ressources/{ent}/{uai}/{person}` is below it.
    pub url: Url,
    /// The ENT project's opaque code.
    pub ent: String,
    /// Which form of answer to ask for.
    #[serde(default)]
    pub format: AnswerFormat,
    /// How the box proves who it is.
    #[serde(default)]
    pub credentials: Credentials,
}
