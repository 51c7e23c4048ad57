//! What the store said is done survives a power cut, whatever the disk forgot or tore.

#![allow(clippy::unwrap_used, reason = "a test may; these have functions beside their tests")]

#[path = "support/disk_image.rs"]
mod disk_image;
#[path = "support/forgetful_disk.rs"]
mod forgetful_disk;
#[path = "support/store_ledger.rs"]
mod store_ledger;
#[path = "support/store_writer.rs"]
mod store_writer;

use std::{fs, io::Write, path::Path};

use forgetful_disk::{ForgetfulDisk, names};
use store_ledger::{Kill, Ledger, said, seed};
use store_writer::{Dice, Story, Writer, content, describe, hash, state};

const CUTS: u64 = 150;
/// The power goes within so many changes of the disk; a writer's story has some hundreds.
const MOST_CHANGES: u64 = 900;
/// A writer that dies by itself does so within so many steps.
const MOST_STEPS: u64 = 60;
/// Things a writer does in one life.
const THINGS: u64 = 12;

#[test]
#[ignore = "the writer, started by the tests of this file"]
fn writer_child() {
    store_writer::child();
}

#[test]
fn a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    let Some(disk) = ForgetfulDisk::mount() else { return };
    let outside = tempfile::tempdir().unwrap();
    let complaints = outside.path().join("complaints");
    let seed = seed();
    let mut dice = Dice(seed);
    let (mut ledger, mut data, mut acknowledged) = (Ledger::default(), disk.path(), 0);
    for cut in 0..CUTS {
        // Now and then a new data folder: the first opening is cut too.
        if cut % 15 == 0 {
            acknowledged += ledger.acknowledged;
            (ledger, data) = (Ledger::default(), disk.path().join(format!("data-{cut}")));
        }
        let hint = format!("cut {cut}, PREAU_SEED={seed}");
        // Some lives end by a kill alone, and the next writer goes on with what was not safe.
        for _ in 0..dice.below(3) {
            let die_at = Some(1 + dice.below(MOST_STEPS));
            ledger.run(Writer { die_at, ..writer(&data, &ledger) }, Kill::Never, &complaints);
            assert_eq!(ledger.error, None, "{hint}: {}", said(&complaints));
        }
        disk.power_goes_after(1 + dice.below(MOST_CHANGES));
        ledger.run(writer(&data, &ledger), Kill::Never, &complaints);
        assert!(
            ledger.error.is_none() || disk.is_off(),
            "{hint}: {:?} {}",
            ledger.error,
            said(&complaints)
        );
        disk.cut(&mut dice);
        let faults = ledger.check(&data, true);
        assert!(faults.is_empty(), "{hint}: {faults:#?}");
    }
    acknowledged += ledger.acknowledged;
    eprintln!("power cuts: {CUTS}, acknowledged: {acknowledged}, lost: 0");
    assert!(acknowledged > CUTS, "the writers got to do something");
}

fn writer<'a>(folder: &'a Path, ledger: &Ledger) -> Writer<'a> {
    let (story, resume) = (Story::Things(THINGS), ledger.unfinished());
    Writer { folder, story, first: ledger.next + 1, die_at: None, resume }
}

/// A process killed after `mkdir` and before the sync leaves folders that are seen, not safe.
#[test]
fn a_folder_left_unsynced_by_a_kill_takes_no_package_with_it() {
    let Some(disk) = ForgetfulDisk::mount() else { return };
    let forgets = (0..1000).map(Dice).find(|dice| dice.clone().below(5) == 0).unwrap();
    let folders = ["", "blobs", "blobs/sha256", "incoming", "documents", "quarantine"];
    let shelf = format!("blobs/sha256/{}", &hash(&content(24)).to_string()[..2]);
    for left in 1..=folders.len() + 1 {
        let data = disk.path().join(format!("data-{left}"));
        for folder in folders.into_iter().chain([shelf.as_str()]).take(left) {
            fs::create_dir(data.join(folder)).unwrap();
        }
        // A first check stores content 24 in the end.
        let mut ledger = Ledger::default();
        ledger.next = 1;
        assert_eq!(ledger.check(&data, true), Vec::<String>::new());
        disk.cut(&mut forgets.clone());
        assert_eq!(ledger.check(&data, true), Vec::<String>::new(), "{left} folders unsynced");
    }
}

/// The same check, on a writer that does not sync: were nothing found missing here, the test
/// above would prove nothing.
#[test]
fn a_writer_that_does_not_sync_is_found_out() {
    let Some(disk) = ForgetfulDisk::mount() else { return };
    let (mut dice, mut lost) = (Dice(1), 0);
    for cut in 0..10 {
        let data = disk.path().join(format!("careless-{cut}"));
        let mut ledger = Ledger::default();
        assert_eq!(ledger.check(&data, true), Vec::<String>::new());
        for number in 1..6 {
            store_carelessly(&data, number, &mut ledger);
        }
        disk.cut(&mut dice);
        lost += ledger.check(&data, true).len();
    }
    eprintln!("a careless writer: 50 acknowledged, {lost} faults");
    assert!(lost > 10, "only {lost} faults were found");
}

fn store_carelessly(data: &Path, number: u64, ledger: &mut Ledger) {
    let bytes = content(number);
    let (blob, description) = (hash(&bytes), describe(number, number));
    let mut sidecar = serde_json::to_value(&description).unwrap();
    sidecar["schema"] = 1.into();
    sidecar["blob"] = blob.to_string().into();
    sidecar["size"] = bytes.len().into();
    sidecar["stored_at"] = "2026-01-01T00:00:00Z".into();
    let name = blob.to_string();
    let folder = data.join("blobs/sha256").join(&name[..2]);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{name}.json")), sidecar.to_string()).unwrap();
    fs::write(data.join("draft"), bytes).unwrap();
    rustix::fs::rename(data.join("draft"), folder.join(&name)).unwrap();
    ledger.hear(&format!("done package:{name} {}", state(&description)));
}

#[test]
fn the_disk_forgets_exactly_what_was_not_synced() {
    let Some(disk) = ForgetfulDisk::mount() else { return };
    let root = disk.path();
    let sync = |path: &Path| fs::File::open(path).unwrap().sync_all().unwrap();
    fs::create_dir(root.join("a")).unwrap();
    fs::create_dir(root.join("b")).unwrap();
    sync(&root);
    let mut kept = fs::File::create(root.join("a/kept")).unwrap();
    kept.write_all(&[1; 10_000]).unwrap();
    kept.sync_data().unwrap();
    sync(&root.join("a"));
    kept.write_all(&[2; 10_000]).unwrap();
    fs::write(root.join("a/unsynced"), "x").unwrap();
    fs::write(root.join("b/named"), "x").unwrap();
    sync(&root.join("b"));
    drop(kept);
    assert_eq!(fs::read(root.join("a/kept")).unwrap().len(), 20_000);
    // A roll that forgets all.
    let forgets = (0..1000).map(Dice).find(|dice| dice.clone().below(5) == 0).unwrap();
    disk.cut(&mut forgets.clone());
    assert_eq!(fs::read(root.join("a/kept")).unwrap(), [1; 10_000]);
    assert_eq!(
        (names(&root.join("a")), names(&root.join("b"))),
        (vec!["kept".into()], vec!["named".into()])
    );
    assert!(
        fs::read(root.join("b/named")).unwrap().is_empty(),
        "its name was synced, its bytes not"
    );
    // A rename, synced through one of its two folders, is safe in both.
    rustix::fs::rename(root.join("a/kept"), root.join("b/moved")).unwrap();
    sync(&root.join("b"));
    disk.cut(&mut forgets.clone());
    assert_eq!((names(&root.join("a")).len(), names(&root.join("b")).len()), (0, 2));
    // Blocks survive one by one.
    let tears = (0..1000).map(Dice).find(|dice| dice.clone().below(5) == 2).unwrap();
    let mut torn = fs::OpenOptions::new().write(true).open(root.join("b/moved")).unwrap();
    torn.set_len(400_000).unwrap();
    torn.sync_all().unwrap();
    torn.write_all(&vec![3; 400_000]).unwrap();
    disk.cut(&mut tears.clone());
    let bytes = fs::read(root.join("b/moved")).unwrap();
    let new = bytes.chunks(4096).filter(|block| block[0] == 3).count();
    assert!((20..80).contains(&new), "{new} of 98 blocks are new");
}
