//! Whoever measures, in one list: the reporters and the incidents read it.

use std::sync::Arc;

use crate::health::{finding::Watcher, sample::Source};

/// Who has values to tell, and who finds things wrong.
#[derive(Debug, Default)]
pub(super) struct Measuring {
    /// Their values go to the region, and to `/metrics`.
    pub(super) sources: Vec<Arc<dyn Source>>,
    /// Their findings become incidents.
    pub(super) watchers: Vec<Arc<dyn Watcher>>,
}
