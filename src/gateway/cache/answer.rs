//! Makes the answer to a client of what is stored (RFC 9111 §4, RFC 9110 §13 to §15).

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG,
        EXPIRES, LAST_MODIFIED, VARY,
    },
};
use jiff::Timestamp;

use super::{
    Shared,
    asked::Asked,
    conditions,
    content::Step,
    entry::Entry,
    fields,
    head::Head,
    ranges::{self, Parts, content_range},
    reader::{Reader, Source},
    said::{Said, tell_age},
};
use crate::net::body::{Body, Segment};

/// What of a stored response a client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    /// 304.
    NotModified,
    /// 416, of so many bytes.
    Unsatisfiable(u64),
    /// All of it.
    Whole,
    /// One part, of so many bytes.
    Part(Range<u64>, u64),
    /// Several parts, of so many bytes.
    Several(Vec<Range<u64>>, u64),
}

/// Fields of a 304 (RFC 9110 §15.4.5).
static OF_NOT_MODIFIED: [HeaderName; 7] =
    [CACHE_CONTROL, CONTENT_LOCATION, DATE, ETAG, EXPIRES, LAST_MODIFIED, VARY];

/// What a client asks of a stored response: conditions first, then ranges (RFC 9110 §13.2.2).
pub(super) fn shape(asked: &Asked, head: &Head, total: Option<u64>) -> Shape {
    if conditions::has_it(&asked.headers, head) {
        return Shape::NotModified;
    }
    let specs = asked.ranges.as_deref().filter(|_| head.status == StatusCode::OK);
    let (Some(specs), Some(total)) = (specs, total) else { return Shape::Whole };
    if !conditions::range_holds(&asked.headers, head) {
        return Shape::Whole;
    }
    match ranges::parts(specs, total) {
        Parts::None => Shape::Unsatisfiable(total),
        Parts::One(range) => Shape::Part(range, total),
        Parts::Several(several) => Shape::Several(several, total),
        Parts::Whole => Shape::Whole,
    }
}

/// The answer; nothing where the bytes cannot be read: another may have taken their room since they
/// were found. Then the entry is forgotten. `source` gives the bytes that are not here, if any are
/// not.
#[allow(clippy::too_many_arguments, reason = "what an answer is made of")]
pub(super) async fn answer(
    shared: &Arc<Shared>,
    asked: &Asked,
    entry: &Arc<Entry>,
    head: &Head,
    shape: Shape,
    said: Said,
    now: Timestamp,
    source: Option<Source>,
) -> Option<Response<Body>> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = head.status;
    let fields = response.headers_mut();
    *fields = head.headers.clone();
    let (wanted, total) = (shape.wanted(), entry.content.total());
    fit(fields, &shape, total, head.status);
    // An answer that just came bears the age it came with.
    if !said.stored {
        tell_age(fields, head.age(now));
    }
    said.tell(fields);
    *response.status_mut() = shape.status(head.status);
    if asked.method == Method::HEAD {
        return Some(response);
    }
    let body = match (shape, wanted) {
        (Shape::Several(ranges, total), _) => {
            several(shared, entry, &ranges, total, response.headers_mut()).await
        }
        (_, Some(wanted)) => {
            let end = wanted.end.min(total.unwrap_or(u64::MAX));
            body(shared, entry, wanted.start..end, source).await
        }
        (_, None) => Ok(Body::Empty),
    };
    match body {
        Ok(body) => *response.body_mut() = body,
        Err(error) => {
            if !entry.is_dropped() {
                tracing::warn!(%error, "a cached response cannot be read");
            }
            shared.forget(entry);
            return None;
        }
    }
    Some(response)
}

impl Shape {
    fn wanted(&self) -> Option<Range<u64>> {
        match self {
            Self::Whole => Some(0..u64::MAX),
            Self::Part(range, _) => Some(range.clone()),
            Self::NotModified | Self::Unsatisfiable(_) | Self::Several(..) => None,
        }
    }

    fn status(&self, stored: StatusCode) -> StatusCode {
        match self {
            Self::NotModified => StatusCode::NOT_MODIFIED,
            Self::Unsatisfiable(_) => StatusCode::RANGE_NOT_SATISFIABLE,
            Self::Part(..) | Self::Several(..) => StatusCode::PARTIAL_CONTENT,
            Self::Whole => stored,
        }
    }
}

/// Makes the stored fields fit what is sent of the body.
fn fit(fields: &mut HeaderMap, shape: &Shape, total: Option<u64>, stored: StatusCode) {
    let length = |fields: &mut HeaderMap, length: u64| {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    };
    match shape {
        Shape::NotModified => {
            let kept: Vec<_> = OF_NOT_MODIFIED
                .iter()
                .flat_map(|name| {
                    fields.get_all(name).iter().map(move |value| (name, value.clone()))
                })
                .collect();
            let mut only = HeaderMap::with_capacity(kept.len() + 2);
            for (name, value) in kept {
                only.append(name.clone(), value);
            }
            *fields = only;
        }
        Shape::Unsatisfiable(total) => {
            fields.remove(CONTENT_TYPE);
            fields.insert(CONTENT_RANGE, content_range(None, *total));
            length(fields, 0);
        }
        Shape::Part(range, total) => {
            fields.insert(CONTENT_RANGE, content_range(Some(range), *total));
            length(fields, range.end - range.start);
        }
        Shape::Several(..) => drop(fields.remove(CONTENT_LENGTH)),
        Shape::Whole if stored == StatusCode::NO_CONTENT => drop(fields.remove(CONTENT_LENGTH)),
        Shape::Whole => match total {
            Some(total) => length(fields, total),
            None => drop(fields.remove(CONTENT_LENGTH)),
        },
    }
}

/// The bytes of one range: at once where they are all here, else as they come.
async fn body(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    range: Range<u64>,
    source: Option<Source>,
) -> std::io::Result<Body> {
    if range.is_empty() {
        return Ok(Body::Empty);
    }
    let file = shared.file_of(entry).await?;
    match (entry.content.step(range.start, range.end), &file) {
        (Step::Bytes(bytes), _) if bytes.len() as u64 == range.end - range.start => {
            return Ok(Body::Bytes(bytes));
        }
        (Step::File(held), Some(file)) if held == range => {
            let len = range.end - range.start;
            let file = file.clone();
            return Ok(Body::Segments(vec![Segment::File { file, offset: range.start, len }]));
        }
        _ => {}
    }
    Ok(Body::Flow(Reader::new(shared, entry, range, file, source).flow()))
}

/// `multipart/byteranges` (RFC 9110 §14.6) of bytes that are all here.
async fn several(
    shared: &Arc<Shared>,
    entry: &Arc<Entry>,
    ranges: &[Range<u64>],
    total: u64,
    fields: &mut HeaderMap,
) -> std::io::Result<Body> {
    let boundary = format!("preau{:016x}", rand::random::<u64>());
    let media_type = fields.get(CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
    let mut segments = Vec::with_capacity(ranges.len() * 2 + 1);
    for range in ranges {
        let mut head = format!("\r\n--{boundary}\r\n").into_bytes();
        if let Some(media_type) = &media_type {
            head.extend_from_slice(b"Content-Type: ");
            head.extend_from_slice(media_type);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"Content-Range: ");
        head.extend_from_slice(content_range(Some(range), total).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        segments.push(Segment::Bytes(head.into()));
        match body(shared, entry, range.clone(), None).await? {
            Body::Bytes(bytes) => segments.push(Segment::Bytes(bytes)),
            Body::Segments(parts) => segments.extend(parts),
            _ => return Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
    segments.push(Segment::Bytes(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    let length: u64 = segments.iter().map(Segment::len).sum();
    fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let media_type = format!("multipart/byteranges; boundary={boundary}");
    if let Ok(value) = HeaderValue::from_str(&media_type) {
        fields.insert(CONTENT_TYPE, value);
    }
    Ok(Body::Segments(segments))
}

/// Gives back, to the one client whose request brought it, what may not be kept for others.
pub(super) fn with_original(
    mut answer: Response<Body>,
    original: Option<HeaderMap>,
) -> Response<Body> {
    let Some(mut original) = original else { return answer };
    fields::strip_connection(&mut original);
    let fields = answer.headers_mut();
    for name in original.keys() {
        if !fields.contains_key(name) && name != CONTENT_LENGTH && name != CONTENT_RANGE {
            for value in original.get_all(name) {
                fields.append(name.clone(), value.clone());
            }
        }
    }
    answer
}
