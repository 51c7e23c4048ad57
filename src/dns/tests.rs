//! The resolver among other resolvers: honest, slow, broken and hostile ones.

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use hickory_proto::{op::Message, rr::Record};

use super::{
    testing::{
        BOX, DEVICE, Peer, alias, asked_name, behind, bytes, name, question, record, reply,
        resolver, soa, told, usual, wire_name,
    },
    wire::{Ede, answer_to, cookie, data_of, edns, write},
    *,
};
use crate::{filter::host::Host, net::link::Sign};

/// Denies these names, each with its category, and nothing else.
fn denying(names: &'static [&'static str]) -> Judge {
    Judge::new(move |who, host, _| {
        assert_eq!(who, DEVICE);
        let is_denied = names.contains(&host.to_string().as_str());
        let denial =
            || Denial { rule: Some("jeux".to_owned()), category: Some("games".to_owned()) };
        Ruling { denied: is_denied.then(denial), filtered: true, ..Ruling::default() }
    })
}

fn shown(answer: &Answer) -> Vec<String> {
    answer.answers.iter().filter_map(address).map(|address| address.to_string()).collect()
}

#[tokio::test]
async fn forged_answers_are_passed_over_until_the_true_one_comes() {
    let peer = Peer::start(|asked, _| {
        let forge = |change: &dyn Fn(&mut Message)| {
            let owner = asked_name(asked);
            let mut forged = reply(asked, vec![record(&owner, RecordType::A, &[6, 6, 6, 6], 300)]);
            change(&mut forged);
            bytes(&forged)
        };
        vec![
            forge(&|forged| forged.metadata.id = forged.metadata.id.wrapping_add(1)),
            forge(&|forged| forged.queries[0].name = name("another.example")),
            forge(&|forged| {
                let mut letters = forged.queries[0].name.to_ascii().into_bytes();
                for letter in letters.iter_mut().filter(|letter| letter.is_ascii_alphabetic()) {
                    *letter ^= 0x20;
                }
                forged.queries[0].name = name(std::str::from_utf8(&letters).unwrap());
            }),
            forge(&|forged| {
                forged.edns = Some(edns(false, Some(b"not ours12345678".to_vec()), None));
            }),
            b"nonsense".to_vec(),
            bytes(&usual(asked)),
        ]
    })
    .await;
    let own = resolver(&[peer.address], Judge::lenient());
    assert_eq!(shown(&told(&own, "www.school.example", RecordType::A).await.0), ["9.9.9.9"]);
    assert_eq!(peer.count(), 1);
}

#[tokio::test]
async fn a_resolver_whose_every_datagram_is_forged_is_asked_by_tcp() {
    let peer = Peer::start(|asked, udp| {
        if !udp {
            return vec![bytes(&usual(asked))];
        }
        let mut forged = usual(asked);
        forged.metadata.id ^= 1;
        vec![bytes(&forged); 20]
    })
    .await;
    let own = resolver(&[peer.address], Judge::lenient());
    assert_eq!(shown(&told(&own, "www.school.example", RecordType::A).await.0), ["9.9.9.9"]);
    assert!(peer.heard().iter().any(|(udp, _)| !udp));
}

#[tokio::test]
async fn what_was_cut_or_broken_is_asked_for_by_tcp_and_comes_whole() {
    for broken in [false, true] {
        let peer = Peer::start(move |asked, udp| {
            let owner = asked_name(asked);
            let each = |n: u8| record(&owner, RecordType::A, &[9, 9, 9, n], 300);
            let whole = reply(asked, (0..200).map(each).collect());
            vec![match (udp, broken) {
                (false, _) => bytes(&whole),
                (true, false) => write(&whole, 512),
                (true, true) => bytes(&whole)[..600].to_vec(),
            }]
        })
        .await;
        let own = resolver(&[peer.address], Judge::lenient());
        assert_eq!(told(&own, "many.example", RecordType::A).await.0.answers.len(), 200);
    }
}

#[tokio::test]
async fn a_slow_resolver_is_outrun_by_the_next_which_is_asked_first_from_then_on() {
    let slow = Peer::start(|_, _| vec![]).await;
    let quick = Peer::usual().await;
    let own = resolver(&[slow.address, quick.address], Judge::lenient());
    for n in 0..20 {
        let (answer, _) = told(&own, &format!("n{n}.example"), RecordType::A).await;
        assert_eq!(shown(&answer), ["9.9.9.9"], "{n}");
    }
    assert_eq!(quick.count(), 20);
    // The dice may send one there again.
    assert!(slow.count() < 6, "{}", slow.count());
}

#[tokio::test]
async fn a_resolver_that_refuses_is_followed_by_the_next() {
    for code in [ResponseCode::Refused, ResponseCode::ServFail] {
        let bad = Peer::start(move |asked, _| vec![bytes(&answer_to(asked, code))]).await;
        let good = Peer::usual().await;
        let own = resolver(&[bad.address, good.address], Judge::lenient());
        assert_eq!(shown(&told(&own, "a.example", RecordType::A).await.0), ["9.9.9.9"]);
        let alone = resolver(&[bad.address], Judge::lenient());
        assert_eq!(told(&alone, "a.example", RecordType::A).await.0.rcode, ResponseCode::ServFail);
    }
}

#[tokio::test]
async fn what_is_known_is_not_asked_again_and_letters_make_no_difference() {
    let peer = Peer::usual().await;
    let own = resolver(&[peer.address], Judge::lenient());
    for text in ["www.example", "WWW.Example", "www.eXample."] {
        assert_eq!(shown(&told(&own, text, RecordType::A).await.0), ["9.9.9.9"]);
    }
    assert_eq!(peer.count(), 1);
    assert_eq!(own.kept().0, 1);
}

#[tokio::test]
async fn a_class_that_asks_the_same_at_once_is_one_question() {
    let peer = Peer::usual().await;
    let own = resolver(&[peer.address], Judge::lenient());
    let all = (0..100).map(|_| told(&own, "www.example", RecordType::A));
    for (answer, _) in futures_util::future::join_all(all).await {
        assert_eq!(shown(&answer), ["9.9.9.9"]);
    }
    assert_eq!(peer.count(), 1);
}

#[tokio::test]
async fn what_does_not_exist_is_remembered_too() {
    let peer = Peer::start(|asked, _| {
        let mut no = answer_to(asked, ResponseCode::NXDomain);
        no.authorities = vec![soa("example", 300, 60)];
        vec![bytes(&no)]
    })
    .await;
    let own = resolver(&[peer.address], Judge::lenient());
    for _ in 0..3 {
        let (answer, _) = told(&own, "no.example", RecordType::A).await;
        assert_eq!((answer.rcode, answer.authority.len()), (ResponseCode::NXDomain, 1));
        assert!(answer.ttl <= 60);
    }
    assert_eq!(peer.count(), 1);
    // For the gateway that is an answer: nothing is wrong with the link.
    assert!(own.addresses("no.example").await.unwrap().is_empty());
}

/// Lets it have an answer whose time is over.
fn knows_of_old(own: &Resolver, text: &str) {
    let asked = question(text, RecordType::A);
    let answer = Answer::of(vec![record(text, RecordType::A, &[9, 9, 9, 9], 60)], 60);
    let kept = Kept { message: answer.encoded(&asked).unwrap(), is_plain: true };
    let past = Instant::now().checked_sub(Duration::from_secs(120)).unwrap();
    own.shared.cache().keep(&Key::new(&asked, false, false), &kept, 60, past);
}

#[tokio::test]
async fn with_the_link_down_nobody_waits_for_a_silent_resolver() {
    let silent = Peer::start(|_, _| vec![]).await;
    let link = Link::default();
    let own = behind(link.clone(), &[silent.address], Judge::lenient());
    knows_of_old(&own, "www.example");
    (0..3).for_each(|place| link.note(Sign::missed(place)));
    let begun = Instant::now();
    let (answer, reason) = told(&own, "www.example", RecordType::A).await;
    assert_eq!((shown(&answer), reason), (vec!["9.9.9.9".to_owned()], Some(Ede::STALE)));
    let (answer, reason) = told(&own, "new.example", RecordType::A).await;
    assert_eq!((answer.rcode, reason), (ResponseCode::ServFail, Some(Ede::NETWORK)));
    assert_eq!(shown(&told(&own, "preau", RecordType::A).await.0), [BOX.to_string()]);
    assert!(own.addresses("new.example").await.is_err());
    // A resolver that is silent has 1.8 s otherwise, and 5 s where nothing old is known.
    assert!(begun.elapsed() < Duration::from_millis(1500), "{:?}", begun.elapsed());
    assert!(silent.count() > 0, "it is asked all the same, or its return would not be seen");
}

#[tokio::test]
async fn when_nobody_answers_the_old_answer_is_given_and_the_next_question_fails_at_once() {
    // A port on which nobody listens: refused at once.
    let gone = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let own = resolver(&[gone], Judge::lenient());
    knows_of_old(&own, "www.example");
    let (answer, reason) = told(&own, "www.example", RecordType::A).await;
    assert_eq!((shown(&answer), answer.ttl), (vec!["9.9.9.9".to_owned()], 30));
    assert_eq!(reason, Some(Ede::STALE));
    for n in 0..5 {
        let (answer, reason) = told(&own, &format!("n{n}.example"), RecordType::A).await;
        assert_eq!((answer.rcode, reason), (ResponseCode::ServFail, Some(Ede::NETWORK)));
    }
    assert!(own.is_cut_off());
    let start = Instant::now();
    told(&own, "another.example", RecordType::A).await;
    told(&own, "www.example", RecordType::A).await;
    assert!(start.elapsed() < Duration::from_millis(900), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_name_behind_an_alias_or_a_service_is_judged_as_if_it_were_asked_for() {
    let peer = Peer::start(|asked, _| {
        let records = match asked.queries[0].query_type {
            RecordType::HTTPS => {
                let data = [&[0, 1][..], &wire_name("game.example")].concat();
                vec![record("innocent.example", RecordType::HTTPS, &data, 60)]
            }
            _ => vec![
                alias("innocent.example", "game.example"),
                record("game.example", RecordType::A, &[9, 9, 9, 9], 60),
            ],
        };
        vec![bytes(&reply(asked, records))]
    })
    .await;
    let open = resolver(&[peer.address], Judge::lenient());
    assert_eq!(shown(&told(&open, "innocent.example", RecordType::A).await.0), ["9.9.9.9"]);
    let own = resolver(&[peer.address], denying(&["game.example"]));
    for kind in [RecordType::A, RecordType::HTTPS] {
        let (answer, reason) = told(&own, "innocent.example", kind).await;
        assert_eq!((answer.rcode, answer.answers.len()), (ResponseCode::NXDomain, 0));
        assert_eq!(reason, Some(Ede::BLOCKED));
    }
}

#[tokio::test]
async fn a_name_that_is_denied_is_never_asked_for_outside() {
    let peer = Peer::usual().await;
    let own = resolver(&[peer.address], denying(&["game.example"]));
    let (answer, reason) = told(&own, "Game.Example", RecordType::A).await;
    assert_eq!((answer.rcode, reason), (ResponseCode::NXDomain, Some(Ede::BLOCKED)));
    assert!((10..=60).contains(&answer.ttl));
    assert_eq!(peer.count(), 0);
}

#[tokio::test]
async fn ech_is_taken_out_for_who_is_filtered_and_left_to_all_others() {
    let peer = Peer::start(|asked, _| {
        let data = [&[0, 1, 0][..], &[0, 1, 0, 3, 2, b'h', b'2'], &[0, 5, 0, 2, 7, 7]].concat();
        let signed = [&65_u16.to_be_bytes()[..], &[1; 30]].concat();
        let owner = asked_name(asked);
        let records = vec![
            record(&owner, RecordType::HTTPS, &data, 60),
            record(&owner, RecordType::RRSIG, &signed, 60),
        ];
        vec![bytes(&reply(asked, records))]
    })
    .await;
    let open = resolver(&[peer.address], Judge::lenient());
    assert_eq!(told(&open, "a.example", RecordType::HTTPS).await.0.answers.len(), 2);
    let own = resolver(&[peer.address], denying(&[]));
    let (answer, _) = told(&own, "a.example", RecordType::HTTPS).await;
    let data: Vec<_> = answer.answers.iter().map(|one: &Record| one.data.clone()).collect();
    let without = [&[0, 1, 0][..], &[0, 1, 0, 3, 2, b'h', b'2']].concat();
    assert_eq!(data, [data_of(RecordType::HTTPS, without)]);
}

#[tokio::test]
async fn a_search_engine_s_safe_host_answers_under_the_engine_s_name() {
    let peer = Peer::usual().await;
    let safe = Arc::new(Host::parse("strict.search.example").unwrap());
    let own = resolver(
        &[peer.address],
        Judge::new(move |_, host, _| {
            let is_engine = host.to_string() == "www.search.example";
            Ruling { instead: is_engine.then(|| safe.clone()), ..Ruling::default() }
        }),
    );
    let (answer, _) = told(&own, "www.search.example", RecordType::A).await;
    assert_eq!(
        answer.names().map(|one| one.to_string()).collect::<Vec<_>>(),
        ["strict.search.example."]
    );
    assert_eq!(shown(&answer), ["9.9.9.9"]);
    let (answer, _) = told(&own, "www.search.example", RecordType::HTTPS).await;
    assert_eq!((answer.rcode, answer.answers.len()), (ResponseCode::NoError, 0));
    let asked: Vec<_> =
        peer.heard().iter().map(|(_, asked)| asked_name(asked).to_lowercase()).collect();
    assert_eq!(asked, ["strict.search.example."]);
}

#[tokio::test]
async fn a_private_address_from_outside_is_not_told() {
    let peer = Peer::start(|asked, _| {
        let owner = asked_name(asked);
        vec![bytes(&reply(asked, vec![record(&owner, RecordType::A, &[192, 168, 1, 1], 60)]))]
    })
    .await;
    let own = resolver(&[peer.address], Judge::lenient());
    let (answer, _) = told(&own, "rebound.example", RecordType::A).await;
    assert_eq!((answer.rcode, answer.answers.len()), (ResponseCode::NoError, 0));
}

#[tokio::test]
async fn a_resolver_s_cookie_is_learned_and_renewed_when_it_wants_another() {
    let count = AtomicUsize::new(0);
    let peer = Peer::start(move |asked, _| {
        let (client, server) = cookie(asked).unwrap().split_at(8);
        let turn = count.fetch_add(1, SeqCst);
        // First an answer with a cookie; later this one is too old.
        let mut answer = match turn {
            1 => answer_to(asked, ResponseCode::BADCOOKIE),
            _ => usual(asked),
        };
        match turn {
            0 => assert!(server.is_empty()),
            1 => assert_eq!(server, b"cookie 0"),
            _ => assert_eq!(server, b"cookie 1"),
        }
        let fresh: &[u8] = if turn == 0 { b"cookie 0" } else { b"cookie 1" };
        answer.edns = Some(edns(false, Some([client, fresh].concat()), None));
        vec![bytes(&answer)]
    })
    .await;
    let own = resolver(&[peer.address], Judge::lenient());
    for n in 0..3 {
        let (answer, _) = told(&own, &format!("n{n}.example"), RecordType::A).await;
        assert_eq!(shown(&answer), ["9.9.9.9"], "{n}");
    }
    assert_eq!(peer.count(), 4);
}

#[tokio::test]
async fn the_box_s_own_rooms_find_addresses_of_both_kinds() {
    let peer = Peer::start(|asked, _| {
        let owner = asked_name(asked);
        let one = match asked.queries[0].query_type {
            RecordType::A => record(&owner, RecordType::A, &[9, 9, 9, 9], 60),
            _ => record(&owner, RecordType::AAAA, &[0x26; 16], 60),
        };
        vec![bytes(&reply(asked, vec![one]))]
    })
    .await;
    let own = resolver(&[peer.address], Judge::lenient());
    let found = own.addresses("www.example").await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found[0].is_ipv6() && found[1].is_ipv4());
    assert!(own.addresses("..").await.is_err());
}

#[tokio::test]
async fn each_question_goes_out_in_letters_of_its_own_and_from_another_port() {
    let peer = Peer::usual().await;
    let own = resolver(&[peer.address], Judge::lenient());
    let mut letters = std::collections::HashSet::new();
    for n in 0..8 {
        told(&own, &format!("a-long-name-of-many-letters-{n}.example"), RecordType::A).await;
    }
    for (_, asked) in peer.heard() {
        let text = asked_name(&asked);
        letters
            .insert((asked.metadata.id, text.chars().map(char::is_uppercase).collect::<Vec<_>>()));
    }
    assert_eq!(letters.len(), 8);
}
