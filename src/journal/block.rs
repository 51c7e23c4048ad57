//! Rows to columns and back: what is sealed is a row of blocks like these.
//!
//! A block of connections is: the number of rows; the first moment (milliseconds since 1970), then
//! each one's step from the one before, in the order in which they came; how long each lasted; who
//! (address, session, profile) as a dictionary and a column of ranks; the device's port, as its step
//! from the same device's port before; whereto (name, address, port) as a dictionary and ranks; bytes
//! up; bytes down; verdict; doubt. One of refusals: rows, moments, pseudonyms, and (profile,
//! category, domain) as a dictionary and ranks; doubt.

use std::{collections::HashMap, net::IpAddr, net::SocketAddr, sync::Arc};

use jiff::Timestamp;

use super::{
    columns::{Columns, Parts, ranked, unzigzag, zigzag},
    record::{Record, Refused, Verdict},
};

/// Rows of one block.
pub const MAX_ROWS: usize = 1 << 16;

/// Why a block cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends too early.
    #[error("a block ends before its last column")]
    Short,
    /// It goes on after its last row, or a column has more than there are rows.
    #[error("a column is longer than it should be")]
    Long,
    /// A number out of its bounds.
    #[error("a number is out of its bounds")]
    Number,
    /// No UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// No deflate stream.
    #[error("a column cannot be unpacked")]
    Packing,
}

/// Columns of connections.
pub fn pack_records(rows: &[Record]) -> Vec<u8> {
    let mut to = Columns::default();
    pack_moments(&mut to, rows.iter().map(|row| row.at));
    to.numbers(&rows.iter().map(|row| u64::from(row.lasted)).collect::<Vec<_>>());
    let (who, at) = ranked(
        rows.iter().map(|row| (row.device.ip(), row.session.as_deref(), row.profile.as_deref())),
    );
    to.number(who.len() as u64);
    to.addresses(who.iter().map(|who| Some(who.0)));
    to.texts(who.iter().map(|who| who.1));
    to.texts(who.iter().map(|who| who.2));
    to.numbers(&at);
    let mut last = HashMap::new();
    let ports = rows.iter().map(|row| {
        let before = last.insert(row.device.ip(), row.device.port()).unwrap_or_default();
        u64::from(row.device.port().wrapping_sub(before))
    });
    to.numbers(&ports.collect::<Vec<_>>());
    let (places, at) =
        ranked(rows.iter().map(|row| (row.name.as_deref(), row.destination, row.port)));
    to.number(places.len() as u64);
    to.texts(places.iter().map(|place| place.0));
    to.addresses(places.iter().map(|place| place.1));
    to.numbers(&places.iter().map(|place| u64::from(place.2)).collect::<Vec<_>>());
    to.numbers(&at);
    to.numbers(&rows.iter().map(|row| row.up).collect::<Vec<_>>());
    to.numbers(&rows.iter().map(|row| row.down).collect::<Vec<_>>());
    to.numbers(&rows.iter().map(|row| row.verdict as u64).collect::<Vec<_>>());
    to.numbers(&rows.iter().map(|row| u64::from(row.doubt)).collect::<Vec<_>>());
    to.into_bytes()
}

/// The reverse of [`pack_records`].
pub fn unpack_records(bytes: &[u8]) -> Result<Vec<Record>, Malformed> {
    let mut from = Parts(bytes);
    let moments = unpack_moments(&mut from)?;
    let rows = moments.len();
    let lasted = from.numbers(rows)?;
    let count = dictionary(&mut from, rows)?;
    let addresses = from.addresses(count)?;
    let (sessions, profiles) = (shared(from.texts(count)?), shared(from.texts(count)?));
    let who = from.numbers(rows)?;
    let ports = from.numbers(rows)?;
    let count = dictionary(&mut from, rows)?;
    let (names, at) = (shared(from.texts(count)?), from.addresses(count)?);
    let at_port = from.numbers(count)?;
    let places = from.numbers(rows)?;
    let (up, down) = (from.numbers(rows)?, from.numbers(rows)?);
    let (verdicts, doubts) = (from.numbers(rows)?, from.numbers(rows)?);
    ended(&from)?;
    let mut last: HashMap<IpAddr, u16> = HashMap::new();
    let row = |row: usize| {
        let (who, place) = (rank(who[row])?, rank(places[row])?);
        let address = addresses.get(who).copied().flatten().ok_or(Malformed::Number)?;
        let before = last.get(&address).copied().unwrap_or_default();
        let port = u16::try_from(ports[row]).map_err(|_| Malformed::Number)?.wrapping_add(before);
        last.insert(address, port);
        Ok(Record {
            at: moments[row],
            lasted: u32::try_from(lasted[row]).map_err(|_| Malformed::Number)?,
            device: SocketAddr::new(address, port),
            session: sessions[who].clone(),
            profile: profiles[who].clone(),
            destination: at.get(place).copied().ok_or(Malformed::Number)?,
            port: u16::try_from(at_port[place]).map_err(|_| Malformed::Number)?,
            name: names[place].clone(),
            up: up[row],
            down: down[row],
            verdict: Verdict::of_number(verdicts[row]).ok_or(Malformed::Number)?,
            doubt: doubts[row] == 1,
        })
    };
    (0..rows).map(row).collect()
}

/// Columns of refusals.
pub fn pack_refused(rows: &[Refused]) -> Vec<u8> {
    let mut to = Columns::default();
    pack_moments(&mut to, rows.iter().map(|row| row.at));
    let (devices, at) = ranked(rows.iter().map(|row| row.pseudonym));
    to.number(devices.len() as u64);
    to.numbers(&devices);
    to.numbers(&at);
    let what = |row: &Refused| (row.profile.clone(), row.category.clone(), row.domain.clone());
    let told: Vec<_> = rows.iter().map(what).collect();
    let told = told.iter().map(|one| (one.0.as_deref(), one.1.as_deref(), &*one.2));
    let (what, at) = ranked(told);
    to.number(what.len() as u64);
    to.texts(what.iter().map(|one| one.0));
    to.texts(what.iter().map(|one| one.1));
    to.texts(what.iter().map(|one| Some(one.2)));
    to.numbers(&at);
    to.numbers(&rows.iter().map(|row| u64::from(row.doubt)).collect::<Vec<_>>());
    to.into_bytes()
}

/// The reverse of [`pack_refused`].
pub fn unpack_refused(bytes: &[u8]) -> Result<Vec<Refused>, Malformed> {
    let mut from = Parts(bytes);
    let moments = unpack_moments(&mut from)?;
    let rows = moments.len();
    let count = dictionary(&mut from, rows)?;
    let (devices, device) = (from.numbers(count)?, from.numbers(rows)?);
    let count = dictionary(&mut from, rows)?;
    let (profiles, categories) = (shared(from.texts(count)?), shared(from.texts(count)?));
    let domains = shared(from.texts(count)?);
    let what = from.numbers(rows)?;
    let doubts = from.numbers(rows)?;
    ended(&from)?;
    let row = |row: usize| {
        let what = rank(what[row])?;
        let domain = domains.get(what).cloned().flatten().ok_or(Malformed::Number)?;
        Ok(Refused {
            at: moments[row],
            pseudonym: *devices.get(rank(device[row])?).ok_or(Malformed::Number)?,
            profile: profiles[what].clone(),
            category: categories[what].clone(),
            domain,
            doubt: doubts[row] == 1,
        })
    };
    (0..rows).map(row).collect()
}

fn pack_moments(to: &mut Columns, moments: impl Iterator<Item = Timestamp>) {
    let moments: Vec<i64> = moments.map(Timestamp::as_millisecond).collect();
    let first = moments.first().copied().unwrap_or(0);
    to.number(moments.len() as u64);
    to.number(zigzag(first));
    let before = std::iter::once(&first).chain(&moments);
    // A clock that was put back makes a step back, and nothing else.
    let steps = moments.iter().zip(before).map(|(now, before)| zigzag(now - before));
    to.numbers(&steps.collect::<Vec<_>>());
}

fn unpack_moments(from: &mut Parts<'_>) -> Result<Vec<Timestamp>, Malformed> {
    let rows = usize::try_from(from.number()?).map_err(|_| Malformed::Number)?;
    if rows > MAX_ROWS {
        return Err(Malformed::Number);
    }
    let mut now = unzigzag(from.number()?);
    let steps = from.numbers(rows)?;
    let moment = |step: u64| {
        now = now.checked_add(unzigzag(step)).ok_or(Malformed::Number)?;
        Timestamp::from_millisecond(now).map_err(|_| Malformed::Number)
    };
    steps.into_iter().map(moment).collect()
}

/// Entries of a dictionary: never more than rows.
fn dictionary(from: &mut Parts<'_>, rows: usize) -> Result<usize, Malformed> {
    let count = usize::try_from(from.number()?).map_err(|_| Malformed::Number)?;
    if count <= rows { Ok(count) } else { Err(Malformed::Number) }
}

fn rank(number: u64) -> Result<usize, Malformed> {
    usize::try_from(number).map_err(|_| Malformed::Number)
}

fn shared(texts: Vec<Option<String>>) -> Vec<Option<Arc<str>>> {
    texts.into_iter().map(|text| text.map(Arc::from)).collect()
}

fn ended(from: &Parts<'_>) -> Result<(), Malformed> {
    if from.0.is_empty() { Ok(()) } else { Err(Malformed::Long) }
}
