//! Packages for the reader: a hostile one, one of flowing text, a PDF, and SCORM exercises.

#![allow(dead_code, reason = "each test uses its own part")]

use std::io::Read as _;

use super::publication_support::{epub_of, zip_of};

/// Pages of the hostile EPUB.
pub const HOSTILE_PAGES: usize = 8;

fn epub(layout: &str, pages: &[String], more: &[(&str, &str)]) -> Vec<u8> {
    let mut items = String::new();
    let mut spine = String::new();
    let mut toc = String::new();
    for n in 1..=pages.len() {
        items += &format!(
            "<item id=\"p{n}\" href=\"p{n}.xhtml\" media-type=\"application/xhtml+xml\" \
             properties=\"scripted\"/>"
        );
        spine += &format!("<itemref idref=\"p{n}\"/>");
        toc += &format!("<li><a href=\"p{n}.xhtml\">Chapitre {n}</a></li>");
    }
    for (n, (path, _)) in more.iter().enumerate() {
        let kind = if path.ends_with("js") { "text/javascript" } else { "image/svg+xml" };
        let name = path.trim_start_matches("OEBPS/");
        items += &format!("<item id=\"m{n}\" href=\"{name}\" media-type=\"{kind}\"/>");
    }
    let opf = format!(
        "<?xml version=\"1.0\"?><package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" \
         unique-identifier=\"id\"><metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\
         <dc:identifier id=\"id\">urn:test:{layout}</dc:identifier><dc:title>Essai</dc:title>\
         <dc:language>fr</dc:language><meta property=\"dcterms:modified\">2026-09-01T00:00:00Z</meta>\
         <meta property=\"rendition:layout\">{layout}</meta></metadata><manifest>\
         <item id=\"nav\" href=\"nav.xhtml\" properties=\"nav\" media-type=\"application/xhtml+xml\"/>\
         {items}</manifest><spine>{spine}</spine></package>"
    );
    let html = "<html xmlns=\"http://www.w3.org/1999/xhtml\" \
                xmlns:epub=\"http://www.idpf.org/2007/ops\" xmlns:xlink=\"http://www.w3.org/1999/xlink\">";
    let nav = format!("{html}<body><nav epub:type=\"toc\"><ol>{toc}</ol></nav></body></html>");
    let pages: Vec<_> = pages
        .iter()
        .enumerate()
        .map(|(n, page)| (format!("OEBPS/p{}.xhtml", n + 1), format!("{html}{page}</html>")))
        .collect();
    let mut entries = vec![("OEBPS/nav.xhtml", nav.as_str())];
    entries.extend(pages.iter().map(|(path, page)| (path.as_str(), page.as_str())));
    entries.extend_from_slice(more);
    let mut bytes = Vec::new();
    epub_of("OEBPS/content.opf", &opf, &entries).read_to_end(&mut bytes).unwrap();
    bytes
}

/// An EPUB each of whose pages tries another way out of its frame; `victim` is where another
/// package lies.
pub fn hostile_epub(victim: &str) -> Vec<u8> {
    // What every way would do, if it ran: leave a trace everywhere, and read the other package.
    let harm = format!(
        "window.harm=1;document.title='harm';try{{parent.harm=1;parent.document.title='harm';\
         localStorage.harm=1;document.cookie='harm=1'}}catch(e){{}};\
         fetch('{victim}manifest.json').then(r=>r.text()).then(t=>{{parent.harm=t}})"
    );
    let quoted = harm.replace('\'', "&#39;").replace('>', "&gt;");
    let head = "<title>x</title><meta name=\"viewport\" content=\"width=600, height=800\"/>";
    let page = |in_head: &str, body: &str| {
        format!("<head>{head}{in_head}</head><body><p>inoffensive</p>{body}</body>")
    };
    let script = format!("<script>//<![CDATA[\n{harm}\n//]]></script>");
    let pages = [
        page(&script, &script),
        page(
            "<script src=\"harm.js\"></script>",
            "<script src=\"harm.js\" defer=\"defer\"></script>",
        ),
        format!(
            "<head>{head}</head><body onload=\"{quoted}\"><p>inoffensive</p>\
             <img src=\"nothing.png\" alt=\"\" onerror=\"{quoted}\"/>\
             <video onloadstart=\"{quoted}\" src=\"nothing.mp4\"></video></body>"
        ),
        page(
            &format!(
                "<meta http-equiv=\"refresh\" content=\"0; url={victim}r/OEBPS/page001.xhtml\"/>"
            ),
            &format!("<a href=\"javascript:{quoted}\">lien</a>"),
        ),
        page(
            "<base href=\"http://127.0.0.1:9/\"/>",
            &format!(
                "<form action=\"{victim}package\" method=\"post\"><input autofocus=\"autofocus\" onfocus=\"{quoted}\"/></form>"
            ),
        ),
        page(
            "",
            &format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"{quoted}\"><script>//<![CDATA[\n{harm}\n//]]></script>\
                 <a xlink:href=\"javascript:{quoted}\"><animate attributeName=\"href\" \
                 values=\"javascript:{quoted}\" onbegin=\"{quoted}\" begin=\"0s\"/><text>x</text></a></svg>\
                 <object type=\"image/svg+xml\" data=\"harm.svg\"></object>"
            ),
        ),
        page(
            "",
            &format!(
                "<iframe src=\"javascript:{quoted}\"></iframe>\
                 <iframe srcdoc=\"&lt;script&gt;{quoted}&lt;/script&gt;\"></iframe>\
                 <object data=\"p1.xhtml\" type=\"application/xhtml+xml\"></object>\
                 <embed src=\"harm.svg\"/><iframe src=\"{victim}r/OEBPS/page001.xhtml\"></iframe>"
            ),
        ),
        page(
            &format!(
                "<link rel=\"import\" href=\"harm.js\"/><link rel=\"modulepreload\" href=\"harm.js\"/>\
                 <link rel=\"stylesheet\" href=\"{victim}r/OEBPS/nav.xhtml\"/>\
                 <style>@import url(\"{victim}r/x.css\"); body {{ background: url(javascript:{}) }}</style>",
                "alert(1)"
            ),
            &format!(
                "<div epub:type=\"x\"><details ontoggle=\"{quoted}\" open=\"open\">x</details></div>"
            ),
        ),
    ];
    assert_eq!(pages.len(), HOSTILE_PAGES);
    let picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"{quoted}\"><script>//<![CDATA[\n{harm}\n//]]></script></svg>"
    );
    epub("pre-paginated", &pages, &[("OEBPS/harm.js", &harm), ("OEBPS/harm.svg", &picture)])
}

/// Chapters of text that flows.
pub fn reflowable_epub() -> Vec<u8> {
    let chapter = |n: usize| {
        let text = "Deux triangles semblables ont leurs côtés proportionnels. ".repeat(30);
        let thales = if n == 2 {
            "<p id=\"thales\">Le théorème de Thalès s’énonce ainsi.</p>"
        } else {
            ""
        };
        format!(
            "<head><title>{n}</title></head><body><h1>Chapitre {n}</h1><p>{text}</p>{thales}<p>{text}</p></body>"
        )
    };
    epub("reflowable", &[chapter(1), chapter(2), chapter(3)], &[])
}

/// A PDF of three pages, each with its number.
pub fn pdf() -> Vec<u8> {
    use pdf_writer::{Content, Name, Pdf, Rect, Ref, Str};
    let mut file = Pdf::new();
    let (catalog, tree, font) = (Ref::new(1), Ref::new(2), Ref::new(3));
    let page = |n: i32| (Ref::new(10 + 2 * n), Ref::new(11 + 2 * n));
    file.catalog(catalog).pages(tree);
    file.pages(tree).kids((0..3).map(|n| page(n).0)).count(3);
    file.type1_font(font).base_font(Name(b"Helvetica"));
    for n in 0..3 {
        let (sheet, words) = page(n);
        let mut made = file.page(sheet);
        made.media_box(Rect::new(0.0, 0.0, 595.0, 842.0)).parent(tree).contents(words);
        made.resources().fonts().pair(Name(b"F"), font);
        drop(made);
        let mut text = Content::new();
        text.begin_text().set_font(Name(b"F"), 28.0).next_line(72.0, 700.0);
        text.show(Str(format!("Page {} du manuel d'histoire", n + 1).as_bytes())).end_text();
        file.stream(words, &text.finish());
    }
    file.finish()
}

/// SCORM 1.2 exercises whose score grows by ten each time they are opened, from 80; what they can
/// read of the page around them, they write in their title.
pub fn scorm() -> Vec<u8> {
    let manifest = "<?xml version=\"1.0\"?>\
        <manifest identifier=\"m\" xmlns=\"http://www.imsproject.org/xsd/imscp_rootv1p1p2\" \
        xmlns:adlcp=\"http://www.adlnet.org/xsd/adlcp_rootv1p2\"><metadata><schema>ADL SCORM</schema>\
        <schemaversion>1.2</schemaversion></metadata><organizations default=\"o\">\
        <organization identifier=\"o\"><title>Exercices</title><item identifier=\"i\" \
        identifierref=\"r\"><title>Fractions</title></item></organization></organizations>\
        <resources><resource identifier=\"r\" type=\"webcontent\" adlcp:scormtype=\"sco\" \
        href=\"index.html\"/></resources></manifest>";
    let document = "<!DOCTYPE html><html lang=\"fr\"><head><title>x</title></head><body><h1>Fractions</h1>\
        <p>1/2 + 1/4 = ?</p><script>
        const can = (name, read) => { try { read(); return name + ':yes'; } catch { return name + ':no'; } };
        document.title = [can('parent', () => parent.document.body), can('cookie', () => document.cookie.length),
            can('storage', () => localStorage.length), can('database', () => { if (!indexedDB.open('x')) throw 0; })].join(' ');
        API.LMSInitialize('');
        const before = Number(API.LMSGetValue('cmi.core.score.raw') || 70);
        API.LMSSetValue('cmi.core.score.raw', String(before + 10));
        API.LMSSetValue('cmi.core.lesson_status', 'completed');
        API.LMSCommit('');
        </script></body></html>";
    let mut bytes = Vec::new();
    zip_of(&[("imsmanifest.xml", manifest), ("index.html", document)])
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}
