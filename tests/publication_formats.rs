//! Every format that distributors ship opens, with its reading order, contents and cover.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod publication_support;
mod support;

use std::{fs, fs::File, path::Path};

use pdf_writer::{Finish as _, Name, Pdf, Rect, Ref, TextStr};
use preau::publication::{Kind, Publication, PublicationError};
use publication_support::{
    BASE, check_manifest, epub_of, file_of, manifest_schema, read_all, zip_of,
};

/// Opens a package, checks its manifest where the schema is at hand, reads all of it.
fn open(file: File, media_type: &str) -> Publication {
    let publication = Publication::open(file, media_type).unwrap();
    if let Some(samples) = support::sample_folder() {
        check_manifest(&manifest_schema(&samples), &publication);
    }
    read_all(&publication);
    publication
}

fn paths(publication: &Publication) -> Vec<&str> {
    publication.reading_order.iter().map(|item| &*item.path).collect()
}

const EPUB: &str = "application/epub+zip";

#[test]
fn an_epub_2_with_a_nested_package_document_and_only_an_ncx_opens() {
    let opf = r#"<package version="2.0"><metadata><dc:title>Œuvres</dc:title>
        <dc:language>fr-FR</dc:language><dc:identifier>9782013953580</dc:identifier>
        <meta name="cover" content="couv"/></metadata>
        <manifest><item id="c1" href="../texte/chapitre%201.html" media-type="application/xhtml+xml"/>
        <item id="c2" href="../texte/%C3%A9t%C3%A9.html" media-type="application/xhtml+xml"/>
        <item id="couv" href="couverture.html" media-type="application/xhtml+xml"/>
        <item id="img" href="img/c.png" media-type="image/png"/>
        <item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/></manifest>
        <spine toc="ncx"><itemref idref="c1"/><itemref idref="c2"/><itemref idref="c1"/></spine></package>"#;
    let ncx = r#"<!DOCTYPE ncx PUBLIC "-//NISO//DTD ncx 2005-1//EN" "http://www.daisy.org/z3986/2005/ncx-2005-1.dtd">
        <ncx><navMap><navPoint><navLabel><text>Un</text></navLabel><content src="../texte/chapitre%201.html"/>
        <navPoint><navLabel><text>Un, a</text></navLabel><content src="../texte/chapitre%201.html#a b"/></navPoint>
        </navPoint></navMap></ncx>"#;
    // The second name is in Unicode form D, as macOS writes it.
    let publication = open(
        epub_of(
            "OEBPS/deep/content.opf",
            opf,
            &[
                ("OEBPS/texte/chapitre 1.html", "<html/>"),
                ("OEBPS/texte/e\u{301}te\u{301}.html", "<html/>"),
                ("OEBPS/deep/couverture.html", "<html><img src='img/c.png'></html>"),
                ("OEBPS/deep/img/c.png", "png"),
                ("OEBPS/deep/toc.ncx", ncx),
            ],
        ),
        EPUB,
    );
    assert_eq!(publication.kind, Kind::EpubReflowable);
    assert_eq!(paths(&publication), ["OEBPS/texte/chapitre 1.html", "OEBPS/texte/été.html"]);
    assert_eq!(publication.cover.as_deref(), Some("OEBPS/deep/img/c.png"));
    assert_eq!(publication.reading_order[0].title.as_deref(), Some("Un"));
    let manifest = publication.manifest(BASE);
    assert_eq!(manifest["metadata"]["identifier"], "urn:isbn:9782013953580");
    assert_eq!(
        manifest["toc"][0]["children"][0]["href"],
        format!("{BASE}r/OEBPS/texte/chapitre%201.html#a%20b")
    );
}

#[test]
fn a_fixed_layout_epub_has_sizes_sides_and_direction() {
    let page =
        |size: &str| format!("<html><head><meta name='viewport' content='{size}'/></head></html>");
    let opf = r#"<package><metadata><dc:title>Géo</dc:title>
        <meta property="rendition:layout">pre-paginated</meta></metadata>
        <manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>
        <item id="b" href="b.svg" media-type="image/svg+xml"/>
        <item id="n" href="notes.xhtml" media-type="application/xhtml+xml"/>
        <item id="t" href="b.tif" media-type="image/tiff" fallback="b"/>
        <item id="c" href="c.png" media-type="image/png" properties="cover-image"/></manifest>
        <spine page-progression-direction="rtl"><itemref idref="a" properties="page-spread-right"/>
        <itemref idref="t" properties="rendition:page-spread-left"/>
        <itemref idref="n" linear="no"/></spine></package>"#;
    let first = page("width=800,height=1000");
    let publication = open(
        epub_of(
            "package.opf",
            opf,
            &[
                ("a.xhtml", &first),
                ("b.svg", "<svg viewBox='0 0 700 900'/>"),
                ("notes.xhtml", "<html/>"),
                ("c.png", "x"),
                ("b.tif", ""),
            ],
        ),
        EPUB,
    );
    assert_eq!(publication.kind, Kind::EpubFixed);
    assert_eq!(paths(&publication), ["a.xhtml", "b.svg"]);
    assert_eq!(publication.reading_order[0].viewport, Some((800, 1000)));
    assert_eq!(publication.reading_order[1].viewport, Some((700, 900)));
    assert_eq!(publication.reading_order[1].page, Some("left"));
    assert_eq!(publication.cover.as_deref(), Some("c.png"));
    let manifest = publication.manifest(BASE);
    assert_eq!(manifest["metadata"]["layout"], "fixed");
    assert_eq!(manifest["metadata"]["readingProgression"], "rtl");
    let cover = manifest["resources"].as_array().unwrap().iter().find(|l| l["rel"] == "cover");
    assert_eq!(cover.unwrap()["href"], format!("{BASE}r/c.png"));
}

#[test]
fn old_ways_to_say_fixed_layout_are_understood() {
    let opf = |meta: &str| {
        format!(
            "<package><metadata><dc:title>t</dc:title>{meta}</metadata><manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest><spine><itemref idref='a'/></spine></package>"
        )
    };
    let apple = r#"<display_options><platform name="*"><option name="fixed-layout">true</option></platform></display_options>"#;
    let kind = |opf: String, more: &[(&str, &str)]| {
        let mut entries = vec![("a.xhtml", "<html/>")];
        entries.extend_from_slice(more);
        open(epub_of("x.opf", &opf, &entries), EPUB).kind
    };
    assert_eq!(kind(opf(""), &[]), Kind::EpubReflowable);
    assert_eq!(kind(opf("<meta name='fixed-layout' content='true'/>"), &[]), Kind::EpubFixed);
    let options = ("META-INF/com.apple.ibooks.display-options.xml", apple);
    assert_eq!(kind(opf(""), &[options]), Kind::EpubFixed);
}

#[test]
fn a_broken_navigation_document_costs_the_contents_and_not_the_book() {
    let opf = "<package><metadata><dc:title>t</dc:title></metadata><manifest><item id='n' properties='nav' href='nav.xhtml' media-type='application/xhtml+xml'/><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest><spine><itemref idref='a'/></spine></package>";
    let nav = "<html>".repeat(300);
    let publication = open(epub_of("x.opf", opf, &[("nav.xhtml", &nav), ("a.xhtml", "")]), EPUB);
    assert!(publication.contents.is_empty());
    assert_eq!(paths(&publication), ["a.xhtml"]);
}

#[test]
fn an_encrypted_epub_is_refused_and_one_with_obfuscated_fonts_opens() {
    let opf = "<package><manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest><spine><itemref idref='a'/></spine></package>";
    let open_with = |algorithm: &str| {
        let encryption = format!(
            "<encryption xmlns:enc='x'><enc:EncryptedData><enc:EncryptionMethod Algorithm='{algorithm}'/>\
             <enc:CipherData><enc:CipherReference URI='a.xhtml'/></enc:CipherData></enc:EncryptedData></encryption>"
        );
        let entries = [("a.xhtml", "?"), ("META-INF/encryption.xml", &encryption)];
        Publication::open(epub_of("x.opf", opf, &entries), EPUB)
    };
    let error = open_with("http://www.w3.org/2001/04/xmlenc#aes256-cbc").unwrap_err();
    assert!(
        matches!(&error, PublicationError::Protected { path, .. } if path == "a.xhtml"),
        "{error}"
    );
    open_with("http://www.idpf.org/2008/embedding").unwrap();
}

#[test]
fn an_epub_without_what_it_needs_says_what() {
    let refused = |file| Publication::open(file, EPUB).unwrap_err();
    let error = refused(zip_of(&[("index.html", "<p>")]));
    assert!(error.to_string().contains("META-INF/container.xml is missing"), "{error}");
    let error = refused(zip_of(&[(
        "META-INF/container.xml",
        "<container><rootfile full-path='../../etc/x.opf'/></container>",
    )]));
    assert!(matches!(error, PublicationError::Missing { .. }), "{error}");
    let error = refused(epub_of("x.opf", "<package><spine/></package>", &[]));
    assert!(matches!(error, PublicationError::NothingToRead { .. }), "{error}");
    let error = refused(epub_of("x.opf", "no xml at all", &[]));
    assert!(error.to_string().starts_with("x.opf: "), "{error}");
    let error = refused(file_of(b"%PDF-1.7\n"));
    assert!(matches!(error, PublicationError::OtherFormat { .. }), "{error}");
}

#[test]
fn a_scorm_1_2_package_opens_in_the_order_of_its_items() {
    let manifest = r#"<manifest identifier="MANIFEST-1" version="1.0" xmlns:adlcp="x">
        <metadata><schema>ADL SCORM</schema><schemaversion>1.2</schemaversion></metadata>
        <organizations default="B"><organization identifier="A"><title>Non</title></organization>
        <organization identifier="B"><title>Sciences 6e</title>
          <item identifier="i1"><title>Chapitre 1</title>
            <item identifier="i2" identifierref="r2" parameters="?page=2"><title>Leçon &amp; quiz</title></item>
            <item identifier="i3" identifierref="r1" isvisible="false"><title>caché</title></item></item>
        </organization></organizations>
        <resources><resource identifier="r1" type="webcontent" adlcp:scormtype="sco" href="sco1/index.html"/>
        <resource identifier="r2" type="webcontent" href="sco2/index.html?lang=fr"/></resources></manifest>"#;
    let publication = open(
        zip_of(&[
            ("imsmanifest.xml", manifest),
            ("sco1/index.html", "<p>"),
            ("sco2/index.html", "<p>"),
            ("shared/style.css", "p{}"),
        ]),
        "application/zip",
    );
    assert_eq!(publication.kind, Kind::Scorm);
    assert_eq!(publication.metadata.title, "Sciences 6e");
    assert_eq!(paths(&publication), ["sco2/index.html", "sco1/index.html"]);
    assert_eq!(publication.reading_order[0].title.as_deref(), Some("Leçon & quiz"));
    let chapter = &publication.contents[0];
    assert_eq!(chapter.children.len(), 1, "what is hidden is not listed");
    assert_eq!(chapter.children[0].href.as_deref(), Some("sco2/index.html?lang=fr&page=2"));
    let toc = &publication.manifest(BASE)["toc"][0];
    assert_eq!(toc["href"], format!("{BASE}r/sco2/index.html?lang=fr&page=2"));
}

#[test]
fn a_scorm_2004_package_in_a_folder_of_its_own_opens() {
    let manifest = r#"<manifest identifier="M" xml:base="content/"><metadata>
        <schemaversion>2004 3rd Edition</schemaversion><lom:lom><lom:general>
        <lom:title><lom:string language="fr">Décrit</lom:string></lom:title>
        <lom:language>fr</lom:language></lom:general></lom:lom></metadata>
        <organizations><organization identifier="A"><title></title>
        <item identifierref="r"><title>Un</title></item></organization></organizations>
        <resources xml:base="sco/"><resource identifier="r" href="start%20here.html#top"/></resources></manifest>"#;
    let publication = open(
        zip_of(&[
            ("Paquet/imsmanifest.xml", manifest),
            ("Paquet/content/sco/start here.html", "<p>"),
        ]),
        "application/octet-stream",
    );
    assert_eq!(publication.kind, Kind::Scorm);
    assert_eq!(publication.metadata.title, "Décrit");
    assert_eq!(publication.metadata.languages, ["fr"]);
    assert_eq!(paths(&publication), ["Paquet/content/sco/start here.html"]);
}

#[test]
fn a_web_site_in_a_zip_opens() {
    let publication = open(
        zip_of(&[
            ("index.html", "<html lang=fr><title>Site</title>"),
            ("js/app.js", "1"),
            ("empty.css", ""),
        ]),
        "application/zip",
    );
    assert_eq!(publication.kind, Kind::Html);
    assert_eq!(publication.metadata.title, "Site");
    assert_eq!(publication.resource("js/app.js").unwrap().media_type, "text/javascript");
}

/// A PDF of three pages with an outline of two levels.
fn pdf(title: &str, ring: bool) -> Vec<u8> {
    let id = Ref::new;
    let mut pdf = Pdf::new();
    pdf.catalog(id(1)).pages(id(2)).outlines(id(3)).destinations(id(5)).lang(TextStr("fr"));
    pdf.destinations(id(5)).insert(Name(b"juin")).page(id(11)).fit();
    pdf.pages(id(2)).kids([id(10), id(11), id(12)]).count(3);
    for page in 10..13 {
        let mut page = pdf.page(id(page));
        page.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(id(2));
        page.finish();
    }
    pdf.outline(id(3)).first(id(20)).last(id(21)).count(3);
    let mut first = pdf.outline_item(id(20));
    first.title(TextStr("Été")).parent(id(3)).next(id(21)).first(id(22)).last(id(22)).count(1);
    first.dest().page(id(10)).fit();
    first.finish();
    let mut second = pdf.outline_item(id(21));
    second.title(TextStr("Hiver")).parent(id(3)).prev(id(20));
    if ring {
        second.next(id(20));
    }
    second.dest().page(id(12)).fit();
    second.finish();
    let mut below = pdf.outline_item(id(22));
    below.title(TextStr("Juin")).parent(id(20)).dest_name(Name(b"juin"));
    below.finish();
    pdf.document_info(id(4)).title(TextStr(title)).author(TextStr("Une autrice"));
    pdf.finish()
}

#[test]
fn a_pdf_has_its_title_pages_and_outline() {
    let bytes = pdf("Histoire–Géographie", false);
    let publication = open(file_of(&bytes), "application/pdf");
    assert_eq!(publication.kind, Kind::Pdf);
    assert_eq!(publication.metadata.title, "Histoire–Géographie");
    assert_eq!(publication.metadata.authors, ["Une autrice"]);
    assert_eq!(publication.metadata.languages, ["fr"]);
    assert_eq!(publication.metadata.pages, Some(3));
    assert_eq!(paths(&publication), ["publication.pdf"]);
    let titles: Vec<&str> = publication.contents.iter().map(|entry| &*entry.title).collect();
    assert_eq!(titles, ["Été", "Hiver"]);
    assert_eq!(publication.contents[1].href.as_deref(), Some("publication.pdf#page=3"));
    let june = &publication.contents[0].children[0];
    assert_eq!(june.title, "Juin");
    assert_eq!(june.href.as_deref(), Some("publication.pdf#page=2"));
    let resource = publication.resource("publication.pdf").unwrap();
    assert_eq!((resource.offset, resource.deflated), (0, false));
    assert_eq!(resource.read(1 << 20).unwrap(), bytes);
    assert_eq!(
        publication.manifest(BASE)["toc"][1]["href"],
        format!("{BASE}r/publication.pdf#page=3")
    );
}

#[test]
fn an_outline_that_forms_a_ring_ends() {
    let publication = open(file_of(&pdf("x", true)), "application/pdf");
    assert_eq!(publication.contents.len(), 2);
}

#[test]
fn a_pdf_damaged_anywhere_still_opens_as_its_bytes() {
    let bytes = pdf("x", false);
    for at in 8..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] = damaged[at].wrapping_add(17);
        let publication = Publication::open(file_of(&damaged), "application/pdf").unwrap();
        let resource = publication.resource("publication.pdf").unwrap();
        assert_eq!(resource.read(1 << 20).unwrap(), damaged, "byte {at}");
    }
}

#[test]
fn a_pdf_cut_anywhere_still_opens_as_its_bytes() {
    let bytes = pdf("x", false);
    for end in (8..bytes.len()).step_by(97) {
        let publication = Publication::open(file_of(&bytes[..end]), "application/pdf").unwrap();
        assert_eq!(publication.resource("publication.pdf").unwrap().len, end as u64);
    }
    let error = Publication::open(file_of(b"not a pdf"), "application/pdf").unwrap_err();
    assert!(matches!(error, PublicationError::OtherFormat { .. }), "{error}");
}

#[test]
fn every_seed_of_the_zip_fuzzer_opens() {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/zip");
    let mut opened = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let seed = seed.unwrap().path();
        let publication = open(File::open(&seed).unwrap(), "application/zip");
        assert!(!publication.reading_order.is_empty(), "{}", seed.display());
        opened += 1;
    }
    assert!(opened >= 5);
}
