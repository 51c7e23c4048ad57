//! Answer bodies: bytes in memory, slices of files, or both in a row.

use std::{fmt, fs::File, io, ops::Range, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, stream::BoxStream};

/// One run of bytes of an answer.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Already in memory.
    Bytes(Bytes),
    /// `len` bytes of `file` from `offset`; never read whole into memory.
    File {
        /// Shared by every reader of the package.
        file: Arc<File>,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        len: u64,
    },
}

impl Segment {
    /// Number of bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// No byte at all?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of `range`, which lies within this segment.
    fn part(&self, range: Range<u64>) -> Self {
        match self {
            Self::Bytes(bytes) => {
                let at = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
                Self::Bytes(bytes.slice(at(range.start)..at(range.end)))
            }
            Self::File { file, offset, .. } => Self::File {
                file: file.clone(),
                offset: offset + range.start,
                len: range.end - range.start,
            },
        }
    }
}

/// Bytes that are made while they are sent, because all of them at once would fill the memory.
pub trait Made: std::fmt::Debug + Send {
    /// Begins to make those of `range` (half open, within all there are).
    fn make(self: Box<Self>, range: Range<u64>) -> axum::body::Body;
}

/// Runs that become known while they are sent: of a file that still grows.
pub struct Flow {
    runs: BoxStream<'static, io::Result<Segment>>,
    left: Option<u64>,
}

impl Flow {
    /// `length` is the number of bytes in all, where it is known beforehand.
    pub fn new(
        length: Option<u64>,
        runs: impl Stream<Item = io::Result<Segment>> + Send + 'static,
    ) -> Self {
        Self { runs: Box::pin(runs), left: length }
    }

    /// Bytes still to come, where it is known.
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// The next run; `None` after the last.
    pub(super) fn poll_run(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<io::Result<Segment>>> {
        let run = std::task::ready!(self.runs.as_mut().poll_next(cx));
        if let (Some(Ok(run)), Some(left)) = (&run, &mut self.left) {
            *left = left.saturating_sub(run.len());
        }
        std::task::Poll::Ready(run)
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow").field("left", &self.left).finish_non_exhaustive()
    }
}

/// The body of every answer of the box.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// One buffer.
    Bytes(Bytes),
    /// Runs, in order (a package; gzip header + deflate stream + trailer).
    Segments(Vec<Segment>),
    /// A page made by axum, or whatever else comes in frames.
    Page(axum::body::Body),
    /// Runs that come one by one.
    Flow(Flow),
    /// These bytes (half open) of something made on the way.
    Made(Box<dyn Made>, Range<u64>),
}

impl Body {
    /// Number of bytes, when it is known beforehand.
    pub fn len(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::Segments(segments) => Some(segments.iter().map(Segment::len).sum()),
            Self::Page(page) => http_body::Body::size_hint(page).exact(),
            Self::Flow(flow) => flow.left(),
            Self::Made(_, range) => Some(range.end.saturating_sub(range.start)),
        }
    }

    /// Known to hold nothing?
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The bytes of `range` (half open). A page or a flow has no parts: it is given whole.
    #[must_use]
    pub fn part(self, range: Range<u64>) -> Self {
        let segments = match self {
            Self::Segments(segments) => segments,
            Self::Bytes(bytes) => vec![Segment::Bytes(bytes)],
            Self::Made(made, all) => {
                let at = |n: u64| all.start.saturating_add(n).min(all.end);
                return Self::Made(made, at(range.start)..at(range.end));
            }
            whole => return whole,
        };
        let mut start = 0;
        let mut parts = Vec::with_capacity(segments.len());
        for segment in segments {
            let end = start + segment.len();
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                parts.push(segment.part(from - start..to - start));
            }
            start = end;
        }
        Self::Segments(parts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(body: Body) -> String {
        let Body::Segments(segments) = body else { panic!("segments were expected") };
        let mut text = String::new();
        for segment in segments {
            match segment {
                Segment::Bytes(bytes) => text += std::str::from_utf8(&bytes).unwrap(),
                Segment::File { file, offset, len } => {
                    let mut bytes = vec![0; usize::try_from(len).unwrap()];
                    std::os::unix::fs::FileExt::read_exact_at(&*file, &mut bytes, offset).unwrap();
                    text += std::str::from_utf8(&bytes).unwrap();
                }
            }
        }
        text
    }

    proptest! {
        #[test]
        fn a_part_of_segments_is_the_part_of_their_bytes(start in 0u64..14, length in 0u64..14) {
            let mut file = tempfile::tempfile().unwrap();
            std::io::Write::write_all(&mut file, b"..cdefgh..").unwrap();
            let body = Body::Segments(vec![
                Segment::Bytes(Bytes::from_static(b"ab")),
                Segment::File { file: Arc::new(file), offset: 2, len: 6 },
                Segment::Bytes(Bytes::from_static(b"ijkl")),
            ]);
            let end = (start + length).min(12);
            let (from, to) = (usize::try_from(start.min(12)).unwrap(), usize::try_from(end).unwrap());
            let wanted = &"abcdefghijkl"[from..to.max(from)];
            prop_assert_eq!(text(body.part(start..start + length)), wanted);
        }
    }
}
