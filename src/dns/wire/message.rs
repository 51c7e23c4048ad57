//! A message, read whole.

use super::{BadMessage, HEADER_BYTES, Kind, Name, Rcode, data, edns::Edns, write::Writer};

/// Records read of one message: far more than any that is of use.
const MAX_RECORDS: usize = 1000;

const IS_ANSWER: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const IS_TRUNCATED: u16 = 0x0200;
const WANTS_RECURSION: u16 = 0x0100;
const HAS_RECURSION: u16 = 0x0080;
const IS_AUTHENTIC: u16 = 0x0020;
const NO_CHECKING: u16 = 0x0010;
const LOW_RCODE: u16 = 0x000f;

/// The second word of a header (RFC 1035 §4.1.1, RFC 4035 §3.2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags(pub u16);

impl Flags {
    /// QR: is it an answer?
    pub fn is_answer(self) -> bool {
        self.0 & IS_ANSWER != 0
    }

    /// Opcode; 0 is a question.
    pub fn opcode(self) -> u8 {
        u8::try_from((self.0 & OPCODE) >> 11).unwrap_or(u8::MAX)
    }

    /// TC: was it cut to fit?
    pub fn is_truncated(self) -> bool {
        self.0 & IS_TRUNCATED != 0
    }

    /// RD: is the resolver to look further?
    pub fn wants_recursion(self) -> bool {
        self.0 & WANTS_RECURSION != 0
    }

    /// AD: did the resolver check its signatures?
    pub fn is_authentic(self) -> bool {
        self.0 & IS_AUTHENTIC != 0
    }

    /// CD: is it wanted unchecked?
    pub fn no_checking(self) -> bool {
        self.0 & NO_CHECKING != 0
    }

    /// Of a question for a resolver.
    pub fn question(no_checking: bool) -> Self {
        Self(WANTS_RECURSION | if no_checking { NO_CHECKING } else { 0 })
    }

    /// Of an answer to a question with these.
    #[must_use]
    pub fn answered(self, authentic: bool) -> Self {
        let kept = self.0 & (OPCODE | WANTS_RECURSION | NO_CHECKING);
        Self(IS_ANSWER | HAS_RECURSION | kept | if authentic { IS_AUTHENTIC } else { 0 })
    }

    /// The same, of a message that was cut.
    #[must_use]
    pub fn truncated(self) -> Self {
        Self(self.0 | IS_TRUNCATED)
    }
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question {
    /// Of whom.
    pub name: Name,
    /// Of what type.
    pub kind: Kind,
    /// In which class.
    pub class: u16,
}

/// A fact about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose.
    pub owner: Name,
    /// Of what type.
    pub kind: Kind,
    /// In which class.
    pub class: u16,
    /// Seconds that it holds.
    pub ttl: u32,
    /// What it says; names in it are uncompressed.
    pub data: Box<[u8]>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which question it belongs to.
    pub id: u16,
    /// What it is.
    pub flags: Flags,
    /// What it says of the question.
    pub rcode: Rcode,
    /// The question.
    pub question: Question,
    /// The facts asked for.
    pub answers: Vec<Record>,
    /// Who says so, or that there are none.
    pub authority: Vec<Record>,
    /// What may help further, without EDNS and signatures of the transaction.
    pub additional: Vec<Record>,
    /// EDNS.
    pub edns: Option<Edns>,
}

impl Message {
    /// Reads a message with one question: all that a resolver sends and gets.
    ///
    /// # Errors
    /// It is none.
    pub fn read(bytes: &[u8]) -> Result<Self, BadMessage> {
        let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(BadMessage::Short)?;
        let [id, flags, questions, counts @ ..] = words(header);
        if questions != 1 {
            return Err(BadMessage::Parts);
        }
        if counts.iter().map(|count| usize::from(*count)).sum::<usize>() > MAX_RECORDS {
            return Err(BadMessage::Many);
        }
        let (question, mut at) = question(bytes)?;
        let mut message = Self {
            id,
            flags: Flags(flags & !LOW_RCODE),
            rcode: Rcode(flags & LOW_RCODE),
            question,
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            edns: None,
        };
        for (section, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                let record;
                (record, at) = read_record(bytes, at)?;
                message.take(section, record)?;
            }
        }
        // What comes after the message is not looked at: it means nothing to anybody.
        Ok(message)
    }

    /// The flags of a message that the box has made, without reading the rest.
    pub fn read_flags(bytes: &[u8]) -> Flags {
        let flags = bytes.get(2..4).and_then(|flags| flags.first_chunk());
        Flags(flags.map_or(0, |flags| u16::from_be_bytes(*flags)) & !LOW_RCODE)
    }

    fn take(&mut self, section: usize, record: Record) -> Result<(), BadMessage> {
        match (section, record.kind) {
            (2, Kind::OPT) if self.edns.is_none() && record.owner == Name::root() => {
                let edns = Edns::read(record.class, record.ttl, &record.data)?;
                self.rcode = Rcode(self.rcode.0 | u16::from(edns.high_rcode) << 4);
                self.edns = Some(edns);
            }
            (_, Kind::OPT) => return Err(BadMessage::Parts),
            // Nobody shares a key with the box.
            (2, Kind::TSIG) => {}
            (0, _) => self.answers.push(record),
            (1, _) => self.authority.push(record),
            _ => self.additional.push(record),
        }
        Ok(())
    }

    /// A question for a resolver.
    pub fn ask(id: u16, question: Question, no_checking: bool, edns: Edns) -> Self {
        let mut message = Self::empty(id, question);
        message.flags = Flags::question(no_checking);
        message.edns = Some(edns);
        message
    }

    /// An answer without records.
    pub fn answer_to(asked: &Self, rcode: Rcode) -> Self {
        let mut message = Self::empty(asked.id, asked.question.clone());
        message.flags = asked.flags.answered(false);
        message.rcode = rcode;
        message
    }

    fn empty(id: u16, question: Question) -> Self {
        Self {
            id,
            flags: Flags::default(),
            rcode: Rcode::NO_ERROR,
            question,
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            edns: None,
        }
    }

    /// The message in at most `most` bytes: one that has more is cut to its question (RFC 2181 §9),
    /// and says so.
    pub fn write(&self, most: usize) -> Vec<u8> {
        let whole = self.written();
        if whole.len() <= most {
            return whole;
        }
        let mut cut = Self::empty(self.id, self.question.clone());
        (cut.flags, cut.rcode) = (self.flags.truncated(), self.rcode);
        cut.edns.clone_from(&self.edns);
        if let Some(edns) = &mut cut.edns {
            edns.reason = None;
        }
        cut.written()
    }

    fn written(&self) -> Vec<u8> {
        let Rcode(rcode) = self.rcode;
        let flags = self.flags.0 & !LOW_RCODE | rcode & LOW_RCODE;
        let extra = usize::from(self.edns.is_some());
        let counts = [self.answers.len(), self.authority.len(), self.additional.len() + extra];
        let mut writer = Writer::new(self.id, flags, counts);
        writer.question(&self.question);
        for record in self.answers.iter().chain(&self.authority).chain(&self.additional) {
            writer.record(record);
        }
        if let Some(edns) = &self.edns {
            let high = u8::try_from(rcode >> 4).unwrap_or(u8::MAX);
            writer.opt(&Edns { high_rcode: high, ..edns.clone() });
        }
        writer.into_bytes()
    }
}

/// The word of 16 bits that starts at `at` of bytes known to be there.
fn word(bytes: &[u8], at: usize) -> u16 {
    let word = bytes.get(at..).and_then(|rest| rest.first_chunk());
    word.map_or(0, |word| u16::from_be_bytes(*word))
}

fn words(header: &[u8; HEADER_BYTES]) -> [u16; 6] {
    [0, 2, 4, 6, 8, 10].map(|at| word(header, at))
}

fn question(bytes: &[u8]) -> Result<(Question, usize), BadMessage> {
    let (name, at) = Name::read(bytes, HEADER_BYTES)?;
    let rest = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    let rest = rest.ok_or(BadMessage::Short)?;
    let (kind, class) = (Kind(word(rest, 0)), word(rest, 2));
    Ok((Question { name, kind, class }, at + 4))
}

fn read_record(bytes: &[u8], at: usize) -> Result<(Record, usize), BadMessage> {
    let (owner, at) = Name::read(bytes, at)?;
    let rest = bytes.get(at..).and_then(|rest| rest.first_chunk::<10>());
    let fixed = rest.ok_or(BadMessage::Short)?;
    let (kind, class, length) = (Kind(word(fixed, 0)), word(fixed, 2), word(fixed, 8).into());
    let ttl = u32::from(word(fixed, 4)) << 16 | u32::from(word(fixed, 6));
    let data = data::read(kind, bytes, at + 10, length)?;
    Ok((Record { owner, kind, class, ttl, data }, at + 10 + length))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
