//! Small resources that were read lately, ready to be sent: bounded by their bytes.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderValue;
use lru::LruCache;

/// What an entry takes beside its bytes: keys, list and map nodes, about.
const ENTRY_OVERHEAD_BYTES: usize = 300;

/// A resource as it is sent.
#[derive(Debug)]
pub struct Ready {
    /// Its bytes, coded or not.
    pub bytes: Bytes,
    /// Is it a gzip file?
    pub gzip: bool,
    /// Does a client that takes other codings get other bytes?
    pub varies: bool,
    /// Media type.
    pub media_type: HeaderValue,
    /// Strong entity tag.
    pub etag: HeaderValue,
}

/// Resources by address, as clients that take gzip get them and as the others do.
#[derive(Debug)]
pub struct HotResources {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    bytes: usize,
    resources: LruCache<Key, Arc<Ready>>,
}

/// An address, and whether the client takes gzip.
type Key = (Box<str>, bool);

fn cost(key: &Key, ready: &Ready) -> usize {
    key.0.len() + ready.bytes.len() + ENTRY_OVERHEAD_BYTES
}

impl HotResources {
    /// At most `most` bytes in all.
    pub fn new(most: usize) -> Self {
        let held = Held { bytes: 0, resources: LruCache::unbounded() };
        Self { most, held: Mutex::new(held) }
    }

    /// A resource by its address.
    pub fn get(&self, path: &str, gzip: bool) -> Option<Arc<Ready>> {
        let key = (path.into(), gzip);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.resources.get(&key).cloned()
    }

    /// Keeps a resource, and lets go of those read longest ago.
    pub fn put(&self, path: &str, gzip: bool, ready: &Arc<Ready>) {
        let key = (path.into(), gzip);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.bytes += cost(&key, ready);
        if let Some((key, old)) = held.resources.push(key, ready.clone()) {
            held.bytes -= cost(&key, &old);
        }
        while held.bytes > self.most {
            let Some((key, old)) = held.resources.pop_lru() else { break };
            held.bytes -= cost(&key, &old);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(length: usize) -> Arc<Ready> {
        Arc::new(Ready {
            bytes: Bytes::from(vec![0; length]),
            gzip: false,
            varies: false,
            media_type: HeaderValue::from_static("text/plain"),
            etag: HeaderValue::from_static("\"x\""),
        })
    }

    #[test]
    fn what_was_read_longest_ago_gives_way() {
        let cache = HotResources::new(4000);
        cache.put("a", false, &ready(1000));
        cache.put("b", false, &ready(1000));
        assert!(cache.get("a", false).is_some());
        cache.put("c", false, &ready(1500));
        assert!(cache.get("b", false).is_none());
        assert!(cache.get("a", false).is_some() && cache.get("c", false).is_some());
        assert!(cache.get("a", true).is_none());
        cache.put("huge", true, &ready(10_000));
        assert_eq!(cache.held.lock().unwrap().bytes, 0);
    }

    #[test]
    fn the_same_address_counts_once() {
        let cache = HotResources::new(4000);
        for _ in 0..100 {
            cache.put("a", true, &ready(1000));
        }
        assert!(cache.get("a", true).is_some());
        assert_eq!(cache.held.lock().unwrap().bytes, 1 + 1000 + ENTRY_OVERHEAD_BYTES);
    }
}
