//! Begins to store an origin's answer, whole or a part, while it goes out.

use std::{fs::File, sync::Arc};

use http::{HeaderMap, Response, StatusCode};

use super::{
    Carried, SMALL_BYTES, Shared,
    content::{Content, Filling, Joined},
    entry::Entry,
    fill::Fill,
    handle::Visit,
    head::{Head, Times, content_length},
    index::Place,
    ranges, rules,
    vary::Selecting,
};

/// An answer that is being stored.
#[derive(Debug)]
pub(super) struct Kept {
    pub entry: Arc<Entry>,
    /// Its fields, where not all of them may be kept.
    pub original: Option<HeaderMap>,
    /// Says that somebody waits for its bytes.
    pub waiting: Joined,
}

/// Where an answer goes: its entry, the right to fill it, and its file if it has one.
type Begun = (Arc<Entry>, Filling, Option<Arc<File>>);

/// A part of a body, or all of it.
struct Piece {
    start: u64,
    /// Where it ends, if that is known.
    end: Option<u64>,
    /// Length of the whole, if that is known.
    total: Option<u64>,
}

/// Stores an answer to the client's GET, if it may be and there is room; else gives it back.
#[allow(clippy::result_large_err, reason = "what is given back is what came in")]
pub(super) async fn keep(
    visit: &Visit,
    response: Response<Carried>,
    times: Times,
) -> Result<Kept, Response<Carried>> {
    let asked = &visit.asked;
    let Some((head, piece)) = understood(&response, times) else { return Err(response) };
    let selecting = Selecting::of(response.headers(), &asked.headers);
    let may = rules::may_store(&asked.headers, &asked.directives, &head);
    let Some(selecting) = selecting.filter(|_| may) else { return Err(response) };
    let partial = response.status() == StatusCode::PARTIAL_CONTENT;
    let combined = if partial { combine(visit, &head, &piece).await } else { None };
    let begun = match combined {
        Some(begun) => Some(begun),
        None => begin(&visit.shared, visit, head, selecting, &piece).await,
    };
    let Some((entry, filling, file)) = begun else { return Err(response) };
    let (parts, body) = response.into_parts();
    let original = (!entry.head().directives.unkept.is_empty()).then_some(parts.headers);
    let waiting = entry.content.join();
    let fill = Fill::new(&visit.shared, &entry, filling, piece.length(), file);
    visit.shared.tracker.spawn(fill.run(body));
    Ok(Kept { entry, original, waiting })
}

impl Piece {
    fn length(&self) -> u64 {
        self.end.map_or(SMALL_BYTES, |end| end - self.start)
    }

    fn range(&self) -> std::ops::Range<u64> {
        self.start..self.end.unwrap_or(u64::MAX)
    }
}

/// Head and place of what came; `None` for several parts, or a part that contradicts itself.
fn understood(response: &Response<Carried>, times: Times) -> Option<(Head, Piece)> {
    let (status, headers) = (response.status(), response.headers());
    let length =
        content_length(headers).or_else(|| http_body::Body::size_hint(response.body()).exact());
    if status != StatusCode::PARTIAL_CONTENT {
        let piece = Piece { start: 0, end: length, total: length };
        return Some((Head::new(status, headers.clone(), times), piece));
    }
    let given = ranges::given(headers)?;
    let total = given.total?;
    let (start, end) = (given.range.start, given.range.end);
    if length.is_some_and(|length| length != end - start) {
        return None;
    }
    let piece = Piece { start, end: Some(end), total: Some(total) };
    Some((Head::of_whole(headers, total, times), piece))
}

/// Adds a part to what is stored of the very same version (RFC 9111 §3.4): a strong validator says
/// so or, for system updates, all that is said agrees.
async fn combine(visit: &Visit, head: &Head, piece: &Piece) -> Option<Begun> {
    let asked = &visit.asked;
    let entry = visit.shared.index.find(&asked.key, &asked.headers).entry?;
    let old = entry.head();
    let strong =
        old.strong_validator().is_some() && old.strong_validator() == head.strong_validator();
    let same = entry.content.total() == piece.total
        && (strong || (asked.slices && old.validators().agree(&head.validators())));
    if !same {
        return None;
    }
    let filling = entry.content.begin(piece.range())?;
    let file = visit.shared.file_of(&entry).await.ok()?;
    let place = if file.is_some() { Place::Disk } else { Place::Memory };
    let room = visit.shared.index.grow(&entry, place, piece.length());
    visit.shared.bury(room.gone);
    room.fits.then(|| {
        entry.renew(head.clone());
        (entry, filling, file)
    })
}

/// A new entry, if there is room for it.
async fn begin(
    shared: &Arc<Shared>,
    visit: &Visit,
    head: Head,
    selecting: Selecting,
    piece: &Piece,
) -> Option<Begun> {
    let large = piece.total.is_none_or(|total| total > SMALL_BYTES);
    if large && (shared.disk.is_none() || piece.total.is_some_and(|total| total > shared.longest)) {
        return None;
    }
    let on_disk = large && piece.total.is_some();
    let content = Content::new(piece.total, on_disk);
    let filling = content
        .begin(piece.range())
        .or_else(|| content.begin(0..u64::MAX).filter(|_| piece.total == Some(0)))?;
    let entry = Entry::new(visit.asked.key.clone(), selecting, head, content);
    let mut file = None;
    if on_disk {
        let (disk, id, length) = (shared.disk.clone()?, entry.id, piece.length());
        match tokio::task::spawn_blocking(move || disk.create(id, length)).await.ok()? {
            Ok(made) => file = Some(made),
            Err(error) => {
                tracing::debug!(%error, "no file for a response: it passes unstored");
                return None;
            }
        }
    }
    let place = if on_disk { Place::Disk } else { Place::Memory };
    let room = shared.index.insert(&entry, place, piece.length());
    shared.bury(room.gone);
    if !room.fits {
        shared.bury(vec![entry]);
        return None;
    }
    Some((entry, filling, file))
}
