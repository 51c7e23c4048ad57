//! Walking a feed: its pages, the feeds below it, each once, never to another site.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;
use tokio::time::Instant;
use url::{Origin as Site, Url};

use super::{
    SourceError,
    ask::{Question, ask, read},
    told,
};
use crate::{
    catalogue::{
        entry::{MAX_ENTRIES, Missing, Outcome, Part},
        gar::Place,
        opds,
        text::Notes,
    },
    config::FeedSource,
    net::client::{Client, Shown},
};

/// Pages of one feed, all told.
const MAX_PAGES: usize = 1_000;
/// Feeds below feeds below the first.
const MAX_DEPTH: usize = 5;
/// Pages that may fail before the walk is given up.
const MAX_FAILED_PAGES: usize = 5;
/// Bytes of one feed, all pages told: what is kept of it stays in memory.
const MAX_FEED_BYTES: usize = 96 << 20;
/// Longest walk: what it brought until then is taken, the rest stays as it was.
const WALK_TIME: Duration = Duration::from_mins(15);
const ACCEPT: &str =
    "application/opds+json, application/opds-publication+json;q=0.9, application/json;q=0.5";

/// A page to ask for.
struct Step {
    url: Url,
    depth: usize,
    /// Does the list before it end without it? A category that is gone is no loss; a page is.
    continues: bool,
}

struct Walk<'a> {
    source: &'a FeedSource,
    client: &'a Client,
    place: &'a Place,
    /// Sites that the feed may lead to: its own, and where its first page redirects.
    sites: Vec<Site>,
    seen: HashSet<Url>,
    queue: VecDeque<Step>,
    entries: usize,
    /// Bytes of the pages read.
    bytes: usize,
    failures: Vec<String>,
    notes: Notes,
    parts: Vec<Part>,
    incomplete: bool,
}

/// Reads the whole feed. A page that fails leaves the walk incomplete: what the last good answer
/// had beside is then kept.
pub(super) async fn walk(
    source: &FeedSource,
    client: &Client,
    place: &Place,
    now: Timestamp,
) -> Outcome {
    let first = Step { url: source.url.clone(), depth: 0, continues: true };
    let mut walk = Walk {
        source,
        client,
        place,
        sites: vec![source.url.origin()],
        seen: HashSet::from([source.url.clone()]),
        queue: VecDeque::from([first]),
        entries: 0,
        bytes: 0,
        failures: Vec::new(),
        notes: Notes::default(),
        parts: Vec::new(),
        incomplete: false,
    };
    let begun = Instant::now();
    let mut pages = 0;
    while let Some(step) = walk.queue.pop_front() {
        if pages >= MAX_PAGES || walk.entries >= MAX_ENTRIES {
            walk.notes.add(&format!("what follows {pages} pages and {} entries", walk.entries));
            break;
        }
        if begun.elapsed() > WALK_TIME {
            walk.incomplete = true;
            walk.failures.push(format!("{pages} pages within {WALK_TIME:?}, and there are more"));
            break;
        }
        if walk.bytes >= MAX_FEED_BYTES {
            walk.incomplete = true;
            let read = walk.bytes;
            walk.failures.push(format!("{pages} pages of {read} bytes, and there are more"));
            break;
        }
        pages += 1;
        walk.step(step, now).await;
        if walk.failures.len() >= MAX_FAILED_PAGES {
            break;
        }
    }
    Outcome {
        parts: walk.parts,
        missing: if walk.incomplete { Missing::Unknown } else { Missing::None },
        failure: told(&walk.failures),
        refused: walk.notes.into_lines(),
    }
}

impl Walk<'_> {
    async fn step(&mut self, step: Step, now: Timestamp) {
        match self.fetch(&step).await {
            Ok((page, url)) => {
                self.seen.insert(url);
                self.entries += page.entries.len();
                self.notes.extend(page.refused);
                self.parts.push(Part { key: step.url.to_string(), at: now, entries: page.entries });
                if let Some(next) = page.next {
                    self.follow(next, step.depth, true);
                }
                for below in page.below {
                    self.follow(below, step.depth + 1, false);
                }
            }
            Err(SourceError::Status { url, status, .. })
                if !step.continues
                    && matches!(status, StatusCode::NOT_FOUND | StatusCode::GONE) =>
            {
                self.notes.add(&format!("{url}: no such feed ({status})"));
            }
            Err(error) => {
                self.incomplete = true;
                self.failures.push(error.to_string());
            }
        }
    }

    async fn fetch(&mut self, step: &Step) -> Result<(opds::Page, Url), SourceError> {
        let (bytes, url) = ask(self.client, Question::get(step.url.clone(), ACCEPT)).await?;
        self.bytes = self.bytes.saturating_add(bytes.len());
        if self.parts.is_empty() && !self.sites.contains(&url.origin()) {
            self.sites.push(url.origin());
        }
        let origin = opds::Origin {
            source: self.source.name.clone(),
            url: url.clone(),
            zone: self.place.zone.clone(),
        };
        let page = read(move || opds::page(&bytes, &origin)).await?;
        let page = page.map_err(|reason| SourceError::Answer { url: (&url).into(), reason })?;
        Ok((page, url))
    }

    fn follow(&mut self, url: Url, depth: usize, continues: bool) {
        if !self.sites.contains(&url.origin()) {
            self.notes.add(&format!("{}: on another site, not followed", Shown::from(&url)));
        } else if depth > MAX_DEPTH {
            self.notes.add(&format!("{}: more than {MAX_DEPTH} feeds deep", Shown::from(&url)));
        } else if self.seen.insert(url.clone()) {
            self.queue.push_back(Step { url, depth, continues });
        }
    }
}
