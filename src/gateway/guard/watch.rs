//! Where in a device's messages a byte stands. Pure: bytes in, a verdict out, however they are cut.

use super::{chunks::Chunks, head::Head};

/// Why a byte cannot stand where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// CR without LF, or LF without CR (RFC 9112 §2.2).
    #[error("a line does not end in CR LF")]
    LineEnd,
    /// NUL or another control character.
    #[error("a control character in the head")]
    Control,
    /// A line of the head that begins with a space (obs-fold, RFC 9112 §5.2).
    #[error("a folded line")]
    Fold,
    /// A field's name is empty or holds what is no token, such as a space before the colon.
    #[error("a field's name is malformed")]
    Name,
    /// The head is longer than a proxy need read.
    #[error("the head is too long")]
    HeadTooLong,
    /// `Content-Length` beside `Transfer-Encoding` (RFC 9112 §6.1).
    #[error("both Content-Length and Transfer-Encoding")]
    BothLengths,
    /// Two lengths that differ, or one that is no number.
    #[error("Content-Length is no single number")]
    Length,
    /// A coding beside or instead of `chunked`, twice `chunked`, or one in HTTP/1.0.
    #[error("a transfer coding that is not plain chunked")]
    Coding,
    /// A tunnel is asked for with a body, whose bytes would be the tunnel's first.
    #[error("CONNECT with a body")]
    ConnectBody,
    /// A chunk's size is malformed.
    #[error("a chunk's size is malformed")]
    ChunkSize,
    /// Chunk extensions or trailers beyond all use.
    #[error("too much between the chunks")]
    ChunkExtra,
}

/// The state between two bytes of a connection.
#[derive(Debug)]
pub struct Watch(State);

#[derive(Debug)]
enum State {
    Head(Head),
    /// Bytes of body left.
    Body(u64),
    Chunked(Chunks),
    /// CONNECT: what follows is not HTTP.
    Tunnel,
    Refused(Refused),
}

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Nothing,
    Length(u64),
    Chunked,
    Tunnel,
}

impl Default for Watch {
    fn default() -> Self {
        Self(State::Head(Head::default()))
    }
}

impl Watch {
    /// Did a byte come that could not stand?
    pub fn has_refused(&self) -> bool {
        matches!(self.0, State::Refused(_))
    }

    /// Looks at bytes that came; the first that cannot stand, by its place, and why. Once refused,
    /// every later byte is.
    pub fn see(&mut self, bytes: &[u8]) -> Result<(), (usize, Refused)> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let seen = match &mut self.0 {
                State::Refused(why) => return Err((at, *why)),
                State::Tunnel => return Ok(()),
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= here as u64;
                    Ok((here, (*left == 0).then_some(Next::Nothing)))
                }
                State::Chunked(chunks) => {
                    chunks.see(rest).map(|(here, done)| (here, done.then_some(Next::Nothing)))
                }
                State::Head(head) => head.see(rest),
            };
            match seen {
                Ok((here, next)) => {
                    at += here;
                    if let Some(next) = next {
                        self.0 = State::after(next);
                    }
                }
                Err((here, why)) => {
                    self.0 = State::Refused(why);
                    return Err((at + here, why));
                }
            }
        }
        Ok(())
    }
}

impl State {
    fn after(next: Next) -> Self {
        match next {
            Next::Nothing | Next::Length(0) => Self::Head(Head::default()),
            Next::Length(length) => Self::Body(length),
            Next::Chunked => Self::Chunked(Chunks::default()),
            Next::Tunnel => Self::Tunnel,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Refused::*, *};

    fn seen(text: &str) -> Result<(), Refused> {
        Watch::default().see(text.as_bytes()).map_err(|(_, why)| why)
    }

    const HOST: &str = "GET http://a/ HTTP/1.1\r\nHost: a\r\n";

    #[test]
    fn what_browsers_send_passes_one_message_after_the_other() {
        let get = format!("{HOST}Accept: */*\r\nX:\r\nCookie: a=b; c=\"d\"\r\n\r\n");
        let sized = "POST http://a/ HTTP/1.1\r\nContent-Length: 11\r\n\r\nHTTP\n\r\n\0 :x";
        let chunked = "PUT http://a/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n\
                       3;a=b\r\n\0\r\n\r\n00A\r\n0123456789\r\n0\r\nDigest: x\r\n\r\n";
        let equal = "POST http://a/ HTTP/1.1\r\nContent-Length: 1\r\ncontent-length: 1\r\n\r\nx";
        let text = [&get, sized, chunked, equal, &get, "\r\n", &get].concat();
        assert_eq!(seen(&text), Ok(()));
        let tunnel = "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n\0\n\0 anything";
        assert_eq!(seen(&[&get, tunnel].concat()), Ok(()));
    }

    #[test]
    fn shapes_of_request_smuggling_are_refused_for_what_they_are() {
        for (fields, why) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", BothLengths),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n", BothLengths),
            ("Content-Length: 3\r\nContent-Length: 4\r\n\r\n", Length),
            ("Content-Length: 3, 4\r\n\r\n", Length),
            ("Content-Length: +3\r\n\r\n", Length),
            ("Content-Length: 0x3\r\n\r\n", Length),
            ("Content-Length:\r\n\r\n", Length),
            ("Content-Length: 99999999999999999999\r\n\r\n", Length),
            ("Transfer-Encoding: chunked, identity\r\n\r\n", Coding),
            ("Transfer-Encoding: gzip, chunked\r\n\r\n", Coding),
            ("Transfer-Encoding: identity\r\n\r\n", Coding),
            ("Transfer-Encoding: \x0bchunked\r\n\r\n", Control),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", Coding),
            ("Transfer-Encoding : chunked\r\n\r\n", Name),
            ("Content-Length : 3\r\n\r\n", Name),
            (": x\r\n\r\n", Name),
            ("X y: x\r\n\r\n", Name),
            ("X\r\n\r\n", Name),
            ("X: a\r\n b\r\n\r\n", Fold),
            ("X: a\r\n\tb\r\n\r\n", Fold),
            ("X: a\nY: b\r\n\r\n", LineEnd),
            ("X: a\rY: b\r\n\r\n", LineEnd),
            ("X: a\r\r\n\r\n", LineEnd),
            ("X: a\0b\r\n\r\n", Control),
            ("X\0: a\r\n\r\n", Name),
            ("X: a\r\n\n", LineEnd),
        ] {
            assert_eq!(seen(&format!("{HOST}{fields}")), Err(why), "{fields:?}");
        }
        let old = "POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(seen(old), Err(Coding));
        let body = "CONNECT a:443 HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
        assert_eq!(seen(body), Err(ConnectBody));
        assert_eq!(seen(" GET / HTTP/1.1\r\n\r\n"), Err(Fold));
        assert_eq!(seen("GET / HTTP/1.1\n\n"), Err(LineEnd));
        assert_eq!(seen("GET /\0 HTTP/1.1\r\n\r\n"), Err(Control));
    }

    #[test]
    fn what_comes_between_chunks_is_bounded_and_well_formed() {
        let chunked = format!("{HOST}Transfer-Encoding: chunked\r\n\r\n");
        for (body, why) in [
            ("\r\n", ChunkSize),
            ("x\r\n", ChunkSize),
            ("-1\r\n", ChunkSize),
            ("3 \r\nabc\r\n", ChunkSize),
            ("11111111111111111\r\n", ChunkSize),
            ("3\nabc\r\n", LineEnd),
            ("3\r\nabcd", LineEnd),
            ("3\r\nabc\n", LineEnd),
            ("3;a\nb\r\nabc\r\n", LineEnd),
            ("0\r\n\n", LineEnd),
            ("0\r\nX: a\n\r\n", LineEnd),
            ("0\r\n X: a\r\n\r\n", Fold),
            ("0\r\nX: \0\r\n\r\n", Control),
            ("3;\0\r\nabc\r\n", Control),
        ] {
            assert_eq!(seen(&format!("{chunked}{body}")), Err(why), "{body:?}");
        }
        let flood = format!("{chunked}{}", "1;xxxxxxxxxxxxxxxx\r\na\r\n".repeat(1000));
        assert_eq!(seen(&flood), Err(ChunkExtra));
        let trailers = format!("{chunked}0\r\n{}", "A: b\r\n".repeat(4000));
        assert_eq!(seen(&trailers), Err(ChunkExtra));
        let long = format!("{HOST}X: {}\r\n\r\n", "a".repeat(100_000));
        assert_eq!(seen(&long), Err(HeadTooLong));
    }

    proptest! {
        #[test]
        fn where_the_bytes_are_cut_changes_nothing(
            pieces in proptest::collection::vec(
                prop_oneof![
                    Just(format!("{HOST}\r\n")), Just("\r\n".to_owned()), Just("3\r\nabc\r\n".to_owned()),
                    Just("POST http://a/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()),
                    Just("POST http://a/ HTTP/1.1\r\nContent-Length: 7\r\n\r\n".to_owned()),
                    Just("0\r\n\r\n".to_owned()), "[ -~\r\n]{0,12}",
                ],
                0..8,
            ),
            cut in 1usize..9,
        ) {
            let text = pieces.concat();
            let whole = Watch::default().see(text.as_bytes());
            let mut watch = Watch::default();
            let mut at = 0;
            let mut in_parts = Ok(());
            for part in text.as_bytes().chunks(cut) {
                if let Err((here, why)) = watch.see(part) {
                    in_parts = Err((at + here, why));
                    break;
                }
                at += part.len();
            }
            prop_assert_eq!(whole, in_parts);
        }
    }
}
