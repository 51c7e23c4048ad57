//! Is this message the answer to that question? Pure. Whoever forges one must guess the port, the
//! id, the case of each letter (0x20, draft-vixie-dnsext-dns0x20) and the cookie (RFC 7873).

use hickory_proto::{
    op::{Header, Message, MessageType, Metadata, OpCode, Query, ResponseCode},
    rr::RecordType,
    serialize::binary::BinDecodable as _,
};

use super::super::wire::{self, BadMessage};

/// A question as it was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its number.
    pub id: u16,
    /// In the letters that were sent.
    pub question: Query,
    /// The box's part of the cookie.
    pub cookie: [u8; 8],
    /// Did this resolver send cookies before?
    pub knows_cookies: bool,
    /// With EDNS?
    pub edns: bool,
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
    /// A resolver that knows no EDNS: it is to be asked without.
    NoEdns,
    /// Somebody's forgery, or a resolver that does not repeat what it is asked: not to be believed,
    /// and waited beyond.
    Foreign,
}

/// Reads what came by UDP for a question.
pub fn came(bytes: &[u8], sent: &Sent) -> Came {
    match read(bytes, sent) {
        Ok(came) => came,
        // Old resolvers answer with the header alone (RFC 1035 §7.3 wants more).
        Err(_) if Header::from_bytes(bytes).is_ok_and(|one| finds_fault(&one.metadata, sent)) => {
            Came::NoEdns
        }
        // Cut without saying so, or broken: TCP brings it whole, or fails.
        Err(_) if bytes.first_chunk() == Some(&sent.id.to_be_bytes()) => Came::Cut,
        Err(_) => Came::Foreign,
    }
}

fn read(bytes: &[u8], sent: &Sent) -> Result<Came, BadMessage> {
    let message = wire::read(bytes)?;
    let is_same = |asked: &Query| asked.name.eq_case(&sent.question.name);
    if !is_reply(&message, sent) || !message.queries.first().is_some_and(is_same) {
        return Ok(Came::Foreign);
    }
    match wire::cookie(&message) {
        Some(cookie) if cookie.first_chunk() != Some(&sent.cookie) => return Ok(Came::Foreign),
        // RFC 7873 §5.3: who sent cookies before sends them always.
        None if sent.knows_cookies => return Ok(Came::Foreign),
        Some(cookie) if message.metadata.response_code == ResponseCode::BADCOOKIE => {
            return Ok(Came::OtherCookie(cookie.to_vec()));
        }
        _ => {}
    }
    if message.edns.is_none() && finds_fault(&message.metadata, sent) {
        return Ok(Came::NoEdns);
    }
    if message.metadata.truncation {
        return Ok(Came::Cut);
    }
    Ok(Came::Answer(Box::new(message)))
}

/// RFC 6891 §7: does who answers take EDNS for a fault? Nobody does who sent cookies, which are EDNS.
fn finds_fault(metadata: &Metadata, sent: &Sent) -> bool {
    metadata.response_code == ResponseCode::FormErr
        && metadata.message_type == MessageType::Response
        && metadata.id == sent.id
        && sent.edns
        && !sent.knows_cookies
}

/// The same of what came on a connection, where nobody else can send: letters may be as they will.
///
/// # Errors
/// The bytes are no message.
pub fn came_connected(bytes: &[u8], sent: &Sent) -> Result<Option<Message>, BadMessage> {
    let message = wire::read(bytes)?;
    // Nothing is left to cut for: who does so on a connection has no whole answer.
    let is_whole = is_reply(&message, sent) && !message.metadata.truncation;
    Ok(is_whole.then_some(message))
}

fn is_reply(message: &Message, sent: &Sent) -> bool {
    // Names are the same in whatever letters.
    message.queries.first() == Some(&sent.question)
        && message.metadata.id == sent.id
        && message.metadata.message_type == MessageType::Response
        && message.metadata.op_code == OpCode::Query
}

/// The message that is sent; `server` is the resolver's part of the cookie, once known.
pub fn to_send(sent: &Sent, server: &[u8], (signatures, no_checking): (bool, bool)) -> Message {
    let cookie = Some([&sent.cookie[..], server].concat());
    let mut message = wire::ask(sent.id, sent.question.clone(), no_checking);
    // RFC 6840 §5.7: it is to say whether it checked signatures, whoever wants to see them.
    message.metadata.authentic_data = true;
    message.edns = sent.edns.then(|| wire::edns(signatures, cookie, None));
    message
}

/// Are questions of this type sent on at all?
pub fn is_forwarded(kind: RecordType) -> bool {
    kind != RecordType::ZERO && !wire::is_meta(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::testing::{bytes, question, record};

    fn sent(knows_cookies: bool) -> Sent {
        let question = question("wWw.eXample", RecordType::A);
        Sent { id: 77, question, cookie: *b"8 bytes!", knows_cookies, edns: true }
    }

    fn reply(change: impl Fn(&mut Message)) -> Vec<u8> {
        let asked = to_send(&sent(false), &[], (false, false));
        let mut reply = wire::answer_to(&asked, ResponseCode::NoError);
        reply.answers = vec![record("wWw.eXample", RecordType::A, &[192, 0, 2, 1], 60)];
        reply.edns = Some(wire::edns(false, Some(b"8 bytes!12345678".to_vec()), None));
        change(&mut reply);
        bytes(&reply)
    }

    #[test]
    fn the_answer_is_taken_and_every_forgery_passed_over() {
        assert!(matches!(came(&reply(|_| {}), &sent(true)), Came::Answer(_)));
        let no_edns = reply(|reply| reply.edns = None);
        assert!(matches!(came(&no_edns, &sent(false)), Came::Answer(_)));
        let forgeries: [fn(&mut Message); 6] = [
            |reply| reply.metadata.id = 78,
            |reply| reply.queries[0].name = reply.queries[0].name.to_lowercase(),
            |reply| reply.queries[0].query_type = RecordType::AAAA,
            |reply| reply.metadata.message_type = MessageType::Query,
            |reply| reply.edns = Some(wire::edns(false, Some(vec![7; 16]), None)),
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
        let cut = reply(|reply| reply.metadata.truncation = true);
        assert_eq!(came(&cut, &sent(true)), Came::Cut);
        let whole = reply(|_| {});
        assert_eq!(came(&whole[..whole.len() - 3], &sent(true)), Came::Cut);
        // On the connection, its letters do not matter; all else does.
        let lower = reply(|reply| reply.queries[0].name = reply.queries[0].name.to_lowercase());
        assert!(came_connected(&lower, &sent(true)).unwrap().is_some());
        let other = reply(|reply| reply.metadata.id = 1);
        assert!(came_connected(&other, &sent(true)).unwrap().is_none());
        assert!(came_connected(&whole[..20], &sent(true)).is_err());
    }

    #[test]
    fn a_resolver_that_wants_another_cookie_gives_it() {
        let bad = reply(|reply| reply.metadata.response_code = ResponseCode::BADCOOKIE);
        let expected = Came::OtherCookie(b"8 bytes!12345678".to_vec());
        assert_eq!(came(&bad, &sent(true)), expected);
    }
}
