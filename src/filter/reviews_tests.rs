use super::*;
use crate::filter::testing::{at, open_store};

const DEVICE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 31, 4, 9));
const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 31, 4, 10));
const DAY: i64 = 24 * 3600;

fn wish(site: &str) -> Wish {
    Wish {
        site: site.into(),
        rule: "jeux".into(),
        phrase: "pour l'exposé".into(),
        ..Wish::default()
    }
}

fn reviews() -> (Reviews, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Reviews::open(open_store(&folder)).unwrap(), folder)
}

fn sites(all: &[Review]) -> Vec<&str> {
    all.iter().map(|one| one.wish.site.as_str()).collect()
}

#[test]
fn what_was_asked_outlives_a_restart_and_its_answer_is_for_the_device_that_asked() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(&folder);
    let reviews = Reviews::open(store.clone()).unwrap();
    let first = reviews.ask("::ffff:10.31.4.9".parse().unwrap(), wish("a.example"), at(0)).unwrap();
    reviews.ask(OTHER, wish("b.example"), at(1)).unwrap();
    let again = Reviews::open(store).unwrap();
    assert_eq!(sites(&again.of(DEVICE, at(2))), ["a.example"]);
    let answered = again.answer(first.id, " C'est\nouvert. ", "CMIL", at(3)).unwrap();
    assert_eq!(answered.answer.unwrap().text, "C'est ouvert.");
    assert_eq!(again.of(DEVICE, at(4))[0].answer.as_ref().unwrap().by, "CMIL");
    assert!(again.of(OTHER, at(4))[0].answer.is_none());
    // Those that wait come first.
    assert_eq!(sites(&again.all()), ["b.example", "a.example"]);
    let third = again.ask(DEVICE, wish("c.example"), at(5)).unwrap();
    assert!(third.id > first.id + 1, "a number is used once");
    assert!(matches!(again.answer(99, "x", "", at(6)), Err(ReviewError::Unknown(99))));
    assert!(matches!(again.answer(third.id, "\n ", "", at(6)), Err(ReviewError::Empty)));
}

#[test]
fn a_device_asks_five_times_an_hour_and_never_twice_for_what_waits() {
    let (reviews, _folder) = reviews();
    let first = reviews.ask(DEVICE, wish("a.example"), at(0)).unwrap();
    assert_eq!(reviews.ask(DEVICE, wish("a.example"), at(9)).unwrap(), first);
    for n in 1..MAX_AN_HOUR {
        reviews.ask(DEVICE, wish(&format!("{n}.example")), at(0)).unwrap();
    }
    let sixth = || reviews.ask(DEVICE, wish("six.example"), at(3599));
    assert!(matches!(sixth(), Err(ReviewError::TooOften)));
    assert!(reviews.ask(OTHER, wish("six.example"), at(3599)).is_ok());
    assert!(reviews.ask(DEVICE, wish("six.example"), at(3600)).is_ok());
    // What was answered may be asked again.
    reviews.answer(first.id, "non", "", at(3601)).unwrap();
    assert_ne!(reviews.ask(DEVICE, wish("a.example"), at(3602)).unwrap().id, first.id);
}

#[test]
fn an_ipv6_device_does_not_become_another_by_its_address() {
    let (reviews, _folder) = reviews();
    let of = |n: usize| format!("2001:db8::{n}").parse().unwrap();
    for n in 0..MAX_AN_HOUR {
        reviews.ask(of(n), wish(&format!("{n}.example")), at(0)).unwrap();
    }
    assert!(matches!(reviews.ask(of(77), wish("x.example"), at(1)), Err(ReviewError::TooOften)));
    assert!(reviews.ask("2001:db8:0:1::7".parse().unwrap(), wish("x.example"), at(1)).is_ok());
}

#[test]
fn a_school_full_of_requests_takes_no_more_until_some_are_answered() {
    let (reviews, _folder) = reviews();
    let ask = |n: usize| {
        let device =
            IpAddr::from([10, 9, u8::try_from(n / 250).unwrap(), u8::try_from(n % 250).unwrap()]);
        reviews.ask(device, wish("a.example"), at(0))
    };
    for n in 0..MAX_OPEN {
        ask(n).unwrap();
    }
    assert!(matches!(ask(MAX_OPEN), Err(ReviewError::Full)));
    reviews.answer(1, "non", "", at(1)).unwrap();
    assert!(ask(MAX_OPEN).is_ok());
}

#[test]
fn of_those_answered_the_oldest_give_way() {
    let review = |id: u32, answered: bool| Review {
        id,
        at: at(0),
        wish: wish("a.example"),
        device: None,
        answer: answered.then(|| Answer { at: at(1), text: "non".into(), by: String::new() }),
    };
    let last = u32::try_from(MAX_KEPT).unwrap();
    let mut kept = Kept { last, all: (1..=last).map(|id| review(id, id > 10)).collect() };
    kept.ask(OTHER, wish("b.example"), at(2)).unwrap();
    assert_eq!(kept.all.len(), MAX_KEPT);
    let ids: Vec<u32> = kept.all.iter().map(|one| one.id).collect();
    assert!(
        ids.contains(&1) && !ids.contains(&11) && ids.contains(&12) && ids.contains(&(last + 1))
    );
}

#[test]
fn the_address_goes_a_week_after_the_answer_or_a_month_after_the_question() {
    let folder = tempfile::tempdir().unwrap();
    let store = open_store(&folder);
    let reviews = Reviews::open(store.clone()).unwrap();
    let answered = reviews.ask(DEVICE, wish("a.example"), at(0)).unwrap();
    reviews.ask(DEVICE, wish("b.example"), at(0)).unwrap();
    reviews.answer(answered.id, "oui", "", at(DAY)).unwrap();
    let written = || String::from_utf8(store.document(DOCUMENT).unwrap().unwrap()).unwrap();
    let known_at = |seconds| {
        reviews.tend(at(seconds)).unwrap();
        (reviews.of(DEVICE, at(seconds)).len(), written().matches("10.31.4.9").count())
    };
    assert_eq!(known_at(8 * DAY - 1), (2, 2));
    assert_eq!(known_at(8 * DAY), (1, 1));
    assert_eq!(known_at(30 * DAY - 1), (1, 1));
    assert_eq!(known_at(30 * DAY), (0, 0));
    assert_eq!(reviews.all().len(), 2);
    reviews.tend(at(396 * DAY)).unwrap();
    assert!(reviews.all().is_empty());
}

#[test]
fn what_a_pupil_writes_is_short_and_plain() {
    let (reviews, _folder) = reviews();
    let phrase = format!("\u{1b}[31m rouge\r\n\u{202e}erèirra\0 {}", "é".repeat(999));
    let kept = reviews.ask(DEVICE, Wish { phrase, ..wish("a.example") }, at(0)).unwrap();
    assert!(kept.wish.phrase.starts_with("[31m rouge erèirra éé"), "{}", kept.wish.phrase);
    assert_eq!(kept.wish.phrase.chars().count(), MAX_PHRASE_CHARS);
}

#[test]
fn a_request_that_cannot_be_written_down_is_not_taken() {
    let (reviews, folder) = reviews();
    let documents = folder.path().join("documents");
    std::fs::remove_dir_all(&documents).unwrap();
    std::fs::write(&documents, "no folder").unwrap();
    let refused = reviews.ask(DEVICE, wish("a.example"), at(0));
    assert!(matches!(refused, Err(ReviewError::Store(_))), "{refused:?}");
    assert!(reviews.of(DEVICE, at(0)).is_empty());
}
