//! When a package will be here: what lies before it in the queue, at the speed of now. Pure.

use crate::mirror::{Progress, Transfer};

/// An estimate further away than this is a guess that helps nobody.
const FURTHEST_MINUTES: u64 = 24 * 60;

/// Minutes until the package of a holding is here, from 1; nothing when nobody can tell: nothing
/// moves, a size is unknown, or it does not wait at all.
pub fn minutes(progress: &Progress, holding: &str) -> Option<u64> {
    let rate: u64 = progress.active.iter().map(|t| t.rate).sum();
    let (before, own) = if let Some(coming) = progress.active.iter().find(|t| t.holding == holding)
    {
        // Those under way share the link; each has its own speed.
        (0, coming)
    } else {
        let place = progress.queued.iter().position(|t| t.holding == holding)?;
        let (ahead, rest) = progress.queued.split_at(place);
        let ahead: Option<Vec<u64>> = progress.active.iter().chain(ahead).map(left).collect();
        (ahead?.iter().sum(), rest.first()?)
    };
    let rate = if before == 0 && own.rate > 0 { own.rate } else { rate };
    let bytes = left(own)?.saturating_add(before);
    let minutes = bytes.checked_div(rate)?.div_ceil(60).max(1);
    (minutes <= FURTHEST_MINUTES).then_some(minutes)
}

fn left(transfer: &Transfer) -> Option<u64> {
    Some(transfer.total?.saturating_sub(transfer.done))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(holding: &str, done: u64, total: Option<u64>, rate: u64) -> Transfer {
        let (holding, title) = (holding.to_owned(), String::new());
        Transfer { holding, title, done, total, moved: done, rate }
    }

    #[test]
    fn what_comes_is_told_by_its_own_speed_and_what_waits_by_all_before_it() {
        let progress = Progress {
            active: vec![transfer("a", 400_000, Some(1_000_000), 10_000)],
            queued: vec![
                transfer("b", 0, Some(1_200_000), 0),
                transfer("c", 0, Some(600_000), 0),
                transfer("d", 0, None, 0),
                transfer("e", 0, Some(1), 0),
            ],
            ..Progress::default()
        };
        assert_eq!(minutes(&progress, "a"), Some(1));
        assert_eq!(minutes(&progress, "b"), Some(3));
        assert_eq!(minutes(&progress, "c"), Some(4));
        assert_eq!(minutes(&progress, "d"), None, "of unknown size");
        assert_eq!(minutes(&progress, "e"), None, "behind one of unknown size");
        assert_eq!(minutes(&progress, "f"), None, "not waiting");
    }

    #[test]
    fn nothing_is_promised_while_nothing_moves() {
        let queued = vec![transfer("b", 0, Some(1_200_000), 0)];
        assert_eq!(minutes(&Progress { queued, ..Progress::default() }, "b"), None);
        let active = vec![transfer("a", 0, Some(u64::MAX), 1)];
        assert_eq!(minutes(&Progress { active, ..Progress::default() }, "a"), None, "too far");
    }
}
