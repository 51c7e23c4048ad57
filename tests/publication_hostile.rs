//! Hostile archives are refused by the name of the rule they break. Each is a sound archive in
//! which one field lies.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod publication_support;

use preau::publication::{Publication, PublicationError, ZipError};
use publication_support::file_of;

/// An entry whose every field can be made to lie.
#[derive(Debug, Clone)]
struct Entry {
    name: Vec<u8>,
    local_name: Option<Vec<u8>>,
    data: Vec<u8>,
    /// In the directory; the local header says 0 unless `local_method` does.
    method: u16,
    local_method: Option<u16>,
    flags: u16,
    crc: u32,
    local_crc: Option<u32>,
    stored: u32,
    local_stored: Option<u32>,
    len: u32,
    attributes: u32,
    /// Extra field of the directory's record.
    extra: Vec<u8>,
    /// Where the directory says that the local header is.
    header_at: Option<u32>,
}

fn entry(name: &str) -> Entry {
    let data = b"<p>bonjour</p>".to_vec();
    Entry {
        name: name.into(),
        local_name: None,
        method: 0,
        local_method: None,
        flags: 0,
        crc: crc32fast::hash(&data),
        local_crc: None,
        stored: 14,
        local_stored: None,
        len: 14,
        attributes: 0,
        extra: Vec::new(),
        header_at: None,
        data,
    }
}

/// The bytes of an archive; its end announces `announced` entries.
fn archive(entries: &[Entry], announced: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    let short = |out: &mut Vec<u8>, value: u16| out.extend(value.to_le_bytes());
    let long = |out: &mut Vec<u8>, value: u32| out.extend(value.to_le_bytes());
    let len = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap();
    for entry in entries {
        let at = entry.header_at.unwrap_or(u32::try_from(file.len()).unwrap());
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        long(&mut file, 0x0403_4b50);
        short(&mut file, 20);
        short(&mut file, entry.flags);
        short(&mut file, entry.local_method.unwrap_or(entry.method));
        long(&mut file, 0);
        long(&mut file, entry.local_crc.unwrap_or(entry.crc));
        long(&mut file, entry.local_stored.unwrap_or(entry.stored));
        long(&mut file, entry.len);
        short(&mut file, len(local_name));
        short(&mut file, 0);
        file.extend(local_name);
        file.extend(&entry.data);

        long(&mut directory, 0x0201_4b50);
        short(&mut directory, 3 << 8 | 0x14);
        short(&mut directory, 20);
        short(&mut directory, entry.flags);
        short(&mut directory, entry.method);
        long(&mut directory, 0);
        long(&mut directory, entry.crc);
        long(&mut directory, entry.stored);
        long(&mut directory, entry.len);
        short(&mut directory, len(&entry.name));
        short(&mut directory, len(&entry.extra));
        short(&mut directory, 0);
        short(&mut directory, 0);
        short(&mut directory, 0);
        long(&mut directory, entry.attributes);
        long(&mut directory, at);
        directory.extend(&entry.name);
        directory.extend(&entry.extra);
    }
    let start = u32::try_from(file.len()).unwrap();
    let bytes = u32::try_from(directory.len()).unwrap();
    file.extend(directory);
    long(&mut file, 0x0605_4b50);
    long(&mut file, 0);
    short(&mut file, announced);
    short(&mut file, announced);
    long(&mut file, bytes);
    long(&mut file, start);
    short(&mut file, 0);
    file
}

fn open(entries: &[Entry]) -> Result<Publication, PublicationError> {
    let announced = u16::try_from(entries.len()).unwrap();
    Publication::open(file_of(&archive(entries, announced)), "application/zip")
}

/// The rule that an archive of a sound first page and these entries breaks.
fn rule(entries: &[Entry]) -> ZipError {
    let mut all = vec![entry("index.html")];
    all.extend_from_slice(entries);
    match open(&all) {
        Err(PublicationError::Zip(rule)) => rule,
        Err(other) => panic!("refused by no rule of archives: {other}"),
        Ok(_) => panic!("opened"),
    }
}

fn named(name: &[u8]) -> ZipError {
    rule(&[Entry { name: name.to_vec(), ..entry("") }])
}

macro_rules! refused {
    ($rule:expr, $pattern:pat $(if $guard:expr)?) => {
        let rule = $rule;
        assert!(matches!(rule, $pattern $(if $guard)?), "refused by another rule: {rule}");
    };
}

#[test]
fn an_archive_that_breaks_no_rule_opens() {
    let publication = open(&[entry("index.html"), entry("a/b.html")]).unwrap();
    assert_eq!(publication.resource("a/b.html").unwrap().read(100).unwrap(), b"<p>bonjour</p>");
}

#[test]
fn names_that_leave_the_package_are_refused() {
    refused!(named(b"../../etc/passwd"), ZipError::ParentInName(_));
    refused!(named(b"a/../b"), ZipError::ParentInName(_));
    refused!(named(b"/etc/passwd"), ZipError::AbsoluteName(_));
    refused!(named(b"C:evil.html"), ZipError::DriveName(_));
    refused!(named(b"..\\evil.html"), ZipError::Backslash(_));
    refused!(named(b"page.html\0.png"), ZipError::NulInName(_));
    refused!(named(b""), ZipError::EmptyName { .. });
    refused!(named(&[b'a'; 1_025]), ZipError::NameTooLong { bytes: 1_025, .. });
}

#[test]
fn one_name_twice_is_refused_however_it_is_spelt() {
    refused!(rule(&[entry("index.html")]), ZipError::DuplicateName(_));
    refused!(rule(&[entry("a/b"), entry("a/./b")]), ZipError::DuplicateName(_));
    refused!(rule(&[entry("é"), entry("e\u{301}")]), ZipError::DuplicateName(_));
}

#[test]
fn links_and_encrypted_entries_are_refused() {
    refused!(rule(&[Entry { attributes: 0o120_777 << 16, ..entry("a") }]), ZipError::Symlink(_));
    refused!(rule(&[Entry { flags: 1, ..entry("a") }]), ZipError::Encrypted(_));
    refused!(rule(&[Entry { method: 99, ..entry("a") }]), ZipError::Encrypted(_));
}

#[test]
fn methods_that_browsers_do_not_inflate_are_refused() {
    for method in [1, 9, 12, 14, 93, 95] {
        let rule = rule(&[Entry { method, ..entry("a") }]);
        assert!(matches!(rule, ZipError::UnknownMethod { method: m, .. } if m == method), "{rule}");
    }
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    refused!(rule(&[Entry { len: 15, ..entry("a") }]), ZipError::ImpossibleSize { .. });
}

#[test]
fn an_entry_that_would_fill_the_memory_is_refused() {
    let bomb = Entry { method: 8, len: 65 << 20, ..entry("a") };
    refused!(rule(std::slice::from_ref(&bomb)), ZipError::Bomb { .. });
    // As large, but of an ordinary ratio: not a bomb, only cut short.
    let large = Entry { stored: 1 << 20, ..bomb };
    refused!(rule(&[large]), ZipError::PastEnd { .. });
}

#[test]
fn entries_that_together_would_fill_the_disk_are_refused() {
    let large = |name: &str| Entry { method: 8, stored: 1 << 30, len: u32::MAX - 1, ..entry(name) };
    let all: Vec<Entry> = (0..5).map(|number| large(&format!("{number}"))).collect();
    refused!(rule(&all), ZipError::TotalTooLarge { .. });
}

#[test]
fn a_zip64_size_is_read_where_it_is() {
    let mut extra = vec![1, 0, 8, 0];
    extra.extend((1_u64 << 40).to_le_bytes());
    let lie = Entry { method: 8, len: u32::MAX, extra, ..entry("a") };
    refused!(rule(&[lie]), ZipError::Bomb { len, .. } if len == 1 << 40);
}

#[test]
fn entries_past_the_end_are_refused() {
    let long = Entry { stored: 1_000, len: 1_000, ..entry("a") };
    refused!(rule(&[long]), ZipError::PastEnd { .. });
    let away = Entry { header_at: Some(1 << 20), ..entry("a") };
    refused!(rule(&[away]), ZipError::PastEnd { .. });
}

#[test]
fn entries_that_share_bytes_are_refused() {
    // The second entry's data holds a whole local header, which a third entry claims.
    let inner = archive(&[entry("inner")], 1);
    let header = inner[..30 + 5 + 14].to_vec();
    let size = u32::try_from(header.len()).unwrap();
    let outer = Entry {
        crc: crc32fast::hash(&header),
        stored: size,
        len: size,
        data: header,
        ..entry("outer")
    };
    let first = u32::try_from(30 + "index.html".len() + 14).unwrap();
    let claim = Entry { header_at: Some(first + 30 + 5), ..entry("inner") };
    refused!(rule(&[outer, claim]), ZipError::Overlap { .. });
}

#[test]
fn a_local_header_that_contradicts_the_directory_is_refused() {
    let other_name = Entry { local_name: Some(b"b".to_vec()), ..entry("a") };
    refused!(rule(&[other_name]), ZipError::LocalName { .. });
    let other_method = Entry { local_method: Some(8), ..entry("a") };
    refused!(rule(&[other_method]), ZipError::LocalMethod { .. });
    let other_size = Entry { local_stored: Some(13), ..entry("a") };
    refused!(rule(&[other_size]), ZipError::LocalSizes { .. });
    let other_sum = Entry { local_crc: Some(1), ..entry("a") };
    refused!(rule(&[other_sum]), ZipError::LocalSizes { .. });
    let nowhere = Entry { header_at: Some(3), ..entry("a") };
    refused!(rule(&[nowhere]), ZipError::NoLocalHeader { .. });
}

#[test]
fn a_data_descriptor_may_leave_the_local_sizes_out() {
    let unsaid = Entry { flags: 8, local_crc: Some(0), local_stored: Some(0), ..entry("a.html") };
    open(&[entry("index.html"), unsaid.clone()]).unwrap();
    let lie = Entry { local_stored: Some(13), ..unsaid };
    refused!(rule(&[lie]), ZipError::LocalSizes { .. });
}

#[test]
fn too_many_entries_are_refused() {
    let one = Entry { data: Vec::new(), stored: 0, len: 0, crc: 0, ..entry("") };
    let many: Vec<Entry> = (0..100_001)
        .map(|number: u32| Entry { name: number.to_string().into(), ..one.clone() })
        .collect();
    let bytes = archive(&many, u16::MAX);
    let error = Publication::open(file_of(&bytes), "application/zip").unwrap_err();
    assert!(matches!(error, PublicationError::Zip(ZipError::TooManyEntries { .. })), "{error}");
}

#[test]
fn a_directory_that_is_too_large_is_refused() {
    // 16 MiB and more of records: 15,000 whose extra fields are long.
    let one =
        Entry { extra: vec![0; 1_100], data: Vec::new(), stored: 0, len: 0, crc: 0, ..entry("") };
    let many: Vec<Entry> = (0..15_000)
        .map(|number: u32| Entry { name: number.to_string().into(), ..one.clone() })
        .collect();
    let bytes = archive(&many, 15_000);
    let error = Publication::open(file_of(&bytes), "application/zip").unwrap_err();
    assert!(matches!(error, PublicationError::Zip(ZipError::DirectoryTooLarge { .. })), "{error}");
}

#[test]
fn a_directory_of_another_length_than_announced_is_refused() {
    let bytes = archive(&[entry("index.html"), entry("a")], 3);
    let error = Publication::open(file_of(&bytes), "application/zip").unwrap_err();
    assert!(
        matches!(error, PublicationError::Zip(ZipError::WrongCount { announced: 3, found: 2 })),
        "{error}"
    );
}

#[test]
fn an_archive_cut_at_any_byte_is_refused() {
    let bytes = archive(&[entry("index.html"), entry("a")], 2);
    for end in 0..bytes.len() {
        let error = Publication::open(file_of(&bytes[..end]), "application/zip").unwrap_err();
        assert!(
            matches!(error, PublicationError::Zip(ZipError::NoDirectory(_))),
            "cut at {end}: {error}"
        );
    }
}

#[test]
fn a_damaged_byte_anywhere_never_opens_as_something_else() {
    let bytes = archive(&[entry("index.html"), entry("a.html")], 2);
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x41;
        let Ok(publication) = Publication::open(file_of(&damaged), "application/zip") else {
            continue;
        };
        for path in ["index.html", "a.html"] {
            let Some(resource) = publication.resource(path) else { continue };
            if let Ok(plain) = resource.read(1 << 20) {
                assert_eq!(plain, b"<p>bonjour</p>", "byte {at}");
            }
        }
    }
}
