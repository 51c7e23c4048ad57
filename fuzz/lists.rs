//! What the targets of list formats have in common.

use preau::filter::{
    host::Host,
    lists::{
        Builder, Lists,
        formats::{Feed, Reader},
    },
    target::Target,
};

/// Hosts that the compiled lists are asked about.
const ASKED: [&str; 4] = ["example.org", "a.b.example.org", "192.0.2.1", "[2001:db8::1]"];

/// Compiles the bytes as one list, in two parts, and asks what came of it.
pub fn compile_and_ask(reader: Reader, bytes: &[u8]) {
    let mut builder = Builder::default();
    let Ok(category) = builder.category("fuzz") else { return };
    let mut feed = Feed::new(reader, category);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    for part in [first, second] {
        feed.part(part, &mut builder, &mut |_| ()).expect("memory does not fail");
    }
    feed.end(&mut builder);
    let (lists, _) = builder.finish().expect("a few lines are not too many");
    let bytes = lists.to_bytes();
    let lists = Lists::read(bytes.as_slice(), bytes.len() as u64).expect("what was written");
    assert_eq!(lists.to_bytes(), bytes);
    for host in ASKED {
        let host = Host::parse(host).expect("a host");
        let target = Target { host: &host, port: 80, path: Some("/a/../b?c") };
        let mut last = None;
        lists.matches(&target, &mut |found| {
            assert!(!found.listed.is_empty() || !found.excepted.is_empty());
            assert!(last.is_none_or(|last| last >= found.depth));
            assert!(lists.rule_text(&target, found.depth).is_some());
            last = Some(found.depth);
            true
        });
    }
}
