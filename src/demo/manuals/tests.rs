use std::{collections::BTreeMap, fs, path::Path};

use rawzip::ZipArchive;

use super::*;

fn manual(slug: &str) -> Manual {
    manuals().into_iter().find(|m| m.slug == slug).unwrap()
}

fn written(manual: &Manual, version: u32, folder: &Path) -> (WrittenManual, Vec<u8>) {
    let path = folder.join(format!("{version}.{}", manual.kind.extension()));
    let written = write(manual, version, &path, &mut |_| {}).unwrap();
    (written, fs::read(path).unwrap())
}

/// CRC-32 of each entry, by name.
fn entries(zip: &[u8]) -> BTreeMap<String, u32> {
    let archive = ZipArchive::from_slice(zip).unwrap();
    archive
        .entries()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = String::from_utf8(entry.file_path().as_ref().to_vec()).unwrap();
            (name, entry.crc32())
        })
        .collect()
}

fn changed(manual: &Manual, folder: &Path) -> Vec<String> {
    let (one, two) = (written(manual, 1, folder), written(manual, 2, folder));
    let (one, two) = (entries(&one.1), entries(&two.1));
    assert_eq!(one.keys().collect::<Vec<_>>(), two.keys().collect::<Vec<_>>());
    one.iter().filter(|(name, crc)| two.get(*name) != Some(crc)).map(|(n, _)| n.clone()).collect()
}

#[test]
fn there_are_twelve_manuals_with_identifiers_of_their_own() {
    let all = manuals();
    assert_eq!(all.len(), 12);
    let count = |kind| all.iter().filter(|m| m.kind == kind).count();
    assert_eq!(count(Kind::FixedEpub), 5);
    assert_eq!(count(Kind::ReflowableEpub), 4);
    assert_eq!(count(Kind::Pdf), 2);
    assert_eq!(count(Kind::HtmlZip), 1);
    for manual in &all {
        let weigh = |(digit, weight): (char, u32)| digit.to_digit(10).unwrap() * weight;
        let sum: u32 = manual.isbn.chars().zip([1, 3].into_iter().cycle()).map(weigh).sum();
        assert!(manual.isbn.len() == 13 && sum.is_multiple_of(10), "{}", manual.isbn);
        assert_eq!(all.iter().filter(|m| m.ark == manual.ark || m.isbn == manual.isbn).count(), 1);
    }
}

#[test]
fn every_lesson_has_six_chapters_with_a_figure_and_exercises() {
    for manual in manuals() {
        let lesson = Lesson::parse(manual.text);
        assert!(lesson.chapters.len() >= 6, "{}", manual.slug);
        for chapter in &lesson.chapters {
            let whole = chapter.paragraphs.len() >= 2
                && !chapter.captions.is_empty()
                && chapter.questions.len() >= 2;
            assert!(whole, "{}: {}", manual.slug, chapter.title);
        }
    }
}

#[test]
fn what_goes_into_a_pdf_can_be_written_with_its_font() {
    for manual in manuals().iter().filter(|m| m.kind == Kind::Pdf) {
        let (_, _, unknown) = encoding_rs::WINDOWS_1252.encode(manual.text);
        assert!(!unknown, "{}", manual.slug);
    }
}

#[test]
fn a_manual_is_the_same_each_time_and_about_as_large_as_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    for slug in ["philosophie-terminale", "nsi-premiere"] {
        let manual = manual(slug);
        let (first, bytes) = written(&manual, 1, folder.path());
        let (again, same) = written(&manual, 1, folder.path());
        assert_eq!(first, again);
        assert!(bytes == same, "{slug}");
        assert_eq!(first.size, bytes.len() as u64);
        let (low, high) = (manual.target_bytes * 8 / 10, manual.target_bytes * 12 / 10);
        assert!((low..=high).contains(&first.size), "{slug}: {} bytes", first.size);
    }
}

#[test]
fn version_2_changes_three_chapters_and_the_date() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        changed(&manual("philosophie-terminale"), folder.path()),
        [
            "OEBPS/package.opf",
            "OEBPS/text/chapter02.xhtml",
            "OEBPS/text/chapter04.xhtml",
            "OEBPS/text/chapter05.xhtml"
        ]
    );
}

#[test]
fn version_2_of_a_fixed_layout_changes_three_pages_and_one_picture() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = manual("svt-terminale");
    small.target_bytes = 1_000_000;
    assert_eq!(
        changed(&small, folder.path()),
        [
            "OEBPS/images/page013.jpg",
            "OEBPS/package.opf",
            "OEBPS/pages/page007.xhtml",
            "OEBPS/pages/page013.xhtml",
            "OEBPS/pages/page019.xhtml"
        ]
    );
}

#[test]
fn an_epub_opens_with_its_stored_mimetype_and_keeps_pictures_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (_, bytes) = written(&manual("philosophie-terminale"), 1, folder.path());
    // OCF 3.3 §4.2.4: at byte 30 the name, at byte 38 the media type.
    assert_eq!(bytes.get(30..58), Some(b"mimetypeapplication/epub+zip".as_slice()));
    let archive = ZipArchive::from_slice(&bytes).unwrap();
    for entry in archive.entries() {
        let entry = entry.unwrap();
        let name = String::from_utf8(entry.file_path().as_ref().to_vec()).unwrap();
        let stored = entry.compression_method() == rawzip::CompressionMethod::STORE;
        let packed = Path::new(&name).extension().is_some_and(|ext| ext == "jpg");
        assert_eq!(stored, name == "mimetype" || packed, "{name}");
    }
}

#[test]
fn a_pdf_has_its_pages_and_outline() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = manual("eps-lycee");
    small.target_bytes = 600_000;
    let (_, bytes) = written(&small, 1, folder.path());
    let document = lopdf::Document::load_mem(&bytes).unwrap();
    assert_eq!(document.get_pages().len(), 25);
    assert_eq!(document.get_toc().unwrap().toc.len(), 6);
    let text = document.extract_text(&[2]).unwrap();
    assert!(text.contains("Connaître son corps à l’effort"), "{text}");
}

#[test]
fn a_big_epub_changes_only_where_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let make = |version| {
        let path = folder.path().join(format!("{version}.epub"));
        let written = write_big_epub(&path, 8, 100_000, &[2, 5], version).unwrap();
        assert_eq!(written.size, fs::metadata(&path).unwrap().len());
        entries(&fs::read(path).unwrap())
    };
    let (one, two) = (make(1), make(2));
    let changed: Vec<_> = one.iter().filter(|(n, crc)| two.get(*n) != Some(crc)).collect();
    let names: Vec<_> = changed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "OEBPS/package.opf",
            "OEBPS/page00002.jpg",
            "OEBPS/page00002.xhtml",
            "OEBPS/page00005.jpg",
            "OEBPS/page00005.xhtml"
        ]
    );
}

/// Writes the whole set into `PREAU_SHELF`, to look at and to time.
#[test]
#[ignore = "writes 200 MB; run by hand"]
fn the_whole_shelf() {
    let Some(folder) = std::env::var_os("PREAU_SHELF").map(PathBuf::from) else { return };
    fs::create_dir_all(&folder).unwrap();
    for manual in manuals() {
        let start = std::time::Instant::now();
        let printed = print(&manual, 1, &folder, &mut |_| {}).unwrap();
        let seconds = start.elapsed().as_secs_f32();
        eprintln!(
            "{} {} bytes of {}, {seconds:.1} s",
            manual.slug, printed.written.size, manual.target_bytes
        );
        fs::write(folder.join(format!("{}.jpg", manual.slug)), cover(&manual).unwrap()).unwrap();
    }
}
