//! Prints the twelve manuals into a folder, two at a time, with a bar each.

use std::{fs, io, path::Path, sync::Arc};

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::manuals::{self, Manual, Printed};

/// Manuals printed at once: drawing is work for the processor.
const AT_ONCE: usize = 2;

/// Prints one version of each manual. Bars are shown on a terminal only.
pub async fn print_all(manuals: Vec<Manual>, folder: &Path) -> Result<Vec<Printed>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let bars = MultiProgress::new();
    let folder: Arc<Path> = folder.into();
    let printing = manuals.into_iter().map(|manual| {
        let (folder, bar) = (folder.clone(), bars.add(bar(&manual)));
        async move {
            let title = manual.title;
            let work = move || print_one(&manual, &folder, &bar);
            let printed = tokio::task::spawn_blocking(work).await?;
            printed.with_context(|| format!("cannot print '{title}'"))
        }
    });
    stream::iter(printing).buffered(AT_ONCE).try_collect().await
}

fn print_one(manual: &Manual, folder: &Path, bar: &ProgressBar) -> io::Result<Printed> {
    let printed = manuals::print(manual, 1, folder, &mut |bytes| bar.set_position(bytes));
    bar.finish_and_clear();
    printed
}

fn bar(manual: &Manual) -> ProgressBar {
    let style = ProgressStyle::with_template("  {wide_bar} {bytes:>10} / {total_bytes:<10} {msg}");
    let bar = ProgressBar::new(manual.target_bytes);
    bar.set_message(manual.slug);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
