//! A wrong `preau.toml` is refused with the place and what was expected.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use preau::config::{Config, Finding};

const SCHOOL: &str = "[school]\nuai = \"0510035L\"\nname = \"Lycée\"\n";
/// After the rest, so that lines keep their numbers.
const NO_SIGN_IN: &str = "\n[access]\nsign_in = \"off\"\n";

fn refused(more: &str) -> Vec<Finding> {
    let access = if more.contains("[access]") { "" } else { NO_SIGN_IN };
    let text = format!("{SCHOOL}{more}{access}");
    Config::parse("preau.toml", &text).expect_err("refused").findings().to_vec()
}

fn places(findings: &[Finding]) -> Vec<(usize, usize, &str)> {
    findings.iter().map(|f| (f.line, f.column, f.key.as_str())).collect()
}

#[test]
fn an_unknown_key_is_shown_with_line_column_and_the_known_ones() {
    let text = format!("{SCHOOL}[mirror]\nparalel = 4\n");
    let error = Config::parse("preau.toml", &text).unwrap_err();
    assert_eq!(places(error.findings()), [(5, 1, "mirror.paralel")]);
    let shown = error.render(false);
    assert!(shown.contains("preau.toml:5:1"), "{shown}");
    assert!(shown.contains("paralel = 4"), "the source line: {shown}");
    assert!(shown.contains("`parallel`"), "what was expected: {shown}");
}

#[test]
fn a_wrong_value_is_shown_with_what_was_expected() {
    for (more, column, key, expected) in [
        ("[store]\nquota = \"400\"", 9, "store.quota", "400 GB"),
        ("[store]\nquota = 400", 9, "store.quota", "2 GiB"),
        ("[mirror]\nrate = \"5 Mb/s\"", 8, "mirror.rate", "20 Mbit/s"),
        ("[mirror]\nretry_first = \"soon\"", 15, "mirror.retry_first", "1h 30m"),
        ("[mirror]\nwindow = [\"lun-ven\"]", 11, "mirror.window[0]", "lun-ven 08:00-18:00"),
        ("[network]\nlisten = [\"localhost\"]", 11, "network.listen[0]", "0.0.0.0:80"),
        ("[network]\nallow_private = [\"ten\"]", 18, "network.allow_private[0]", "10.0.0.0/8"),
        ("[[catalogue.feeds]]\nurl = \"x\"\nname=\"n\"", 7, "catalogue.feeds[0].url", "https://"),
    ] {
        let findings = refused(more);
        assert_eq!(places(&findings), [(5, column, key)], "{more}");
        let said = format!("{} {}", findings[0].message, findings[0].expected);
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn a_school_without_a_good_uai_is_refused() {
    let error = Config::parse("preau.toml", "[school]\nuai = \"51\"\nname = \"x\"\n").unwrap_err();
    assert_eq!(places(error.findings()), [(2, 7, "school.uai")]);
    assert!(error.to_string().contains("7 digits and a letter"), "{error}");
    let error = Config::parse("preau.toml", "[school]\nname = \"x\"\n").unwrap_err();
    assert!(error.to_string().contains("missing field `uai`"), "{error}");
    assert!(Config::parse("preau.toml", "").unwrap_err().to_string().contains("school"));
}

#[test]
fn one_reading_shows_every_wrong_key_and_value() {
    let findings = refused("[mirror]\nparalel = 4\nrate = \"fast\"\n[library]\nmemry = 1\n");
    let keys: Vec<_> = findings.iter().map(|f| f.key.as_str()).collect();
    assert_eq!(findings.len(), 3, "{findings:?}");
    for key in ["mirror.paralel", "mirror.rate", "library.memry"] {
        assert!(keys.contains(&key), "{keys:?}");
    }
}

#[test]
fn what_types_cannot_say_is_checked_and_shown_in_place() {
    for (more, at) in [
        ("[store]\nquota = \"1 GiB\"", (5, 9, "store.quota")),
        ("[store]\npath = \"data\"", (5, 8, "store.path")),
        ("[network]\nlisten = []", (5, 10, "network.listen")),
        ("[network]\nlisten = [\"[::]:80\", \"[::]:80\"]", (5, 22, "network.listen[1]")),
        ("[network]\ndrain = \"1h\"", (5, 9, "network.drain")),
        ("[mirror]\nrate = \"0 B/s\"", (5, 8, "mirror.rate")),
        ("[mirror]\nretry_first = \"2h\"", (5, 15, "mirror.retry_first")),
        ("[mirror]\nparallel = 0", (5, 12, "mirror.parallel")),
        ("[access]\nsession = \"12h\"", (4, 1, "access.sign_in")),
        ("[access]\nsign_in = \"off\"\nsession = \"1s\"", (6, 11, "access.session")),
        ("[access.cas]\nurl = \"ftp://h/\"\n[access]\nsession = \"1h\"", (5, 7, "access.cas.url")),
        ("[https]\nname = \"préau\"", (5, 8, "https.name")),
        ("[https]\nlisten = [\"[::]:443\"]", (4, 1, "https.name")),
        ("[https]\nname = \"preau.example.org\"", (5, 8, "https.name")),
        ("[catalogue]\nrefresh = \"1s\"", (5, 11, "catalogue.refresh")),
        ("[[catalogue.feeds]]\nname = \"a\"\nurl = \"ftp://h/\"", (6, 7, "catalogue.feeds[0].url")),
        (
            "[[catalogue.feeds]]\nname = \"a\"\nurl = \"https://u:p@h/\"",
            (6, 7, "catalogue.feeds[0].url"),
        ),
        (
            "[[catalogue.feeds]]\nname = \"import\"\nurl = \"https://h/\"",
            (5, 8, "catalogue.feeds[0].name"),
        ),
    ] {
        let findings = refused(more);
        let errors: Vec<_> = places(&findings).into_iter().filter(|place| *place == at).collect();
        assert_eq!(errors, [at], "{more}: {findings:?}");
    }
}

#[test]
fn two_sources_of_one_name_and_a_certificate_without_key_are_both_shown() {
    let findings = refused(
        "[[catalogue.feeds]]\nname = \"a\"\nurl = \"https://h/\"\n\
         credentials = { certificate = \"/c.pem\" }\n\
         [[catalogue.subscriptions]]\nname = \"a\"\nurl = \"https://h/\"\n",
    );
    assert_eq!(
        places(&findings),
        [(5, 8, "catalogue.feeds[0].name"), (7, 31, "catalogue.feeds[0].credentials.certificate")],
        "{findings:?}"
    );
}

#[test]
fn a_time_zone_nobody_knows_is_refused() {
    let text = format!("{SCHOOL}timezone = \"Europe/Reims\"\n{NO_SIGN_IN}");
    let error = Config::parse("preau.toml", &text).unwrap_err();
    assert_eq!(places(error.findings()), [(4, 12, "school.timezone")]);
}

#[test]
fn a_wrong_key_letter_is_a_warning() {
    let text = SCHOOL.replace("0510035L", "0377777U") + NO_SIGN_IN;
    let (config, report) = Config::parse("preau.toml", &text).unwrap();
    assert_eq!(config.school.uai.as_str(), "0377777U");
    assert_eq!(places(&report.findings), [(2, 7, "school.uai")]);
    assert!(!report.has_errors());
}

#[test]
fn a_text_that_is_no_toml_is_refused_in_place() {
    let findings = refused("[store\nquota = \"1 GB\"\n");
    assert_eq!(findings[0].line, 4, "{findings:?}");
}

#[test]
fn a_file_of_other_bytes_or_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("preau.toml");
    let error = Config::load(&path).unwrap_err();
    assert!(error.to_string().contains("cannot read"), "{error}");
    std::fs::write(&path, b"[school]\nname = \"Lyc\xe9e\"\n").unwrap();
    let error = Config::load(&path).unwrap_err();
    assert_eq!(places(error.findings()), [(2, 12, "")], "{error}");
    std::fs::write(&path, vec![b'#'; 2 << 20]).unwrap();
    assert!(Config::load(&path).unwrap_err().to_string().contains("larger than"));
}

/// What is said at the key, with what was expected.
fn said_at(more: &str, key: &str) -> String {
    let findings = refused(more);
    let found = findings.iter().find(|finding| finding.key == key);
    let found = found.unwrap_or_else(|| panic!("{key}: {findings:?}"));
    format!("{}; {}", found.message, found.expected)
}

#[test]
fn an_ipv6_address_of_taken_connections_is_refused_with_the_socket_that_can() {
    let listens = "[gateway.transparent]\nhttp = [\"0.0.0.0:3129\", \"[::]:3129\"]\n";
    let said = said_at(listens, "gateway.transparent.http[1]");
    assert!(said.contains("[::]:3129") && said.contains("preau-tproxy.socket"), "{said}");
    let here = |finding: &&Finding| finding.key.starts_with("gateway.transparent.http");
    assert_eq!(refused(listens).iter().filter(here).count(), 1, "the IPv4 address is good");
    let said = said_at(
        "[gateway.transparent]\ntls = [\"[fd00::1]:3130\"]\n",
        "gateway.transparent.tls[0]",
    );
    assert!(said.contains("preau-tproxy-tls.socket"), "{said}");
}

#[test]
fn a_link_s_parts_and_the_other_proxy_s_account_are_checked_in_place() {
    let profile = "[[filter.profiles]]\nname = \"p\"\nceiling =";
    let upstream = "[gateway.upstream]\nproxy = \"p.example:3128\"\n";
    for (more, key, expected) in [
        (format!("{profile} \"120 %\""), "filter.profiles[0].ceiling", "25 %"),
        (format!("{profile} \"0 %\""), "filter.profiles[0].ceiling", "nothing moves"),
        ("[gateway]\nreserve = \"95 %\"".into(), "gateway.reserve", "at most 90 %"),
        (
            "[gateway]\ndownlink = \"10 MB/s\"\nreserve = \"9.5 MB/s\"".into(),
            "gateway.reserve",
            "at most 90 %",
        ),
        (
            "[gateway]\nuplink = \"2 MB/s\"\nreserve = \"1.9 MB/s\"".into(),
            "gateway.reserve",
            "gateway.uplink",
        ),
        (format!("{upstream}user = \"u\""), "gateway.upstream.user", "without a password_file"),
        (
            format!("{upstream}password_file = \"p\""),
            "gateway.upstream.password_file",
            "from the root",
        ),
        (
            format!("{upstream}user = \"a:b\"\npassword_file = \"/p\""),
            "gateway.upstream.user",
            "no colon",
        ),
    ] {
        let said = said_at(&more, key);
        assert!(said.contains(expected), "{more}: {said}");
    }
}

#[test]
fn a_share_of_an_unknown_link_is_a_warning_and_a_rate_or_a_known_link_is_not() {
    let warned = |more: &str| {
        let text = format!("{SCHOOL}{more}{NO_SIGN_IN}");
        let findings = Config::parse("preau.toml", &text).unwrap().1.findings;
        findings.iter().map(|finding| finding.key.clone()).collect::<Vec<_>>()
    };
    let profile = "[[filter.profiles]]\nname = \"p\"\nceiling =";
    assert_eq!(warned(&format!("{profile} \"10 %\"")), ["filter.profiles[0].ceiling"]);
    assert_eq!(warned(&format!("{profile} \"10 MB/s\"")), [""; 0]);
    assert_eq!(warned(&format!("[gateway]\ndownlink = \"1 GB/s\"\n{profile} \"10 %\"")), [""; 0]);
}

#[test]
fn a_controller_that_cannot_be_asked_is_refused_at_its_key() {
    let lines = |more: &str| format!("[[health.controllers]]\nname = \"a\"\naddress = {more}\n");
    let asked = "\"10.1.0.5:161\"\ncommunity_file = \"/c\"";
    let good = format!("{SCHOOL}{}{NO_SIGN_IN}", lines(asked));
    assert_eq!(Config::parse("preau.toml", &good).unwrap().1.findings, []);
    for (more, line, key, expected) in [
        (lines("\"10.1.0.5\"\n"), 6, "health.controllers[0].address", "10.1.0.5:161"),
        (lines("\"10.1.0.5:161\""), 6, "health.controllers[0].address", "community_file"),
        (
            lines(&format!("{asked}\ninterval = \"5s\"")),
            8,
            "health.controllers[0].interval",
            "10s to 1h",
        ),
        (
            lines(&format!("{asked}\nplaces = \"x.csv\"")),
            8,
            "health.controllers[0].places",
            "from the root",
        ),
        (lines(asked).repeat(2), 9, "health.controllers[1].name", "of its own"),
    ] {
        let findings = refused(&more);
        let [found] = &findings[..] else { panic!("{more}: {findings:?}") };
        assert_eq!((found.line, found.key.as_str()), (line, key), "{more}");
        let said = format!("{} {}", found.message, found.expected);
        assert!(said.contains(expected), "{said}");
    }
}
