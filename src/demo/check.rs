//! The whole story by itself, each step asserted: `preau demo --check`.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use indicatif::HumanBytes;

use super::{
    box_process::BoxProcess,
    manuals::{self, Kind, Printed},
    peers::Peers,
    people::DOCUMENTALISTE,
    reader::{CameBack, Reader},
    rights,
};

/// Rate of the link while the cut is prepared, in bytes a second.
const SLOW_LINK: u64 = 40_000_000;
/// The cut comes when this many hundredths of all bytes have crossed the link.
const CUT_AT_PERCENT: u64 = 35;
/// Feeds, covers, answers of the GAR, and what was in flight at the cut, on top of the packages.
const SPARE_BYTES: u64 = 24 << 20;
/// A new version with three changed pages may move this many hundredths of its size.
const MOST_DELTA_PERCENT: u64 = 20;
/// Exit code of `preau sync` when something failed and will be tried again (sysexits `EX_TEMPFAIL`).
const TEMPORARY_FAILURE: i32 = 75;
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A demo school in the middle of its story.
#[derive(Debug)]
pub struct Story<'a> {
    /// Its folder.
    pub folder: &'a Path,
    /// The manuals its distributor has.
    pub printed: Vec<Printed>,
    /// ENT, GAR, distributor and link.
    pub peers: &'a Peers,
    /// The box.
    pub school: BoxProcess,
    /// The documentaliste, who may read everything.
    pub reader: Reader,
    /// A pupil of 2de.
    pub pupil: Reader,
}

/// Says what a step promised, what it showed and how long it took.
struct Steps {
    done: usize,
    since: Instant,
}

impl Steps {
    fn passed(&mut self, promise: &str, shown: &str) {
        self.done += 1;
        let took = self.since.elapsed().as_secs_f32();
        println!("✓ {:>2}. {promise}: {shown} ({took:.1} s)", self.done);
        self.since = Instant::now();
    }
}

impl Story<'_> {
    /// Tells the story; an error names the promise that was not kept.
    pub async fn check(mut self) -> Result<()> {
        let mut steps = Steps { done: 0, since: Instant::now() };
        let told = self.tell(&mut steps).await;
        if let Err(error) = told {
            let log = self.school.log();
            return Err(error.context(format!("step {} of the demo\n{log}", steps.done + 1)));
        }
        self.school.stop().await.context("the box does not stop")?;
        steps.passed("the box stops when told", "exit code 0");
        println!("The demo school keeps its promises: {} steps.", steps.done);
        Ok(())
    }

    async fn tell(&mut self, steps: &mut Steps) -> Result<()> {
        let shown = self.cut_in_mid_download().await?;
        steps.passed("the link is cut in mid-download, what is here is read", &shown);
        let shown = self.restored().await?;
        steps.passed("the link is mended, downloads go on where they were", &shown);
        let shown = rights::pupil_reads_what_is_theirs(&self.pupil, &self.printed).await?;
        steps
            .passed("a pupil signs in, reads what is theirs, and is told why not the rest", &shown);
        self.peers.link.cut();
        let shown = self.read_everything().await?;
        steps.passed("the link is cut, every manual is read and downloaded", &shown);
        let shown = self.find_everything().await?;
        steps.passed("every manual is found, with a wrong letter too", &shown);
        let shown = self.sources_fail().await?;
        steps.passed("sources that fail empty no shelf", &shown);
        let shown = self.restart().await?;
        steps.passed("the box starts again without Internet", &shown);
        let shown = rights::pass_lets_in(&self.pupil, &self.printed).await?;
        steps.passed("with the link cut the pupil's pass lets in, to what is theirs alone", &shown);
        let shown = self.new_version().await?;
        steps.passed("a new version moves what changed", &shown);
        let output = self.school.ask(&["store", "verify"]).await?;
        ensure!(output.status.success(), "store verify: {output:?}");
        steps.passed("every package is what its name says", "preau store verify");
        Ok(())
    }

    fn total_bytes(&self) -> u64 {
        self.printed.iter().map(|p| p.written.size).sum()
    }

    async fn cut_in_mid_download(&mut self) -> Result<String> {
        let (link, total) = (&self.peers.link, self.total_bytes());
        link.set_rate(Some(SLOW_LINK));
        link.restore();
        self.reader.sign_in(DOCUMENTALISTE).await.context("signing in at the ENT")?;
        let output = self.school.ask(&["sync", "--no-wait"]).await?;
        ensure!(output.status.success(), "sync --no-wait: {output:?}");
        let (cut_at, begun) = (total * CUT_AT_PERCENT / 100, Instant::now());
        while link.moved().down < cut_at {
            if begun.elapsed() > PATIENCE {
                bail!("{} of {total} bytes crossed the link in {PATIENCE:?}", link.moved().down);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        link.cut();
        let here = self.reader.offered().await?;
        let bytes: u64 = here.iter().map(|o| o.size).sum();
        ensure!(bytes < total, "everything was here before the cut");
        for offered in &here {
            self.reader.read_whole(&offered.blob).await?;
        }
        self.shelf_is_full().await?;
        let moved = HumanBytes(link.moved().down);
        Ok(format!("at {moved} of {}, {} manuals are read", HumanBytes(total), here.len()))
    }

    /// The shelf names every manual, here or not.
    async fn shelf_is_full(&self) -> Result<String> {
        let shelf = self.reader.page("").await?;
        for one in &self.printed {
            let known = shelf.contains(one.manual.title);
            ensure!(known, "'{}' is not on the shelf", one.manual.title);
        }
        Ok(shelf)
    }

    async fn restored(&mut self) -> Result<String> {
        let (link, total) = (&self.peers.link, self.total_bytes());
        link.set_rate(None);
        link.restore();
        let output = self.school.ask(&["sync"]).await?;
        ensure!(output.status.success(), "sync: {output:?}");
        let moved = link.moved().down;
        ensure!(
            moved < total + SPARE_BYTES,
            "{moved} bytes crossed the link for {total}: downloads began anew"
        );
        let here = self.reader.offered().await?.len();
        ensure!(here == self.printed.len(), "{here} of {} are lent", self.printed.len());
        Ok(format!("{} moved for {}", HumanBytes(moved), HumanBytes(total)))
    }

    async fn read_everything(&self) -> Result<String> {
        ensure!(!self.peers.link.is_up(), "the link is not cut");
        let before = self.peers.link.moved().down;
        let (mut resources, mut bytes) = (0, 0);
        for one in &self.printed {
            let blob = &one.written.sha256;
            let named = || format!("reading '{}'", one.manual.title);
            resources += self.reader.read_whole(blob).await.with_context(named)?;
            bytes += self.reader.download(blob).await.with_context(named)?;
        }
        ensure!(self.peers.link.moved().down == before, "bytes crossed a link that is cut");
        let count = self.printed.len();
        Ok(format!("{count} manuals, {resources} resources, {}", HumanBytes(bytes)))
    }

    async fn find_everything(&self) -> Result<String> {
        for one in &self.printed {
            let title = one.manual.title;
            for query in [title.to_owned(), misspelt(title)] {
                let encoded: String =
                    url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
                let found = self.reader.page(&format!("recherche?q={encoded}")).await?;
                ensure!(found.contains(&format!(">{title}</a>")), "'{query}' finds no '{title}'");
            }
        }
        Ok(format!("such as “{}”", misspelt(self.printed.first().map_or("", |p| p.manual.title))))
    }

    async fn sources_fail(&self) -> Result<String> {
        let output = self.school.ask(&["sync"]).await?;
        let code = output.status.code();
        ensure!(code == Some(TEMPORARY_FAILURE), "sync without a link ends with {code:?}");
        let shelf = self.shelf_is_full().await?;
        ensure!(shelf.contains("class=\"notice\""), "the shelf does not say how old it is");
        Ok(format!("{} manuals stay, their age is shown", self.printed.len()))
    }

    async fn restart(&mut self) -> Result<String> {
        self.school.stop().await?;
        let (again, took) = BoxProcess::start(self.folder, self.school.address).await?;
        self.school = again;
        let how = self.reader.come_back().await.context("coming back without Internet")?;
        let first = self.printed.first().context("no manual")?;
        self.reader.read(&format!("lire/{}/1", first.written.sha256)).await?;
        self.shelf_is_full().await?;
        let how = match how {
            CameBack::BySession => "sessions go on",
            CameBack::ByPass => "the pass of the browser lets in",
        };
        Ok(format!("pages answer after {} ms, {how}", took.as_millis()))
    }

    async fn new_version(&mut self) -> Result<String> {
        let largest = self.printed.iter().filter(|p| p.manual.kind == Kind::FixedEpub);
        let old = largest.max_by_key(|p| p.written.size).context("no fixed-layout manual")?.clone();
        let (manual, folder) = (old.manual.clone(), self.folder.join("printed"));
        let printing = move || manuals::print(&manual, 2, &folder, &mut |_| {});
        let new = tokio::task::spawn_blocking(printing).await??;
        let (blob, size) = (new.written.sha256, new.written.size);
        self.peers.publish(new).await?;
        self.peers.link.restore();
        let before = self.peers.link.moved().down;
        let output = self.school.ask(&["sync"]).await?;
        ensure!(output.status.success(), "sync: {output:?}");
        let moved = self.peers.link.moved().down - before;
        self.peers.link.cut();
        ensure!(moved * 100 < size * MOST_DELTA_PERCENT, "{moved} bytes moved for {size}");
        self.reader.read_whole(&blob).await.context("the new version")?;
        self.reader.read_whole(&old.written.sha256).await.context("the old version")?;
        let tenths = moved * 1000 / size;
        let (moved, size) = (HumanBytes(moved), HumanBytes(size));
        let share = format!("{}.{} %", tenths / 10, tenths % 10);
        Ok(format!("{moved} for {size} ({share}), old pages stay readable"))
    }
}

/// A title whose longest word has one letter wrong.
fn misspelt(title: &str) -> String {
    let longest = title.split_whitespace().max_by_key(|word| word.chars().count());
    let longest = longest.unwrap_or_default();
    let middle = longest.chars().count() / 2;
    let wrong = longest.chars().enumerate().map(|(n, c)| match c {
        _ if n != middle => c,
        'x' => 'y',
        _ => 'x',
    });
    title.replacen(longest, &wrong.collect::<String>(), 1)
}
