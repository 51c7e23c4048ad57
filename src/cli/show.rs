//! What is shown while a command runs: bars on a terminal, lines elsewhere, nothing for scripts
//! that asked for JSON.

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, IsTerminal as _},
};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use preau::{
    catalogue::ImportProgress,
    control::protocol::{Event, Moving, SourceLine},
    mirror::{Finished, Transfer},
};

/// Characters of a title beside its bar.
const TITLE_CHARS: usize = 32;
const BAR: &str = "{prefix:32} [{bar:24}] {bytes:>10}/{total_bytes:10} {msg}";
const SPINNER: &str = "{prefix:32} {spinner} {bytes:>10} {msg}";

/// The display of one command.
pub struct Show {
    kind: Kind,
    bars: MultiProgress,
    /// One a transfer, by holding.
    moving: BTreeMap<String, ProgressBar>,
    /// The one of an import or a verification.
    single: Option<ProgressBar>,
    /// Packages that were said to have come: holding and moment.
    said: Option<HashSet<(String, jiff::Timestamp)>>,
    file: String,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bars,
    Lines,
    Nothing,
}

impl Show {
    pub fn new(json: bool) -> Self {
        let kind = match (json, io::stderr().is_terminal()) {
            (true, _) => Kind::Nothing,
            (false, true) => Kind::Bars,
            (false, false) => Kind::Lines,
        };
        let (bars, moving) = (MultiProgress::new(), BTreeMap::new());
        Self { kind, bars, moving, single: None, said: None, file: String::new() }
    }

    /// Something happened.
    pub fn event(&mut self, event: &Event) {
        if self.kind == Kind::Nothing {
            return;
        }
        match event {
            Event::Alive
            | Event::Holdings(_)
            | Event::AccessPoints(_)
            | Event::Incidents(_)
            | Event::Metrics(_) => {}
            Event::Sources(sources) => self.sources(sources),
            Event::Moving(moving) => self.moving(moving),
            Event::Import(at) => self.import(at),
            Event::Throughput(moved) => {
                let way = if moved.up { "sending" } else { "fetching" };
                self.single(moved.bytes, moved.most, way);
            }
            Event::Verify { done, total } => self.single(*done, *total, "checking packages"),
        }
    }

    /// Takes the bars away: what remains is the answer.
    pub fn end(&mut self) {
        self.moving.values().chain(&self.single).for_each(ProgressBar::finish_and_clear);
    }

    fn line(&self, line: &str) {
        match self.kind {
            // A terminal that refuses a line will refuse the answer too.
            Kind::Bars => drop(self.bars.println(line)),
            Kind::Lines => eprintln!("{line}"),
            Kind::Nothing => {}
        }
    }

    fn sources(&self, sources: &[SourceLine]) {
        for source in sources {
            match &source.failure {
                None => self.line(&format!("{}: {} entries", source.name, source.entries)),
                Some(why) => self.line(&format!("{}: failed: {why}", source.name)),
            }
        }
    }

    fn moving(&mut self, moving: &Moving) {
        // What came before this command asked is not news.
        let known = moving.finished.iter().map(|done| (done.holding.clone(), done.at)).collect();
        if let Some(said) = self.said.replace(known) {
            let new = |done: &&Finished| !said.contains(&(done.holding.clone(), done.at));
            for done in moving.finished.iter().rev().filter(new) {
                self.line(&format!("{} ({}) came", done.title, HumanBytes(done.size)));
            }
        }
        if self.kind != Kind::Bars {
            return;
        }
        let active: HashSet<&str> = moving.active.iter().map(|t| t.holding.as_str()).collect();
        self.moving.retain(|holding, bar| {
            let stays = active.contains(holding.as_str());
            if !stays {
                bar.finish_and_clear();
            }
            stays
        });
        for transfer in &moving.active {
            self.transfer(transfer);
        }
    }

    fn transfer(&mut self, transfer: &Transfer) {
        let bar = self.moving.entry(transfer.holding.clone()).or_insert_with(|| {
            let bar = self.bars.add(bar(transfer.total));
            bar.set_prefix(transfer.title.chars().take(TITLE_CHARS).collect::<String>());
            bar
        });
        bar.set_position(transfer.done);
        bar.set_message(format!("{}/s", HumanBytes(transfer.rate)));
    }

    fn import(&mut self, at: &ImportProgress) {
        if self.kind == Kind::Lines && at.file != self.file {
            self.file.clone_from(&at.file);
            self.line(&format!("line {} of {}: {}", at.line, at.lines, at.file));
        }
        self.single(at.bytes, at.total, &format!("{}/{} {}", at.line, at.lines, at.file));
    }

    fn single(&mut self, done: u64, total: u64, what: &str) {
        if self.kind != Kind::Bars {
            return;
        }
        let bar = self.single.get_or_insert_with(|| self.bars.add(bar(Some(total))));
        bar.set_prefix(what.chars().take(TITLE_CHARS).collect::<String>());
        bar.set_length(total);
        bar.set_position(done);
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), BAR),
        None => (ProgressBar::new_spinner(), SPINNER),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}
