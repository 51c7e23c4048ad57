//! A chunked body, byte by byte (RFC 9112 §7.1).

use super::{head::is_token, watch::Refused};

/// Hexadecimal digits of a size.
const MAX_DIGITS: u8 = 15;
/// Bytes of extensions and trailers of one body, together: nobody uses them.
const MAX_EXTRA_BYTES: usize = 8 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
}

#[derive(Debug)]
pub struct Chunks {
    place: Place,
    digits: u8,
    left: u64,
    extra: usize,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { place: Place::Size, digits: 0, left: 0, extra: 0 }
    }
}

impl Chunks {
    /// Bytes taken, and is the body over?
    pub fn see(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, Refused)> {
        let mut at = 0;
        while at < bytes.len() {
            if self.place == Place::Data {
                let here = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len() - at);
                self.left -= here as u64;
                at += here;
                if self.left == 0 {
                    self.place = Place::DataCr;
                }
                continue;
            }
            let over = self.byte(bytes[at]).map_err(|why| (at, why))?;
            at += 1;
            if over {
                return Ok((at, true));
            }
        }
        Ok((at, false))
    }

    fn byte(&mut self, byte: u8) -> Result<bool, Refused> {
        self.place = match (self.place, byte) {
            (Place::EndLf, b'\n') => return Ok(true),
            (Place::Size, _) => self.of_size(byte)?,
            (Place::SizeLf, b'\n') if self.left == 0 => Place::TrailerStart,
            (Place::SizeLf, b'\n') => Place::Data,
            (Place::DataCr, b'\r') => Place::DataLf,
            (Place::DataLf, b'\n') => {
                self.digits = 0;
                Place::Size
            }
            (Place::Extension, b'\r') => Place::SizeLf,
            (Place::TrailerStart, b'\r') => Place::EndLf,
            (Place::TrailerValue, b'\r') => Place::TrailerLf,
            (Place::TrailerLf, b'\n') => Place::TrailerStart,
            (Place::TrailerStart, b' ' | b'\t') => return Err(Refused::Fold),
            (Place::Extension | Place::TrailerValue | Place::TrailerStart, b'\n')
            | (
                Place::DataCr | Place::DataLf | Place::SizeLf | Place::EndLf | Place::TrailerLf,
                _,
            ) => return Err(Refused::LineEnd),
            (Place::Extension | Place::TrailerValue, b'\t' | b' '..=b'~' | 0x80..) => self.place,
            (Place::TrailerName, b':') => Place::TrailerValue,
            (Place::TrailerStart | Place::TrailerName, _) if is_token(byte) => Place::TrailerName,
            (Place::TrailerStart | Place::TrailerName, _) => return Err(Refused::Name),
            _ => return Err(Refused::Control),
        };
        let counted = !matches!(
            self.place,
            Place::Size | Place::SizeLf | Place::Data | Place::DataLf | Place::EndLf
        );
        self.extra += usize::from(counted);
        if self.extra > MAX_EXTRA_BYTES { Err(Refused::ChunkExtra) } else { Ok(false) }
    }

    fn of_size(&mut self, byte: u8) -> Result<Place, Refused> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b';' if self.digits > 0 => return Ok(Place::Extension),
            b'\r' if self.digits > 0 => return Ok(Place::SizeLf),
            b'\n' => return Err(Refused::LineEnd),
            _ => return Err(Refused::ChunkSize),
        };
        if self.digits == MAX_DIGITS {
            return Err(Refused::ChunkSize);
        }
        self.left = if self.digits == 0 { 0 } else { self.left << 4 } | u64::from(digit);
        self.digits += 1;
        Ok(Place::Size)
    }
}
