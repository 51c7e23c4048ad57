//! What differs between the configuration in force and a new one.

use serde_json::Value;

use super::{Config, Control, Https, Network};

/// One key that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Such as `mirror.rate`.
    pub key: String,
    /// Can the running daemon take it up? Else it waits for a restart.
    pub live: bool,
}

/// Sections and keys that rooms take up while they run.
const LIVE: [&str; 7] = [
    "catalogue",
    "mirror",
    "filter",
    "network.drain",
    "control.group",
    "https.certificate",
    "https.key",
];

impl Config {
    /// This configuration with what a running daemon can take up from `new`.
    #[must_use]
    pub fn with_live(&self, new: &Self) -> Self {
        Self {
            https: Https {
                certificate: new.https.certificate.clone(),
                key: new.https.key.clone(),
                ..self.https.clone()
            },
            catalogue: new.catalogue.clone(),
            mirror: new.mirror.clone(),
            filter: new.filter.clone(),
            network: Network { drain: new.network.drain, ..self.network.clone() },
            control: Control { group: new.control.group.clone(), ..self.control.clone() },
            ..self.clone()
        }
    }
}

/// The keys that differ, in the order of the alphabet.
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let mut keys = Vec::new();
    // A configuration has text keys only, so that this cannot fail.
    let value = |config| serde_json::to_value(config).unwrap_or_default();
    differing("", &value(old), &value(new), &mut keys);
    let live = |key: &str| {
        LIVE.iter().any(|known| {
            key.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    keys.into_iter().map(|key| Change { live: live(&key), key }).collect()
}

fn differing(prefix: &str, old: &Value, new: &Value, keys: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                differing(&path, value, new.get(key).unwrap_or(&Value::Null), keys);
            }
        }
        _ if old != new => keys.push(prefix.to_owned()),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_says_whether_it_waits_for_a_restart() {
        let config = |more: &str| {
            let text = format!(
                "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n{more}"
            );
            Config::parse("t", &text).unwrap().0
        };
        let old = config("");
        let new = config("[mirror]\nparallel = 3\n[network]\nlisten = [\"127.0.0.1:8080\"]\n");
        let seen: Vec<_> =
            changes(&old, &new).into_iter().map(|change| (change.key, change.live)).collect();
        let expected = [("mirror.parallel".to_owned(), true), ("network.listen".to_owned(), false)];
        assert_eq!(seen, expected);
        assert!(changes(&old, &old).is_empty());
        let left = changes(&old.with_live(&new), &new);
        assert!(left.iter().all(|change| !change.live), "{left:?}");
        assert_eq!(left.len(), 1);
    }
}
