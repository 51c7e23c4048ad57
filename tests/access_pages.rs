//! Sign-in through the pages of a box, over HTTPS, at servers written by others.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use support::{
    door,
    idp::{self, Idp, Visitor},
    school_box::{SchoolBox, free_port},
};
use url::Url;

/// Where a box on this port is.
fn home(port: u16) -> Url {
    format!("https://localhost:{port}/").parse().unwrap()
}

/// A box that signs in at `idp` and answers under HTTPS on `port`.
fn school(idp: &Idp, port: u16, ent: &str) -> SchoolBox {
    let folder = idp.folder.path();
    let issued = idp.issuer.issue_now(&["localhost"]).unwrap();
    let (certificate, key) = issued.write(folder, "box").unwrap();
    SchoolBox::start_with(
        door::UAI,
        &format!("extra_authorities = [\"{}\"]", idp.authority.display()),
        &format!(
            "[https]\nname = \"localhost\"\nlisten = [\"127.0.0.1:{port}\"]\n\
             certificate = \"{}\"\nkey = \"{}\"\n[access]\n{ent}",
            certificate.display(),
            key.display(),
        ),
    )
}

/// From the box to the ENT and back: the address at which the ENT sends the person back.
fn at_the_ent(visitor: &mut Visitor, home: &Url, login: &str) -> Url {
    let to = home.join("connexion/ent?retour=%2Fmoi").unwrap();
    let back = home.join("connexion/retour").unwrap();
    visitor.sign_in(&to, login, &format!("pass-{login}"), back.as_str())
}

/// Is somebody signed in? Else one's own page is not to be had.
fn signed_in(visitor: &mut Visitor, home: &Url) -> bool {
    let page = visitor.open(&home.join("moi").unwrap());
    assert!([200, 401].contains(&page.status), "{}", page.head);
    page.status == 200
}

#[test]
fn a_pupil_signs_in_by_cas_and_out_at_the_ent() {
    if !idp::present() {
        return;
    }
    let home = home(free_port());
    let services = format!("^{}connexion/retour\\?state=0510035L\\.", home.as_str());
    let idp = Idp::cas(&services, None);
    let ent = format!("[access.cas]\nurl = \"{}\"", idp.base);
    let school = school(&idp, home.port().unwrap(), &ent);
    let mut visitor = idp.visitor();
    assert!(!signed_in(&mut visitor, &home));

    let back = at_the_ent(&mut visitor, &home, "amina");
    let page = visitor.open(&back);
    assert_eq!((page.status, page.field("location")), (303, Some("/moi")), "{}", school.log());
    let mine = visitor.open(&home.join("moi").unwrap());
    assert_eq!(mine.status, 200);
    assert!(mine.text().contains("Seconde 4"), "{}", mine.text());

    // The same address again, as from the browser's history, or seen by somebody else.
    assert_eq!(visitor.open(&back).status, 400);
    let mut other = idp.visitor();
    assert_eq!(other.open(&back).status, 400);
    assert!(!signed_in(&mut other, &home));
    assert!(signed_in(&mut visitor, &home));

    // The CAS server tells the box itself, over TLS.
    visitor.open(&idp.base.join("logout").unwrap());
    assert!(!signed_in(&mut visitor, &home), "{}", school.log());
    let log = school.log();
    assert!(!log.contains("ST-") && !log.contains("a0000001") && !log.contains("amina"), "{log}");
}

#[test]
fn a_teacher_signs_in_by_openid_and_a_provider_that_stops_gets_a_clear_page() {
    if !idp::present() {
        return;
    }
    let home = home(free_port());
    let mut idp = Idp::oidc(home.join("connexion/retour").unwrap().as_str(), false);
    let ent = door::oidc(&idp.base, "preau-public");
    let school = school(&idp, home.port().unwrap(), &ent);

    let mut teacher = idp.visitor();
    let back = at_the_ent(&mut teacher, &home, "farid");
    let page = teacher.open(&back);
    assert_eq!((page.status, page.field("location")), (303, Some("/moi")), "{}", school.log());
    assert!(signed_in(&mut teacher, &home));

    let mut pupil = idp.visitor();
    let back = at_the_ent(&mut pupil, &home, "bruno");
    idp.stop();
    let page = pupil.open(&back);
    assert_eq!(page.status, 503);
    assert!(page.text().contains("ENT") && page.text().contains("<h1"), "{}", page.text());
    assert!(!page.head.contains("__Host-preau="), "{}", page.head);
    assert!(!signed_in(&mut pupil, &home));
    assert!(signed_in(&mut teacher, &home), "who is in stays in");
    let log = school.log();
    assert!(!log.contains(&door::value(&back, "code")), "{log}");
}

#[test]
fn who_is_taken_back_at_the_command_line_is_out_at_once_and_nobody_else() {
    if !idp::present() {
        return;
    }
    let home = home(free_port());
    let idp = Idp::oidc(home.join("connexion/retour").unwrap().as_str(), false);
    let school = school(&idp, home.port().unwrap(), &door::oidc(&idp.base, "preau-public"));
    let signed = |login| {
        let mut visitor = idp.visitor();
        let back = at_the_ent(&mut visitor, &home, login);
        assert_eq!(visitor.open(&back).status, 303, "{}", school.log());
        visitor
    };
    let (mut teacher, mut pupil) = (signed("farid"), signed("amina"));
    let revoke = |words: &[&str]| {
        let output = school.preau(&[&["access", "revoke"], words].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    assert_eq!(revoke(&[]).0, Some(64), "nobody is named");
    assert_eq!(revoke(&["--all", "--person", "x"]).0, Some(64), "both are named");
    let (code, said) = revoke(&["--person", "a0000006", "--json"]);
    // A session and the pass that came with it.
    assert_eq!((code, said.trim()), (Some(0), "{\"revoked\":2}"));
    assert!(!signed_in(&mut teacher, &home));
    assert!(signed_in(&mut pupil, &home));
    assert_eq!(revoke(&["--all"]).0, Some(0));
    assert!(!signed_in(&mut pupil, &home));
}
