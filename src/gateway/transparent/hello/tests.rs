use proptest::prelude::*;

use super::*;

/// A hello as a client writes it: `name` as its `server_name`, and `more` extensions.
fn message(names: &[(u8, &[u8])], more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut extensions = Vec::new();
    let mut add = |kind: u16, said: &[u8]| {
        extensions.extend(kind.to_be_bytes());
        extensions.extend(u16::try_from(said.len()).unwrap().to_be_bytes());
        extensions.extend(said);
    };
    if !names.is_empty() {
        let mut list = Vec::new();
        for (kind, name) in names {
            list.push(*kind);
            list.extend(u16::try_from(name.len()).unwrap().to_be_bytes());
            list.extend(*name);
        }
        let mut said = u16::try_from(list.len()).unwrap().to_be_bytes().to_vec();
        said.extend(list);
        add(SERVER_NAME, &said);
    }
    for (kind, said) in more {
        add(*kind, said);
    }
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 1, 1, 0]);
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut message = vec![CLIENT_HELLO];
    message.extend(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
    message.extend(body);
    message
}

/// In records of at most so many bytes.
fn records(message: &[u8], most: usize) -> Vec<u8> {
    let record = |part: &[u8]| {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 3, 1], &length[..], part].concat()
    };
    message.chunks(most).flat_map(record).collect()
}

fn read(bytes: &[u8]) -> Result<Option<ClientHello>, BadHello> {
    Reader::default().take(bytes)
}

fn named(name: &[u8]) -> Result<Option<String>, BadHello> {
    let hello = message(&[(HOST_NAME, name)], &[]);
    read(&records(&hello, MAX_RECORD_BYTES)).map(|hello| hello.unwrap().name)
}

#[test]
fn a_name_is_read_however_it_is_cut() {
    // A post-quantum key share fills more than one segment; this one fills several records.
    let hello = message(&[(HOST_NAME, b"WWW.Example.org.")], &[(51, vec![9; 40_000])]);
    for most in [1, 2, 3, 100, 1_460, MAX_RECORD_BYTES] {
        let wire = records(&hello, most);
        for step in [1, 7, 1_460, wire.len()] {
            let mut reader = Reader::default();
            let mut parts = wire.chunks(step);
            let found = parts.find_map(|part| reader.take(part).unwrap()).unwrap();
            assert_eq!(found.name.as_deref(), Some("www.example.org"), "{most} {step}");
            assert_eq!(parts.next(), None, "not before its last byte");
        }
    }
}

#[test]
fn the_largest_hello_there_can_be_is_read_and_none_beyond() {
    let whole = message(&[(HOST_NAME, b"a.example")], &[(21, vec![0; 65_535 - 22])]);
    assert!(read(&records(&whole, MAX_RECORD_BYTES)).unwrap().unwrap().name.is_some());
    let beyond = [CLIENT_HELLO, 0xff, 0xff, 0xff];
    assert_eq!(read(&records(&beyond, 4)), Err(BadHello::TooLong));
    assert_eq!(read(&[HANDSHAKE, 3, 1, 0x40, 1]), Err(BadHello::TooLarge));
}

#[test]
fn a_hello_without_a_name_or_with_an_address_for_one_has_none() {
    assert_eq!(read(&records(&message(&[], &[]), 500)).unwrap().unwrap().name, None);
    for literal in ["192.0.2.1", "2001:db8::1", "192.0.2.1.", "0x7f.1"] {
        assert_eq!(named(literal.as_bytes()), Ok(None), "{literal}");
    }
    // No extensions at all, as TLS 1.0 knew it.
    let mut old = message(&[], &[]);
    old.truncate(old.len() - 2);
    let length = u8::try_from(old.len() - MESSAGE_HEAD_BYTES).unwrap();
    old[3] = length;
    assert_eq!(read(&records(&old, 500)), Ok(Some(ClientHello { name: None, ech: false })));
}

#[test]
fn names_that_could_be_read_in_two_ways_are_refused() {
    for bad in
        [&b"a b.example"[..], b"a\0.example", b"", b".", b"a..b", b".a", b"\xc3\xa9.fr", b"a/b"]
    {
        assert_eq!(named(bad), Err(BadHello::Malformed), "{bad:?}");
    }
    assert_eq!(named(&[b'a'; 64]), Err(BadHello::Malformed));
    let long = [&b"a.".repeat(127)[..], b"a"].concat();
    assert_eq!(named(&long), Err(BadHello::Malformed), "255 letters");
    let two = message(&[(HOST_NAME, b"good.example"), (HOST_NAME, b"bad.example")], &[]);
    assert_eq!(read(&records(&two, 500)), Err(BadHello::Malformed));
    let again =
        vec![0, 14, 0, 0, 11, b'b', b'.', b'e', b'x', b'a', b'm', b'p', b'l', b'e', b'.', b'x'];
    let twice = message(&[(HOST_NAME, b"good.example")], &[(SERVER_NAME, again)]);
    assert_eq!(read(&records(&twice, 500)), Err(BadHello::Malformed));
}

#[test]
fn an_encrypted_hello_is_seen_and_the_outer_name_is_the_name() {
    let hello = message(&[(HOST_NAME, b"cover.example")], &[(ENCRYPTED_CLIENT_HELLO, vec![0; 9])]);
    let hello = read(&records(&hello, 500)).unwrap().unwrap();
    assert_eq!((hello.name.as_deref(), hello.ech), (Some("cover.example"), true));
}

#[test]
fn what_is_no_client_hello_is_told_apart() {
    assert_eq!(read(b"GET / HTTP/1.1\r\n"), Err(BadHello::NotTls(b'G')));
    assert_eq!(read(&[0x80, 0x2e, 1, 3, 1]), Err(BadHello::NotTls(0x80)), "the hello of SSL 2");
    assert_eq!(read(&records(&[2, 0, 0, 0], 4)), Err(BadHello::Unexpected), "a ServerHello");
    assert_eq!(read(&[HANDSHAKE, 3, 1, 0, 0]), Err(BadHello::Unexpected), "an empty record");
    assert_eq!(read(&[HANDSHAKE, 2, 0, 0, 1]), Err(BadHello::Malformed));
    let hello = message(&[(HOST_NAME, b"a.example")], &[]);
    let mut cut = records(&hello[..20], 20);
    cut.extend([21, 3, 1, 0, 2, 1, 0]);
    assert_eq!(read(&cut), Err(BadHello::Unexpected), "an alert in the middle");
    assert_eq!(BadHello::NotTls(0).alert(), None);
    assert_eq!(Alert::AccessDenied.record(), [21, 3, 3, 0, 2, 2, 49]);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic_and_alike_however_they_come(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        step in 1usize..50,
        hello in any::<bool>(),
    ) {
        let bytes = if hello { records(&[&[CLIENT_HELLO, 0, 1, 0][..], &bytes].concat(), 90) } else { bytes };
        let mut reader = Reader::default();
        let mut parts = bytes.chunks(step).map(|part| reader.take(part));
        let pieces = parts.find(|read| *read != Ok(None)).unwrap_or(Ok(None));
        prop_assert_eq!(pieces, read(&bytes));
    }
}
