//! What the resolver takes over the filter, with the full lists and 100,000 names in its cache; and
//! what unbound grows by for the same names.

use anyhow::{Context as _, Result, ensure};

use crate::{
    Bench,
    load::{self, Questions},
    support::report::{Better, Row},
};

/// Names in the cache.
const NAMES: usize = 100_000;
/// What issue and design promise.
const LIMIT_MIB: f64 = 32.0;
/// Megabytes of unbound's caches: enough for all.
const CACHE: usize = 256;
const KIB: f64 = 1024.0;

/// Measures, and adds the rows.
pub fn measure(bench: &Bench, rows: &mut Vec<Row>) -> Result<()> {
    println!("memory");
    let file = bench.school.work.join("warm-names");
    load::write(&file, (0..NAMES).map(|n| format!("www.site{n}.example.net")))?;
    let warm = Questions { file: &file, code: "NOERROR" };

    // The same box, filter and all, that is nobody's resolver.
    let without = bench.school.preau("without", &bench.refused.lists, false)?.memory()?;
    let ours = bench.school.preau("warm", &bench.refused.lists, true)?;
    let cold = ours.memory()?;
    load::round(&ours, &warm, None)?;
    let full = ours.memory()?;
    // They are all there: nobody is asked again.
    let asked = bench.forwarder.asked();
    load::round(&ours, &warm, None)?;
    let again = bench.forwarder.asked() - asked;
    ensure!(again < 100, "{again} of {NAMES} names were not kept");
    drop(ours);

    let unbound = bench.school.unbound("unbound-warm", &bench.refused.zone, CACHE)?;
    let before = unbound.memory()?;
    load::round(&unbound, &warm, None)?;
    let theirs = (unbound.memory()? - before) / KIB;
    let (over, grown) = ((full - without) / KIB, (full - cold) / KIB);
    println!("  {:.1} MiB without, {:.1} cold, {:.1} warm", without / KIB, cold / KIB, full / KIB);
    let name = "memory over the filter, 100,000 names known";
    rows.push(Row::new(name, "MiB", Better::Less, over, "limit", LIMIT_MIB));
    let name = "memory of 100,000 names";
    rows.push(Row::new(name, "MiB", Better::Less, grown, "unbound", theirs));
    (over > 0.0).then_some(()).context("a resolver that takes no memory was not measured")
}
