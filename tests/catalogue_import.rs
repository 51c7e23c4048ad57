//! Plan B: an order and its packages on a stick reach the store and the shelf.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use std::{fs, path::Path};

use jiff::Timestamp;
use preau::{
    catalogue::{Catalogue, CatalogueError, ImportProgress, ImportReport},
    store::Store,
};
use support::{samples::sha256, source};

fn open(folder: &Path) -> (Catalogue, Store) {
    let store = source::store(folder);
    (source::open_over(store.clone(), ""), store)
}

fn import(catalogue: &Catalogue, stick: &Path, second: i64) -> ImportReport {
    let now = Timestamp::from_second(second).unwrap();
    catalogue.import(stick, now, &mut |_| true).unwrap()
}

fn pdf(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes.resize(size, b'x');
    bytes
}

const ORDER: &str = "identifiant;titre;fichier;fin;licences_eleves\n\
    ark:/1/a;Allemand;a.pdf;2026-2027;30\n\
    9782070368228;Lettres;sous/b.pdf;31/08/2027;illimité\n\
    ark:/1/c;Sans fichier;;;\n";

fn stick(folder: &Path) -> std::path::PathBuf {
    let stick = folder.join("stick");
    fs::create_dir_all(stick.join("sous")).unwrap();
    fs::write(stick.join("commande.csv"), ORDER).unwrap();
    fs::write(stick.join("a.pdf"), pdf(2_500_000)).unwrap();
    fs::write(stick.join("sous/b.pdf"), pdf(10)).unwrap();
    stick
}

#[test]
fn an_order_reaches_store_and_shelf_and_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let stick = stick(folder.path());
    let (catalogue, store) = open(folder.path());
    let mut steps: Vec<ImportProgress> = Vec::new();
    let now = Timestamp::from_second(1000).unwrap();
    let report = catalogue
        .import(&stick, now, &mut |at| {
            steps.push(at.clone());
            true
        })
        .unwrap();
    assert_eq!(report, ImportReport { stored: 2, known: 0, refused: vec![] });
    assert!(steps.iter().any(|at| at.bytes == 1 << 20), "told after each piece: {steps:?}");
    let last = steps.last().unwrap();
    assert_eq!((last.line, last.lines, last.bytes, last.total), (3, 3, 2_500_010, 2_500_010));
    let blob = sha256(&fs::read(stick.join("a.pdf")).unwrap()).parse().unwrap();
    let package = store.package(&blob).unwrap();
    assert_eq!(package.description.holding, "ark:/1/a");
    assert_eq!(package.description.title, "Allemand");
    assert_eq!(package.description.media_type, "application/pdf");
    assert_eq!(package.description.origin, "import:a.pdf");
    drop((catalogue, store));
    let (catalogue, _) = open(folder.path());
    let holdings = catalogue.holdings().borrow().clone();
    let titles: Vec<_> = holdings.all.iter().map(|h| h.title.as_str()).collect();
    assert_eq!(titles, ["Allemand", "Lettres", "Sans fichier"]);
    assert_eq!(holdings.all[0].licences[0].pupil_licences, Some(30));
    assert_eq!(holdings.sources[0].name, "import");
    assert_eq!(holdings.sources[0].good_at, Some(now));
}

#[test]
fn the_same_stick_twice_stores_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let stick = stick(folder.path());
    let (catalogue, store) = open(folder.path());
    assert_eq!(import(&catalogue, &stick, 1000).stored, 2);
    let again = import(&catalogue, &stick, 2000);
    assert_eq!((again.stored, again.known), (0, 2));
    assert_eq!(store.packages().len(), 2);
    assert_eq!(catalogue.holdings().borrow().all.len(), 3);
}

#[test]
fn one_bad_line_never_stops_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let stick = stick(folder.path());
    fs::write(folder.path().join("secret.pdf"), pdf(20)).unwrap();
    fs::write(stick.join("b.exe"), "MZ").unwrap();
    fs::write(stick.join("oublie.epub"), "PK").unwrap();
    std::os::unix::fs::symlink("../secret.pdf", stick.join("lien.pdf")).unwrap();
    let order = "isbn,titre,fichier,fin\n\
        9782070368228,Bon,a.pdf,\n,Sans nom,a.pdf,\n9782070368229,Faux,a.pdf,\n\
        9780804429573,Dehors,../secret.pdf,\n9780804429573,Lien,lien.pdf,\n\
        9780804429573,Absent,absent.epub,\n9780804429573,Programme,b.exe,\n\
        9780804429573,Date,a.pdf,jamais\n9780804429573,Bon aussi,sous/b.pdf,\n";
    fs::write(stick.join("commande.csv"), order).unwrap();
    let (catalogue, _store) = open(folder.path());
    let report = import(&catalogue, &stick, 1000);
    assert_eq!(report.stored, 2, "{report:?}");
    let told = report.refused.join("\n");
    for reason in [
        "line 3",
        "9782070368229",
        "../secret.pdf",
        "lien.pdf",
        "absent.epub",
        "b.exe",
        "jamais",
        "oublie.epub",
    ] {
        assert!(told.contains(reason), "{reason}: {told}");
    }
    assert_eq!(report.refused.len(), 8, "{told}");
}

#[test]
fn an_import_that_is_stopped_keeps_what_it_stored_and_goes_on_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let stick = stick(folder.path());
    let (catalogue, store) = open(folder.path());
    let now = Timestamp::from_second(1000).unwrap();
    let report = catalogue.import(&stick, now, &mut |at| at.bytes < 1 << 20).unwrap();
    assert_eq!(report.stored, 0);
    assert!(report.refused.iter().any(|line| line.contains("stopped")), "{report:?}");
    assert!(store.packages().is_empty());
    assert_eq!(import(&catalogue, &stick, 2000).stored, 2);
}

#[test]
fn a_folder_without_an_order_is_refused_with_what_was_expected() {
    let folder = tempfile::tempdir().unwrap();
    let (catalogue, _store) = open(folder.path());
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let tried = |path: &Path| catalogue.import(path, Timestamp::UNIX_EPOCH, &mut |_| true);
    let error = tried(&empty).unwrap_err();
    assert!(
        matches!(error, CatalogueError::Folder { .. })
            && error.to_string().contains("commande.csv")
    );
    assert!(tried(&folder.path().join("absent")).is_err());
    fs::write(empty.join("x.csv"), "titre;prix\nA;3\n").unwrap();
    let error = tried(&empty).unwrap_err().to_string();
    assert!(error.contains("identifiant") && error.contains("plan-b.md"), "{error}");
    fs::write(empty.join("y.csv"), "").unwrap();
    assert!(tried(&empty).unwrap_err().to_string().contains("2 CSV"));
}

#[test]
fn the_real_epubs_are_recognised_and_stored() {
    let Some(samples) = support::sample_folder() else { return };
    let folder = tempfile::tempdir().unwrap();
    let stick = folder.path().join("stick");
    fs::create_dir(&stick).unwrap();
    let mut order = "ark;titre;fichier\n".to_owned();
    let mut count = 0;
    for entry in fs::read_dir(samples.join("epub")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        fs::copy(&path, stick.join(&name)).unwrap();
        order += &format!("ark:/99999/{count};Échantillon {count};{name}\n");
        count += 1;
    }
    let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(&order);
    fs::write(stick.join("commande.csv"), windows).unwrap();
    let (catalogue, store) = open(folder.path());
    let report = import(&catalogue, &stick, 1000);
    assert_eq!((report.stored, report.refused), (count, vec![]));
    assert!(store.current().iter().all(|p| p.description.media_type == "application/epub+zip"));
    assert!(store.current().iter().all(|p| p.description.title.starts_with("Échantillon")));
}
