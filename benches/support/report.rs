//! The table, the JSON file and the chart that every benchmark leaves behind.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::Result;
use plotters::prelude::*;
use serde::Serialize;

/// One figure beside its peer's.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Unit of `ours` and `theirs`.
    pub unit: &'static str,
    /// Préau's figure: the median of the rounds.
    pub ours: f64,
    /// Who it is held against: a program, or a limit of our own.
    pub peer: String,
    /// The peer's figure, likewise.
    pub theirs: f64,
    /// Above 1 when Préau is ahead.
    pub ratio: f64,
}

/// Is more of it better, or less?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Throughput.
    More,
    /// Memory, time.
    Less,
}

impl Row {
    /// A row whose ratio is above 1 when Préau is ahead.
    pub fn new(
        name: impl Into<String>,
        unit: &'static str,
        better: Better,
        ours: f64,
        peer: impl Into<String>,
        theirs: f64,
    ) -> Self {
        let ratio = match better {
            Better::More => ours / theirs,
            Better::Less => theirs / ours,
        };
        Self { name: name.into(), unit, ours, peer: peer.into(), theirs, ratio }
    }
}

/// A whole run.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Name of the benchmark.
    pub bench: &'static str,
    /// When it ran, UTC.
    pub date: String,
    /// Processor, cores, kernel.
    pub machine: String,
    /// The figures.
    pub rows: Vec<Row>,
}

impl Report {
    /// A run of `bench` on this machine, now.
    pub fn new(bench: &'static str, rows: Vec<Row>) -> Self {
        let date = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string();
        Self { bench, date, machine: machine(), rows }
    }

    /// The rows as a Markdown table.
    pub fn table(&self) -> String {
        let mut text = format!("{}, {}\n\n", self.date, self.machine);
        text.push_str("| | Préau | beside | | ratio |\n|---|---:|---|---:|---:|\n");
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {} {unit} | {} | {} {unit} | **{:.2}** |",
                row.name,
                figure(row.ours),
                row.peer,
                figure(row.theirs),
                row.ratio,
                unit = row.unit,
            );
        }
        text
    }

    /// Writes `<bench>.json` and `<bench>.svg` into `folder`, and prints the table.
    pub fn publish(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        let json = folder.join(format!("{}.json", self.bench));
        fs::write(&json, serde_json::to_vec_pretty(self)?)?;
        let chart = folder.join(format!("{}.svg", self.bench));
        self.draw(&chart)?;
        println!("\n{}\n{}\n{}", self.table(), json.display(), chart.display());
        Ok(())
    }

    fn draw(&self, path: &Path) -> Result<()> {
        let rows = i32::try_from(self.rows.len())?;
        let size = (720, 70 + 34 * u32::try_from(self.rows.len())?);
        let area = SVGBackend::new(path, size).into_drawing_area();
        area.fill(&WHITE)?;
        let widest = self.rows.iter().map(|r| r.ratio.min(4.0)).fold(1.5, f64::max);
        let mut chart = ChartBuilder::on(&area)
            .caption(
                format!("{}: ratio to the peer (above 1: ahead)", self.bench),
                ("sans-serif", 16),
            )
            .margin(10)
            .x_label_area_size(24)
            .y_label_area_size(260)
            .build_cartesian_2d(0.0..widest, 0..rows)?;
        let label = |place: &i32| {
            let row = usize::try_from(*place).ok().and_then(|i| self.rows.get(i));
            row.map_or_else(String::new, |row| format!("{} / {}", row.name, row.peer))
        };
        chart
            .configure_mesh()
            .disable_y_mesh()
            .y_labels(self.rows.len())
            .y_label_formatter(&label)
            .draw()?;
        chart.draw_series((0_i32..).zip(&self.rows).map(|(place, row)| {
            let colour =
                if row.ratio >= 1.0 { RGBColor(0, 110, 90) } else { RGBColor(190, 80, 20) };
            Rectangle::new(
                [(0.0, place), (row.ratio.min(4.0), place + 1)],
                colour.mix(0.8).filled(),
            )
        }))?;
        chart.draw_series(LineSeries::new([(1.0, 0), (1.0, rows)], &BLACK))?;
        area.present()?;
        Ok(())
    }
}

/// The middle value; the mean of the two in the middle when they are even in number.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

fn figure(value: f64) -> String {
    match value {
        v if v >= 1000.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("unknown processor", |(_, model)| model.trim())
        .to_owned();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {cores} cores, Linux {}", read("/proc/sys/kernel/osrelease").trim())
}
