//! Who reads what: every page and every resource asks, and nothing that another site, another
//! session or a crooked path tries opens anything.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod library_support;
mod publication_support;
mod support;

use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _};
use library_support::{
    Lender,
    ent::{Ent, Member},
    manual,
};
use preau::{
    catalogue::{Holding, Holdings, Licence},
    store::BlobId,
};
use support::{http::Page, until};

const EPUB: &str = "application/epub+zip";
const NAVIGATION: &str = "Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n";

/// A box of three manuals: one for all, one for teachers, one whose licence ended in the past.
struct School {
    lender: Lender,
    _ent: Ent,
    everyone: BlobId,
    teachers: BlobId,
    ended: BlobId,
}

impl School {
    fn open() -> Self {
        let ent = Ent::start();
        let lender = Lender::start_with(&ent.settings());
        let now = Timestamp::now();
        let held = |id: &str, title: &str, publics: &[&str], until: Timestamp| {
            let licence = Licence {
                id: id.into(),
                from: None,
                until: Some(until),
                pupil_licences: None,
                assigned_pupils: 0,
                individual: false,
                publics: publics.iter().map(ToString::to_string).collect(),
            };
            let levels = vec!["seconde".to_owned()];
            Arc::new(Holding { licences: vec![licence], levels, ..Holding::titled(id, title) })
        };
        let (later, before) = (now + 2400.hours(), now - 48.hours());
        let all = vec![
            held("a", "Algèbre", &[], later),
            held("b", "Corrigés du maître", &["ENSEIGNANT"], later),
            held("c", "Vieux manuel", &[], before),
        ];
        lender.holdings.send_replace(Arc::new(Holdings { all, sources: vec![] }));
        let keep = |id, title: &str| lender.keep(EPUB, id, title, &manual(title, 3));
        let (everyone, teachers, ended) =
            (keep("a", "Algèbre"), keep("b", "Corrigés"), keep("c", "Vieux"));
        let mut teacher = Member::teacher(&lender, "ready");
        for blob in [everyone, teachers] {
            let path = format!("/p/{blob}/package");
            until("the manuals", || (teacher.get(&lender, &path).status == 200).then_some(()));
        }
        Self { lender, _ent: ent, everyone, teachers, ended }
    }
}

fn page_of(blob: &BlobId) -> String {
    format!("/p/{blob}/r/OEBPS/page001.xhtml")
}

#[test]
fn nobody_reads_before_signing_in_and_help_stays_open() {
    let school = School::open();
    let mut nobody = Member::default();
    let blob = school.everyone;
    for path in [
        "/",
        "/recherche?q=algebre",
        "/recherche/liste?q=algebre",
        "/livre/algebre-0123456789",
        "/moi",
        "/codes",
        "/indicateurs",
        "/indicateurs.csv",
        "/m/ABCDE",
        "/opds",
        "/opds/recherche?query=a",
        &format!("/lire/{blob}/1"),
        &format!("/p/{blob}/package"),
        &format!("/p/{blob}/manifest.json"),
        &format!("/p/{blob}/cover"),
        &page_of(&blob),
        &format!("/p/{}/package", BlobId([9; 32])),
    ] {
        let page = nobody.get(&school.lender, path);
        assert_eq!(page.status, 401, "{path}");
        assert!(!page.text().contains("Algèbre"), "{path} tells of a manual");
    }
    for path in ["/connexion", "/aide", "/static/style.css", "/opds/authentification"] {
        assert_eq!(nobody.get(&school.lender, path).status, 200, "{path}");
    }
}

#[test]
fn each_reads_what_they_may_and_is_told_why_not_the_rest() {
    let school = School::open();
    let mut pupil = Member::pupil(&school.lender, "p1");
    let mut teacher = Member::teacher(&school.lender, "t1");
    assert_eq!(pupil.get(&school.lender, &page_of(&school.everyone)).status, 200);
    assert_eq!(teacher.get(&school.lender, &page_of(&school.teachers)).status, 200);
    for (blob, why) in
        [(school.teachers, "pour d’autres personnes"), (school.ended, "a pris fin le")]
    {
        for path in [page_of(&blob), format!("/p/{blob}/package"), format!("/p/{blob}/cover")] {
            let short = pupil.get(&school.lender, &path);
            assert_eq!(short.status, 403, "{path}");
            assert!(short.field("content-type").unwrap().starts_with("text/plain"), "{path}");
            assert!(short.text().contains(why), "{}", short.text());
        }
        let page = pupil.get_with(&school.lender, &page_of(&blob), NAVIGATION);
        assert_eq!(page.status, 403);
        assert!(page.field("content-type").unwrap().starts_with("text/html"));
        assert!(page.field("content-security-policy").unwrap().contains("frame-ancestors 'self'"));
        assert!(page.text().contains(why), "{}", page.text());
        let reader = pupil.get(&school.lender, &format!("/lire/{blob}/1"));
        assert!(reader.status == 403 && reader.text().contains(why), "{}", reader.text());
    }
    let mut other = Member::default();
    let landed = other.sign_in(&school.lender, "p9.National_ELV.0670001A.2DE1", "/");
    assert_eq!(landed.status, 403);
    assert!(landed.text().contains("autre établissement"));
    assert_eq!(other.get(&school.lender, &page_of(&school.everyone)).status, 401);
}

#[test]
fn signing_in_gives_a_new_session_whatever_cookie_the_browser_had() {
    let school = School::open();
    let mut member = Member::pupil(&school.lender, "p1");
    let first = member.cookies["__Host-preau"].clone();
    let mut victim = Member::default();
    let planted = "A".repeat(first.len());
    victim.cookies.insert("__Host-preau".into(), planted.clone());
    victim.sign_in(&school.lender, "p2.National_ELV.0510035L.2DE3", "/");
    assert_ne!(victim.cookies["__Host-preau"], planted);
    let mut attacker = Member::default();
    attacker.cookies.insert("__Host-preau".into(), planted);
    assert_eq!(attacker.get(&school.lender, "/").status, 401);

    member.sign_in(&school.lender, "p1.National_ELV.0510035L.2DE3", "/");
    assert_ne!(member.cookies["__Host-preau"], first);
    let mut old = Member::default();
    old.cookies.insert("__Host-preau".into(), first);
    assert_eq!(old.get(&school.lender, "/").status, 401, "the session before has ended");
}

#[test]
fn a_sign_in_leads_to_a_page_of_this_box_and_nowhere_else() {
    let school = School::open();
    let mut member = Member::default();
    let who = "p1.National_ELV.0510035L.2DE3";
    let landed = member.sign_in(&school.lender, who, "/recherche?q=alg%C3%A8bre");
    assert_eq!(landed.field("location"), Some("/recherche?q=alg%C3%A8bre"));
    for away in [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/x\r\nSet-Cookie: a=b",
        "evil.example",
    ] {
        let landed = Member::default().sign_in(&school.lender, who, away);
        assert_eq!(landed.field("location"), Some("/"), "{away:?}");
        let encoded: String = url::form_urlencoded::byte_serialize(away.as_bytes()).collect();
        let page = Member::default().get(&school.lender, &format!("/connexion?retour={encoded}"));
        assert!(page.text().contains("name=\"retour\" value=\"/\""), "{away:?}: {}", page.text());
        assert!(!page.text().contains("href=\"//") && !page.text().contains("href=\"javascript"));
        assert!(!page.head.to_lowercase().contains("set-cookie: a=b"));
    }
}

#[test]
fn an_answer_of_the_ent_opens_nothing_twice_or_in_another_browser() {
    let school = School::open();
    let mut member = Member::default();
    let away = member.get(&school.lender, "/connexion/ent?retour=/");
    let location = away.field("location").unwrap();
    let login: url::Url = location.parse().unwrap();
    let service = login.query_pairs().find(|(name, _)| name == "service").unwrap().1;
    let service: url::Url = service.parse().unwrap();
    let ticket = "ST-1.p1.National_ELV.0510035L.2DE3.77";
    let back = format!("/connexion/retour?{}&ticket={ticket}", service.query().unwrap());
    assert_eq!(Member::default().get(&school.lender, &back).status, 400, "another browser");
    let mut replay = member.clone();
    assert_eq!(member.get(&school.lender, &back).status, 303);
    assert_eq!(replay.get(&school.lender, &back).status, 400, "the same answer again");
}

#[test]
fn no_form_of_another_site_is_taken_and_none_without_the_sessions_token() {
    let school = School::open();
    let lender = &school.lender;
    let mut teacher = Member::teacher(lender, "t1");
    let csrf = teacher.csrf(lender);
    let blob = school.everyone.to_string();
    let forms: [(&str, &[(&str, &str)]); 9] = [
        ("/deconnexion", &[]),
        ("/connexion/passe", &[]),
        ("/connexion/code", &[("code", "AAAA-AAAA")]),
        ("/moi/laissez-passer", &[("id", "x")]),
        ("/moi/cle", &[("nom", "Thorium")]),
        ("/moi/cle/retirer", &[("id", "x")]),
        ("/moi/effacer", &[("oui", "oui")]),
        ("/codes", &[("classe", "2DE3"), ("nombre", "1")]),
        ("/m", &[("blob", &blob), ("page", "2")]),
    ];
    for (path, form) in forms {
        let mut good = form.to_vec();
        good.push(("csrf", &csrf));
        for foreign in [
            "Origin: https://evil.example\r\n",
            "Origin: null\r\n",
            "Sec-Fetch-Site: cross-site\r\n",
            "Sec-Fetch-Site: same-site\r\n",
        ] {
            let refused = teacher.post_with(lender, path, &good, foreign);
            assert_eq!(refused.status, 403, "{path} from {foreign:?}");
        }
        for token in ["", "AAAA", &csrf.to_lowercase()] {
            let mut bad = form.to_vec();
            bad.push(("csrf", token));
            assert_eq!(teacher.post(lender, path, &bad).status, 403, "{path} with {token:?}");
        }
        assert_eq!(teacher.post(lender, path, form).status, 403, "{path} with none");
    }
    let mut other = Member::teacher(lender, "t2");
    let theirs = other.csrf(lender);
    assert_eq!(teacher.post(lender, "/deconnexion", &[("csrf", &theirs)]).status, 403);
    let fields = format!(
        "Cookie: __Host-preau={}\r\nX-Csrf: x\r\nContent-Type: application/json\r\n",
        teacher.cookies["__Host-preau"]
    );
    let message = b"{\"key\":\"a\",\"challenge\":\"b\",\"signature\":\"c\"}";
    let bound =
        support::http::send(lender.address, "POST", "/connexion/appareil", &fields, message);
    assert_eq!(bound.status, 403);
    assert_eq!(teacher.get(lender, "/").status, 200, "nothing of all that signed anyone out");
    assert_eq!(teacher.post(lender, "/deconnexion", &[("csrf", &csrf)]).status, 303);
    assert_eq!(teacher.get(lender, "/").status, 401);
}

#[test]
fn what_is_sent_is_bounded_and_of_the_kind_that_is_awaited() {
    let school = School::open();
    let lender = &school.lender;
    let mut nobody = Member::default();
    let long = "A".repeat(64 * 1024);
    let sent = nobody.post(lender, "/connexion/code", &[("code", &long)]);
    assert_eq!(sent.status, 413);
    let text = "Content-Type: text/plain\r\n";
    let sent = support::http::send(lender.address, "POST", "/connexion/code", text, b"code=x");
    assert_eq!(sent.status, 415);
    for (method, path) in [("PUT", "/moi"), ("POST", "/"), ("POST", "/aide")] {
        assert_eq!(lender.ask(method, path).status, 405, "{method} {path}");
    }
}

/// The address of the page in the frame of the reader without JavaScript.
fn frame(reader: &Page) -> String {
    let text = reader.text();
    let (_, rest) = text.split_once("src=\"/p/").unwrap();
    format!("/p/{}", rest.split('"').next().unwrap().replace("&#38;", "&"))
}

#[test]
fn a_capability_opens_its_package_to_a_frame_without_cookies_and_nothing_more() {
    let school = School::open();
    let lender = &school.lender;
    let mut teacher = Member::teacher(lender, "t1");
    let reader = teacher.get(lender, &format!("/lire/{}/1", school.everyone));
    assert!(reader.text().contains("sandbox="), "{}", reader.text());
    let address = frame(&reader);
    let (_, rest) = address.split_once('~').unwrap();
    let (capability, _) = rest.split_once('/').unwrap();
    let mut frame = Member::default();
    let opened = frame.get(lender, &address);
    assert_eq!(opened.status, 200);
    assert!(opened.field("content-security-policy").unwrap().starts_with("sandbox "));
    assert_eq!(opened.field("referrer-policy"), Some("no-referrer"));
    let manifest = frame.get(lender, &format!("/p/{}~{capability}/manifest.json", school.everyone));
    assert!(manifest.text().contains(&format!("~{capability}/r/")), "addresses stay open to it");
    let inside = "r/OEBPS/page001.xhtml";
    let (everyone, teachers) = (school.everyone, school.teachers);
    let mut changed = capability.to_owned();
    changed.pop();
    for path in [
        format!("/p/{teachers}~{capability}/{inside}"),
        format!("/p/{everyone}~/{inside}"),
        format!("/p/{everyone}~{changed}/{inside}"),
        format!("/p/{everyone}~{capability}x/{inside}"),
        format!("/p/{everyone}/{inside}?~{capability}"),
        format!("/p/{everyone}~{capability}~{capability}/{inside}"),
    ] {
        assert_eq!(frame.get(lender, &path).status, 401, "{path}");
    }
    assert_eq!(frame.get(lender, "/moi").status, 401);
    let csrf = teacher.csrf(lender);
    teacher.post(lender, "/deconnexion", &[("csrf", &csrf)]);
    assert_eq!(frame.get(lender, &address).status, 401);
}

#[test]
fn crooked_paths_in_a_package_lead_nowhere() {
    let school = School::open();
    let mut pupil = Member::pupil(&school.lender, "p1");
    let (mine, others) = (school.everyone, school.teachers);
    for inside in [
        "r/OEBPS/../OEBPS/page001.xhtml",
        "r/OEBPS/%2e%2e/OEBPS/page001.xhtml",
        "r/OEBPS%2Fpage001.xhtml",
        "r/OEBPS%2fpage001.xhtml",
        "r/OEBPS%5Cpage001.xhtml",
        "r//OEBPS/page001.xhtml",
        "r/OEBPS//page001.xhtml",
        "r/./OEBPS/page001.xhtml",
        "r/OEBPS/page001.xhtml%00",
        "r/OEBPS/page001.xhtml/",
        "r/",
        "r",
        "",
        "R/OEBPS/page001.xhtml",
        "package/",
        "package/../manifest.json",
        "%70ackage",
        "r/~/OEBPS/page001.xhtml",
        &format!("r/../../{others}/r/OEBPS/page001.xhtml"),
        &format!("r/%2e%2e/%2e%2e/{others}/package"),
    ] {
        let page = pupil.get(&school.lender, &format!("/p/{mine}/{inside}"));
        assert_eq!(page.status, 404, "{inside}: {}", page.text());
    }
    for path in [
        format!("//p/{others}/package"),
        format!("/p//{others}/package"),
        format!("/P/{others}/package"),
        format!("/p/{mine}/../{others}/package"),
        format!("/p/{}/package", others.to_string().to_uppercase()),
    ] {
        let page = pupil.get(&school.lender, &path);
        assert!(matches!(page.status, 403 | 404), "{path}: {}", page.status);
    }
}

#[test]
fn what_a_browser_kept_is_asked_about_again_and_refused_after_signing_out() {
    let school = School::open();
    let mut pupil = Member::pupil(&school.lender, "p1");
    for path in [page_of(&school.everyone), format!("/p/{}/package", school.everyone)] {
        let page = pupil.get(&school.lender, &path);
        assert_eq!(page.field("cache-control"), Some("private, no-cache"));
        let known = format!("If-None-Match: {}\r\n", page.field("etag").unwrap());
        assert_eq!(pupil.get_with(&school.lender, &path, &known).status, 304);
        assert_eq!(Member::default().get_with(&school.lender, &path, &known).status, 401);
    }
}

#[test]
fn a_shelf_is_made_for_rights_and_names_no_person() {
    let school = School::open();
    let lender = &school.lender;
    let (mut one, mut two) =
        (Member::pupil(lender, "pupil-one"), Member::pupil(lender, "pupil-two"));
    let mut teacher = Member::teacher(lender, "t1");
    let (first, second, third) =
        (one.get(lender, "/"), two.get(lender, "/"), teacher.get(lender, "/"));
    assert_eq!(first.field("etag"), second.field("etag"));
    assert_ne!(first.field("etag"), third.field("etag"));
    let text = first.text();
    assert!(!text.contains("pupil-one") && !text.contains("csrf"), "{text}");
    let (own, rest) = text.split_once("id=\"others\"").unwrap_or((&text, ""));
    assert!(own.contains("id=\"mine\"") && own.contains("Algèbre"), "{own}");
    assert!(rest.is_empty() || !rest.contains("Algèbre"));
    assert!(text.contains("pour d’autres personnes") && text.contains("a pris fin le"), "{text}");
    let known = format!("If-None-Match: {}\r\n", first.field("etag").unwrap());
    assert_eq!(one.get_with(lender, "/", &known).status, 304);
    let coded = one.get_with(lender, "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(coded.field("content-encoding"), Some("gzip"));
    assert!(one.get(lender, "/?lang=en").text().contains("My shelf"));
}

#[test]
fn a_class_moment_leads_pupils_to_a_page_once_they_signed_in_if_they_may() {
    let school = School::open();
    let lender = &school.lender;
    let mut teacher = Member::teacher(lender, "t1");
    let csrf = teacher.csrf(lender);
    let mut moment = |blob: BlobId| {
        let blob = blob.to_string();
        let form = [("csrf", csrf.as_str()), ("blob", blob.as_str()), ("page", "2")];
        let made = teacher.post(lender, "/m", &form);
        let shown = made.field("location").unwrap().to_owned();
        let page = teacher.get(lender, &shown);
        assert!(page.status == 200 && page.text().contains("<svg"), "{}", page.text());
        shown.strip_suffix("/montrer").unwrap().to_owned()
    };
    let (open, closed) = (moment(school.everyone), moment(school.teachers));
    let mut pupil = Member::default();
    assert_eq!(pupil.get(lender, &open).status, 401);
    let landed = pupil.sign_in(lender, "p1.National_ELV.0510035L.2DE3", &open);
    assert_eq!(landed.field("location"), Some(open.as_str()));
    let page = pupil.get(lender, &open.to_lowercase());
    let there = page.field("location").unwrap().to_owned();
    assert!(there.contains(&school.everyone.to_string()) && there.contains('2'), "{there}");
    let page = pupil.get(lender, &closed);
    let refused = pupil.get(lender, page.field("location").unwrap());
    assert_eq!(refused.status, 403, "the moment gives no right");
    assert_eq!(pupil.get(lender, &format!("{open}/montrer")).status, 403);
    let csrf = pupil.csrf(lender);
    let blob = school.everyone.to_string();
    assert_eq!(pupil.post(lender, "/m", &[("csrf", &csrf), ("blob", &blob)]).status, 403);
    assert_eq!(pupil.get(lender, "/m/ZZZZZ").status, 404);
}

#[test]
fn indicators_are_for_the_head_and_the_documentaliste_and_few_readers_are_not_counted_aloud() {
    let school = School::open();
    let lender = &school.lender;
    let read = format!("/lire/{}/1", school.everyone);
    for n in 0..2 {
        Member::pupil(lender, &format!("p{n}")).get(lender, &read);
    }
    let mut head = Member::signed_in(lender, "h1", "National_DIR", "");
    let page = head.get(lender, "/indicateurs");
    assert_eq!(page.status, 200);
    assert!(page.text().contains("&#60; 5") && page.text().contains("Algèbre"), "{}", page.text());
    for n in 2..7 {
        Member::pupil(lender, &format!("p{n}")).get(lender, &read);
    }
    let table = head.get(lender, "/indicateurs.csv").text();
    assert!(table.contains(";8;") || table.contains(";7;"), "{table}");
    assert!(!table.contains("p6"), "{table}");
    for (role, status) in
        [("National_DOC", 200), ("National_ENS", 403), ("National_ELV", 403), ("National_ETA", 403)]
    {
        let mut other = Member::signed_in(lender, role, role, "");
        assert_eq!(other.get(lender, "/indicateurs").status, status, "{role}");
        assert_eq!(other.get(lender, "/indicateurs.csv").status, status, "{role}");
    }
}

#[test]
fn a_reading_app_is_told_how_to_sign_in_and_lists_what_its_person_may_have() {
    let school = School::open();
    let lender = &school.lender;
    let refused = Member::default().get(lender, "/opds");
    assert_eq!(refused.status, 401);
    assert_eq!(refused.field("content-type"), Some("application/opds-authentication+json"));
    assert!(refused.field("www-authenticate").unwrap().starts_with("Basic "));
    assert!(refused.field("link").unwrap().contains("http://opds-spec.org/auth/document"));
    let document = refused.json();
    assert_eq!(document["authentication"][0]["type"], "http://opds-spec.org/auth/basic");
    let titles = |mut member: Member| -> Vec<String> {
        let feed = member.get(lender, "/opds").json();
        let publications = feed["publications"].as_array().unwrap().clone();
        publications.iter().map(|p| p["metadata"]["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(titles(Member::pupil(lender, "p1")), ["Algèbre"]);
    assert_eq!(titles(Member::teacher(lender, "t1")), ["Algèbre", "Corrigés du maître"]);
}

#[test]
fn a_person_sees_what_the_box_holds_and_is_out_everywhere_once_it_is_erased() {
    let school = School::open();
    let lender = &school.lender;
    let (mut phone, mut laptop) = (Member::pupil(lender, "p1"), Member::pupil(lender, "p1"));
    let page = phone.get(lender, "/moi");
    assert_eq!(page.field("cache-control"), Some("no-store"));
    assert!(page.text().contains("p1") && page.text().contains("2DE3"), "{}", page.text());
    let csrf = phone.csrf(lender);
    let unsure = phone.post(lender, "/moi/effacer", &[("csrf", &csrf)]);
    assert_eq!(unsure.status, 400, "not by a slip");
    let done = phone.post(lender, "/moi/effacer", &[("csrf", &csrf), ("oui", "oui")]);
    assert_eq!(done.field("location"), Some("/connexion"));
    assert_eq!(laptop.get(lender, "/").status, 401);
    let mut other = Member::pupil(lender, "p2");
    let csrf = other.csrf(lender);
    let taken = other.post(lender, "/moi/laissez-passer", &[("csrf", &csrf), ("id", "of-another")]);
    assert_eq!(taken.status, 404, "a pass of somebody else is not there");
}
