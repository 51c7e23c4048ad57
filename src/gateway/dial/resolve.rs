//! Names to addresses. Who resolves is given; what it said is kept for a moment, so that a page with
//! fifty pictures asks once.

use std::{
    fmt, io,
    net::IpAddr,
    num::NonZeroUsize,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;

/// How long an answer counts: shorter than any sensible TTL.
const KEPT: Duration = Duration::from_secs(10);
/// Names remembered.
const MAX_NAMES: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
/// Addresses of one name that are looked at.
const MAX_ADDRESSES: usize = 16;

type Answer = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Asks for the addresses of a name (lower case, no trailing dot).
#[derive(Clone)]
pub struct Resolver(Arc<dyn Fn(&str) -> Answer + Send + Sync>);

impl Resolver {
    /// That asks by this function.
    pub fn new<F, Fut>(ask: F) -> Self
    where
        F: Fn(String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = io::Result<Vec<IpAddr>>> + Send + 'static,
    {
        Self(Arc::new(move |name| Box::pin(ask(name.to_owned()))))
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// The system's resolver (`getaddrinfo(3)`).
pub fn system() -> Resolver {
    Resolver::new(|name| async move {
        // With its final dot the name is whole: the machine's search list is not for devices.
        let found = tokio::net::lookup_host((format!("{name}."), 0)).await;
        let found = match found {
            // Files of hosts know their names without the dot.
            Err(_) => tokio::net::lookup_host((name, 0)).await?.collect::<Vec<_>>(),
            Ok(found) => found.collect(),
        };
        Ok(found.into_iter().map(|place| place.ip()).collect())
    })
}

/// Addresses of names, and since when they are known.
type Known = LruCache<String, (Instant, Arc<[IpAddr]>)>;

/// A resolver with a short memory.
pub struct Names {
    resolver: Resolver,
    known: Mutex<Known>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").finish_non_exhaustive()
    }
}

impl Names {
    pub fn new(resolver: Resolver) -> Self {
        Self { resolver, known: Mutex::new(LruCache::new(MAX_NAMES)) }
    }

    /// Failures are not remembered: the link may be back in a second.
    pub async fn of(&self, name: &str) -> io::Result<Arc<[IpAddr]>> {
        let now = Instant::now();
        if let Some((since, addresses)) = self.known().get(name)
            && now.duration_since(*since) < KEPT
        {
            return Ok(addresses.clone());
        }
        let mut found = (self.resolver.0)(name).await?;
        found.truncate(MAX_ADDRESSES);
        let addresses: Arc<[IpAddr]> = found.into();
        self.known().put(name.to_owned(), (now, addresses.clone()));
        Ok(addresses)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[tokio::test]
    async fn a_name_is_asked_once_in_a_moment_and_a_failure_again_at_once() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = asked.clone();
        let names = Names::new(Resolver::new(move |name| {
            counted.fetch_add(1, SeqCst);
            async move {
                let good = name == "good.example";
                if good { Ok(vec![[192, 0, 2, 1].into()]) } else { Err(io::Error::other("no")) }
            }
        }));
        for _ in 0..3 {
            assert_eq!(names.of("good.example").await.unwrap().len(), 1);
            assert!(names.of("bad.example").await.is_err());
        }
        assert_eq!(asked.load(SeqCst), 1 + 3);
    }
}
