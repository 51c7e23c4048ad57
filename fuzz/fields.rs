//! Header fields of any bytes, for the targets of the cache.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields that a proxy passes on at most.
const MAX_FIELDS: usize = 128;

/// `name: value`, a line each; what is no field is left out.
pub fn fields(bytes: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(MAX_FIELDS) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            fields.append(name, value);
        }
    }
    fields
}
