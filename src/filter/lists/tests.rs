use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    build::{Rule, Scope},
    formats::{Feed, Reader, rpz::Zone},
    *,
};

/// Lists of one text each.
fn lists(of: Vec<(&str, Reader, &str)>) -> Lists {
    let mut builder = Builder::default();
    for (name, reader, text) in of {
        let category = builder.category(name).unwrap();
        let mut feed = Feed::new(reader, category);
        feed.part(text.as_bytes(), &mut builder, &mut |_| ()).unwrap();
        feed.end(&mut builder);
    }
    let (lists, _) = builder.finish().unwrap();
    // What is asked is always what was read back.
    let bytes = lists.to_bytes();
    Lists::read(bytes.as_slice(), bytes.len() as u64).unwrap()
}

/// `depth: categories -exceptions`, most specific first.
fn ask(lists: &Lists, address: &str) -> String {
    let typed = crate::filter::target::Typed::parse(address).unwrap();
    let mut all = Vec::new();
    let names = |set: CategorySet| {
        let name = |category| lists.about(category).unwrap().name.as_str();
        set.iter().map(name).collect::<Vec<_>>().join(",")
    };
    lists.matches(&typed.target(), &mut |found| {
        let rule = lists.rule_text(&typed.target(), found.depth).unwrap();
        let excepted = match names(found.excepted) {
            none if none.is_empty() => none,
            some => format!(" -{some}"),
        };
        all.push(format!("{rule}: {}{excepted}", names(found.listed)));
        true
    });
    all.join("; ")
}

#[test]
fn a_listed_domain_covers_its_subdomains_and_nothing_else() {
    let lists = lists(vec![("a", Reader::Ut1Domains, "dom.example\nxxx\n10.1.2.3\n")]);
    for (address, found) in [
        ("http://dom.example/", "dom.example: a"),
        ("http://x.y.DOM.example.:8443/", "dom.example: a"),
        ("https://u:p@dom.example/", "dom.example: a"),
        ("http://notdom.example/", ""),
        ("http://example/", ""),
        ("http://a.b.xxx/", "xxx: a"),
        ("http://xxx/", "xxx: a"),
        ("http://axxx/", ""),
        ("http://0xa.0x10203/", "10.1.2.3: a"),
        ("http://[::ffff:a01:203]/", "10.1.2.3: a"),
        ("http://10.1.2.4/", ""),
    ] {
        assert_eq!(ask(&lists, address), found, "{address}");
    }
}

#[test]
fn the_most_specific_rule_comes_first_and_says_who_lists_it() {
    let lists = lists(vec![
        ("a", Reader::Ut1Domains, "example.org\nb.example.org\n"),
        ("b", Reader::Ut1Domains, "b.example.org\norg\n"),
        ("c", Reader::Hosts, "0.0.0.0 x.b.example.org\n"),
    ]);
    let found = "x.b.example.org: c; b.example.org: a,b; example.org: a; org: b";
    assert_eq!(ask(&lists, "x.b.example.org"), found);
    assert_eq!(ask(&lists, "y.x.b.example.org"), "b.example.org: a,b; example.org: a; org: b");
}

#[test]
fn exceptions_are_of_their_own_category() {
    let lists = lists(vec![
        (
            "ads",
            Reader::AdGuard,
            "||example.org^\n@@|good.example.org^\n/^ads?\\./\n@@/^ads\\.ok/\n",
        ),
        (
            "rpz",
            Reader::Rpz(Zone::default()),
            "*.example.org CNAME .\n24.0.2.0.192.rpz-ip CNAME .\n",
        ),
    ]);
    assert_eq!(ask(&lists, "example.org"), "example.org: ads");
    assert_eq!(ask(&lists, "x.example.org"), "example.org: ads,rpz");
    let good = "good.example.org:  -ads; example.org: ads,rpz";
    assert_eq!(ask(&lists, "good.example.org"), good);
    assert_eq!(ask(&lists, "x.good.example.org"), "example.org: ads,rpz");
    assert_eq!(ask(&lists, "ad.example.net"), "/^ads?\\./: ads");
    assert_eq!(ask(&lists, "ads.ok"), "/^ads?\\./: ads -ads");
    assert_eq!(ask(&lists, "192.0.2.77"), "192.0.2.77: rpz");
    assert_eq!(ask(&lists, "192.0.3.77"), "");
}

#[test]
fn urls_are_beginnings_where_the_url_is_visible() {
    let lists = lists(vec![
        ("u", Reader::Ut1Urls, "foo.example/bar\nhost.example:8080/x\nbare.example\n1.2.3.4/y\n"),
        ("v", Reader::Ut1Urls, "foo.example/BAR/deep\n"),
        ("e", Reader::Ut1Expressions, "^foo\\.example/.*girl\n:8081/\n"),
    ]);
    for (address, found) in [
        ("http://foo.example/bar", "foo.example/bar…: u"),
        ("http://foo.example/Barista?x", "foo.example/bar…: u"),
        ("http://foo.example/bar/deep/1", "foo.example/bar…: u"),
        ("http://www2.foo.example//%62ar", "foo.example/bar…: u"),
        ("http://u@foo.example.:99/bar", "foo.example/bar…: u"),
        ("http://a.foo.example/bar", ""),
        ("http://foo.example/", ""),
        ("https://foo.example/bar", ""),
        ("http://host.example/x", "host.example/x…: u"),
        ("http://bare.example/any", "bare.example/…: u"),
        ("http://a.bare.example/any", ""),
        ("http://1.2.3.4/y/z", "1.2.3.4/y…: u"),
        ("http://foo.example/x?GIRL", "/^foo\\.example/.*girl/: e"),
        ("http://any.example:8081/", "/:8081//: e"),
    ] {
        let found = found.replace(
            "foo.example/bar…: u",
            match address {
                "http://foo.example/bar/deep/1" => {
                    "foo.example/bar/deep…: v; foo.example/bar/deep…: u"
                }
                _ => "foo.example/bar…: u",
            },
        );
        assert_eq!(ask(&lists, address), found, "{address}");
    }
}

#[test]
fn a_visitor_that_has_enough_is_asked_no_more() {
    let lists = lists(vec![("a", Reader::Ut1Domains, "a.b.c\nb.c\nc\n")]);
    let host = Host::parse("a.b.c").unwrap();
    let mut visits = 0;
    lists.matches(&Target::of_host(&host, 443), &mut |_| {
        visits += 1;
        visits < 2
    });
    assert_eq!(visits, 2);
}

/// Names below many parents, some of them listed otherwise.
fn blogs(parents: usize, children: usize) -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for parent in 0..parents {
        for child in 0..children {
            // The last parents have fewer children, and some children are malware too.
            if parent + 2 < parents || child % 3 == 0 {
                all.push(("adult", format!("c{child}.blog.p{parent}")));
            }
            if child % 50 == 7 && parent % 2 == 0 {
                all.push(("malware", format!("c{child}.blog.p{parent}")));
            }
        }
    }
    all.push(("white", "blog.p1".to_owned()));
    all.push(("adult", "deep.c1.blog.p1".to_owned()));
    all
}

#[test]
fn families_of_parents_are_found_and_answer_exactly_as_the_names_they_stand_for() {
    let names = blogs(20, 900);
    let mut builder = Builder::default();
    let mut expected: BTreeMap<&str, CategorySet> = BTreeMap::new();
    for (category, name) in &names {
        let category = builder.category(category).unwrap();
        let host = Host::parse(name).unwrap();
        builder.add(category, &Rule::Host(host, Scope::Whole), false).unwrap();
        *expected.entry(name).or_default() |= CategorySet::of(category);
    }
    let (lists, summary) = builder.finish().unwrap();
    assert_eq!(summary.families, 1);
    assert_eq!(summary.names, expected.len());
    assert!(summary.folded > 16_000 && summary.entries < 960, "{summary:?}");
    for parent in 0..22 {
        for child in 0..920 {
            let name = format!("c{child}.blog.p{parent}");
            let host = Host::parse(&name).unwrap();
            let mut listed = CategorySet::EMPTY;
            lists.matches(&Target::of_host(&host, 443), &mut |found| {
                if found.depth == Depth::Labels(3) {
                    listed = found.listed;
                }
                true
            });
            assert_eq!(listed, expected.get(name.as_str()).copied().unwrap_or_default(), "{name}");
        }
    }
    let deep = "deep.c1.blog.p1: adult; c1.blog.p1: adult; blog.p1: white";
    assert_eq!(ask(&lists, "x.deep.c1.blog.p1"), deep);
}

#[test]
fn the_same_lists_make_the_same_file() {
    let make = || {
        let of = || (Reader::Ut1Domains, "b.example\na.example\n1.2.3.4\n");
        let (reader, text) = of();
        lists(vec![("a", reader, text)]).to_bytes()
    };
    assert_eq!(make(), make());
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_refused() {
    let good = lists(vec![
        ("a", Reader::Ut1Domains, "a.example\n1.2.3.4\n"),
        ("u", Reader::Ut1Urls, "a.example/x\na.example/xy\n"),
        ("e", Reader::Ut1Expressions, "girl\n"),
    ])
    .to_bytes();
    let read = |bytes: &[u8]| Lists::read(bytes, bytes.len() as u64);
    assert!(read(&good).is_ok());
    for length in 0..good.len() {
        assert!(read(&good[..length]).is_err(), "cut at {length}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(read(&longer).is_err());
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 1;
        assert!(read(&bad).is_err(), "byte {place}");
    }
}

#[test]
fn lists_are_replaced_whole_and_say_what_is_wrong_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lists");
    let made = lists(vec![("a", Reader::Ut1Domains, "a.example\n")]);
    made.write(&path).unwrap();
    made.write(&path).unwrap();
    let opened = Lists::open(&path).unwrap();
    assert_eq!(ask(&opened, "a.example"), "a.example: a");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    std::fs::write(&path, "something else altogether").unwrap();
    let error = Lists::open(&path).unwrap_err().to_string();
    assert!(error.contains("it is no file of compiled lists"), "{error}");
    assert!(Lists::open(&folder.path().join("none")).is_err());
}

proptest! {
    #[test]
    fn lists_answer_as_a_map_of_names_does(
        names in proptest::collection::btree_map("[ab]{1,2}(\\.[ab]{1,2}){0,3}", 0_usize..3, 0..40),
        asked in "[ab]{1,2}(\\.[ab]{1,2}){0,4}",
    ) {
        let mut builder = Builder::default();
        for number in 0..3 {
            builder.category(&number.to_string()).unwrap();
        }
        for (name, number) in &names {
            let rule = Rule::Host(Host::parse(name).unwrap(), Scope::Whole);
            builder.add(Category::new(*number).unwrap(), &rule, false).unwrap();
        }
        let (lists, _) = builder.finish().unwrap();
        let host = Host::parse(&asked).unwrap();
        let mut found = Vec::new();
        lists.matches(&Target::of_host(&host, 443), &mut |m| {
            found.push((m.depth, m.listed.first().unwrap().number()));
            true
        });
        let expected: Vec<_> = host.name().unwrap().suffixes()
            .filter_map(|suffix| {
                let labels = u8::try_from(suffix.split('.').count()).unwrap();
                names.get(suffix).map(|number| (Depth::Labels(labels), *number))
            })
            .collect();
        prop_assert_eq!(found, expected);
    }
}
