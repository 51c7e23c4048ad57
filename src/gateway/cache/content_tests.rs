use super::*;

fn put(content: &Arc<Content>, range: Range<u64>, text: &'static str) {
    let mut filling = content.begin(range).unwrap();
    assert!(filling.put(Bytes::from_static(text.as_bytes())));
    filling.finish();
}

#[test]
fn a_reader_sees_what_is_here_what_comes_and_what_is_missing() {
    let content = Content::new(Some(10), false);
    put(&content, 2..4, "cd");
    let filling = content.begin(6..8).unwrap();
    assert_eq!(content.step(0, 10), Step::Gap(0..2));
    assert_eq!(content.step(3, 10), Step::Bytes(Bytes::from_static(b"d")));
    assert_eq!(content.step(4, 10), Step::Gap(4..6));
    assert_eq!(content.step(7, 10), Step::Coming);
    assert_eq!(content.step(8, 9), Step::Gap(8..9));
    assert_eq!(content.step(10, 99), Step::End);
    assert_eq!(content.next_gap(6..8), None);
    assert_eq!(content.next_gap(6..9), Some(8..9));
    drop(filling);
    assert_eq!(content.step(6, 10), Step::Gap(6..10));
}

#[test]
fn nobody_fetches_what_another_fetches() {
    let content = Content::new(Some(10), false);
    let first = content.begin(2..6).unwrap();
    assert!(content.begin(5..8).is_none() && content.begin(0..3).is_none());
    assert!(content.begin(6..8).is_some() && content.begin(0..2).is_some());
    drop(first);
    assert!(content.begin(5..8).is_some());
}

#[test]
fn a_body_of_unknown_length_has_one_once_it_ended_and_only_then() {
    let content = Content::new(None, false);
    let mut filling = content.begin(0..u64::MAX).unwrap();
    assert!(filling.put(Bytes::from_static(b"abc")));
    assert_eq!(content.step(3, u64::MAX), Step::Coming);
    drop(filling);
    assert!(matches!(content.step(3, u64::MAX), Step::Gap(_)), "cut is not ended");
    let content = Content::new(None, false);
    put(&content, 0..u64::MAX, "abc");
    assert_eq!((content.total(), content.step(3, u64::MAX)), (Some(3), Step::End));
    assert!(content.is_whole());
}

#[test]
fn what_somebody_joined_is_not_left_and_what_was_left_is_nobody_s() {
    let content = Content::new(Some(10), true);
    let mut filling = content.begin(0..10).unwrap();
    assert!(filling.written(4));
    let joined = content.join();
    assert!(!filling.leave(), "somebody reads");
    assert_eq!(joined.content().step(4, 10), Step::Coming);
    drop(joined);
    assert!(filling.leave());
    assert_eq!(content.join().content().step(4, 10), Step::Gap(4..10));
    // Another's of the very same bytes does not end with this one.
    let other = content.begin(0..10).unwrap();
    drop(filling);
    assert_eq!(content.step(4, 10), Step::Coming);
    drop(other);
    assert_eq!(content.step(4, 10), Step::Gap(4..10));
}

#[test]
fn a_file_that_bytes_went_to_is_held_for_those_who_read_them_and_no_longer() {
    let file = || Arc::new(tempfile::tempfile().unwrap());
    let content = Content::new(None, false);
    let (one, two) = (content.join(), content.join());
    content.moved_to_disk(file());
    drop(one);
    assert!(content.spilled().is_some());
    drop(two);
    assert!(content.spilled().is_none());
    let content = Content::new(None, false);
    content.moved_to_disk(file());
    assert!(content.spilled().is_none(), "nobody read");
}

#[test]
fn the_gap_around_a_place_begins_where_the_bytes_before_it_end() {
    let content = Content::new(Some(100), true);
    let mut filling = content.begin(10..12).unwrap();
    assert!(filling.written(2));
    filling.finish();
    assert_eq!(content.gap_around(20, 0..32), 12..32);
    assert_eq!(content.gap_around(5, 0..32), 0..10);
    assert_eq!(content.gap_around(0, 0..32), 0..10);
    assert_eq!(content.gap_around(40, 32..64), 32..64);
}

#[test]
fn what_is_kept_in_memory_holds_no_buffer_it_came_in() {
    // 8 bytes of a long buffer, as a connection reads them: here whole, there broken off.
    for whole in [true, false] {
        let came = Bytes::from(vec![b'a'; 10_000]);
        let content = Content::new(Some(8), false);
        let mut filling = content.begin(0..8).unwrap();
        assert!(filling.put(came.slice(100..103)));
        if whole {
            assert!(filling.put(came.slice(500..505)));
        }
        assert!(!came.is_unique());
        drop(filling);
        assert!(came.is_unique());
        let here = if whole { 8 } else { 3 };
        assert_eq!(content.step(0, 8), Step::Bytes(came.slice(..here)), "in one piece");
    }
}

#[test]
fn parts_that_came_one_by_one_are_one_piece_once_all_are_here() {
    let content = Content::new(Some(6), false);
    put(&content, 4..6, "ef");
    put(&content, 0..2, "ab");
    assert_eq!(content.step(0, 6), Step::Bytes(Bytes::from_static(b"ab")));
    put(&content, 2..4, "cd");
    assert_eq!(content.step(0, 6), Step::Bytes(Bytes::from_static(b"abcdef")));
}
