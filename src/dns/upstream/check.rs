//! Is this message the answer to that question? Pure. Whoever forges one must guess the port, the
//! id, the case of each letter (0x20, draft-vixie-dnsext-dns0x20) and the cookie (RFC 7873).

use super::super::wire::{BadMessage, Edns, Kind, Message, Question, Rcode};

/// A question as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its number.
    pub id: u16,
    /// In the letters that were sent.
    pub question: Question,
    /// The box's part of the cookie.
    pub cookie: [u8; 8],
    /// Did this resolver send cookies before?
    pub knows_cookies: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Came {
    /// The answer.
    Answer(Box<Message>),
    /// The answer, cut: it is to be asked for by TCP.
    Cut,
    /// An answer that calls for another cookie (RFC 7873 §5.3), which it brings.
    OtherCookie(Vec<u8>),
    /// Somebody's forgery, or a resolver that does not repeat what it is asked: not to be believed,
    /// and waited beyond.
    Foreign,
}

/// Reads what came by UDP for a question.
pub fn came(bytes: &[u8], sent: &Sent) -> Came {
    match read(bytes, sent) {
        Ok(came) => came,
        // Cut without saying so, or broken: TCP brings it whole, or fails.
        Err(_) if bytes.first_chunk() == Some(&sent.id.to_be_bytes()) => Came::Cut,
        Err(_) => Came::Foreign,
    }
}

fn read(bytes: &[u8], sent: &Sent) -> Result<Came, BadMessage> {
    let message = Message::read(bytes)?;
    if !is_reply(&message, sent) || message.question != sent.question {
        return Ok(Came::Foreign);
    }
    let cookie = message.edns.as_ref().and_then(|edns| edns.cookie.as_deref());
    match cookie {
        Some(cookie) if cookie.first_chunk() != Some(&sent.cookie) => return Ok(Came::Foreign),
        // RFC 7873 §5.3: who sent cookies before sends them always.
        None if sent.knows_cookies => return Ok(Came::Foreign),
        Some(cookie) if message.rcode == Rcode::BAD_COOKIE => {
            return Ok(Came::OtherCookie(cookie.to_vec()));
        }
        _ => {}
    }
    if message.flags.is_truncated() {
        return Ok(Came::Cut);
    }
    Ok(Came::Answer(Box::new(message)))
}

/// The same of what came on a connection, where nobody else can send: letters may be as they will.
///
/// # Errors
/// The bytes are no message.
pub fn came_connected(bytes: &[u8], sent: &Sent) -> Result<Option<Message>, BadMessage> {
    let message = Message::read(bytes)?;
    let asked = &message.question;
    let same = asked.name.is(&sent.question.name)
        && (asked.kind, asked.class) == (sent.question.kind, sent.question.class);
    Ok((same && is_reply(&message, sent)).then_some(message))
}

fn is_reply(message: &Message, sent: &Sent) -> bool {
    message.id == sent.id && message.flags.is_answer() && message.flags.opcode() == 0
}

/// The message that is sent; `server` is the resolver's part of the cookie, once known.
pub fn to_send(sent: &Sent, server: &[u8], (signatures, no_checking): (bool, bool)) -> Message {
    let cookie = Some([&sent.cookie[..], server].concat());
    let edns = Edns { signatures, cookie, ..Edns::default() };
    Message::ask(sent.id, sent.question.clone(), no_checking, edns)
}

/// Are questions of this type sent on at all?
pub fn is_forwarded(kind: Kind) -> bool {
    kind.0 != 0 && !kind.is_meta()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::{
        testing::{question, record},
        wire::MAX_MESSAGE_BYTES,
    };

    fn sent(knows_cookies: bool) -> Sent {
        let question = question("wWw.eXample", Kind::A);
        Sent { id: 77, question, cookie: *b"8 bytes!", knows_cookies }
    }

    fn reply(change: impl Fn(&mut Message)) -> Vec<u8> {
        let mut reply = Message::answer_to(&to_send(&sent(false), &[], (false, false)), Rcode(0));
        reply.answers = vec![record("wWw.eXample", Kind::A, &[192, 0, 2, 1], 60)];
        reply.edns = Some(Edns { cookie: Some(b"8 bytes!12345678".to_vec()), ..Edns::default() });
        change(&mut reply);
        reply.write(MAX_MESSAGE_BYTES)
    }

    #[test]
    fn the_answer_is_taken_and_every_forgery_passed_over() {
        assert!(matches!(came(&reply(|_| {}), &sent(true)), Came::Answer(_)));
        let no_edns = reply(|reply| reply.edns = None);
        assert!(matches!(came(&no_edns, &sent(false)), Came::Answer(_)));
        let forgeries: [fn(&mut Message); 6] = [
            |reply| reply.id = 78,
            |reply| reply.question.name = reply.question.name.lower(),
            |reply| reply.question.kind = Kind::AAAA,
            |reply| reply.flags.0 &= 0x7fff,
            |reply| reply.edns = Some(Edns { cookie: Some(vec![7; 16]), ..Edns::default() }),
            |reply| reply.edns = None,
        ];
        for (number, forge) in forgeries.into_iter().enumerate() {
            assert_eq!(came(&reply(forge), &sent(true)), Came::Foreign, "{number}");
        }
        assert_eq!(came(b"", &sent(true)), Came::Foreign);
        assert_eq!(came(&[0; 600], &sent(true)), Came::Foreign);
    }

    #[test]
    fn what_was_cut_or_broken_is_asked_for_again_on_a_connection() {
        let cut = reply(|reply| reply.flags = reply.flags.truncated());
        assert_eq!(came(&cut, &sent(true)), Came::Cut);
        let whole = reply(|_| {});
        assert_eq!(came(&whole[..whole.len() - 3], &sent(true)), Came::Cut);
        // On the connection, its letters do not matter; all else does.
        let lower = reply(|reply| reply.question.name = reply.question.name.lower());
        assert!(came_connected(&lower, &sent(true)).unwrap().is_some());
        let other = reply(|reply| reply.id = 1);
        assert!(came_connected(&other, &sent(true)).unwrap().is_none());
        assert!(came_connected(&whole[..20], &sent(true)).is_err());
    }

    #[test]
    fn a_resolver_that_wants_another_cookie_gives_it() {
        let bad = reply(|reply| reply.rcode = Rcode::BAD_COOKIE);
        let expected = Came::OtherCookie(b"8 bytes!12345678".to_vec());
        assert_eq!(came(&bad, &sent(true)), expected);
    }
}
