//! What sources tell and watchers find, in lines for the command line.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    finding::{Finding, Watcher},
    sample::{Sample, Source, Telling},
};

/// A value, in a line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueLine {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// When it was measured.
    pub at: Timestamp,
    /// The value, in the unit of the name.
    pub value: f64,
}

impl From<&Sample> for ValueLine {
    fn from(sample: &Sample) -> Self {
        let names = sample.metric.labels.iter().map(|&name| name.to_owned());
        Self {
            name: sample.metric.name.to_owned(),
            labels: names.zip(sample.labels.iter().cloned()).collect(),
            at: sample.at,
            value: sample.value,
        }
    }
}

/// How the box is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BoxLines {
    /// What is measured; nothing: it was not looked at yet.
    pub values: Vec<ValueLine>,
    /// What is watched, and how it is.
    pub findings: Vec<Finding>,
}

impl BoxLines {
    /// What these say now.
    pub fn of(sources: &[&dyn Source], watchers: &[&dyn Watcher], now: Timestamp) -> Self {
        let mut telling = Telling::default();
        for source in sources {
            source.tell(now, &mut telling);
        }
        Self {
            values: telling.samples().iter().map(ValueLine::from).collect(),
            findings: watchers.iter().flat_map(|watcher| watcher.findings(now)).collect(),
        }
    }
}
