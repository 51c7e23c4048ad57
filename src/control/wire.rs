//! Lines of JSON, bounded in length, both ways.

use std::io::{self, BufRead, Read as _};

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Longest request, in bytes with its line end.
pub const MAX_REQUEST_BYTES: usize = 64 << 10;
/// Longest reply, in bytes with its line end.
pub const MAX_REPLY_BYTES: usize = 1 << 20;

/// What may go wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The connection failed.
    #[error("the control socket failed: {0}")]
    Io(#[from] io::Error),
    /// The peer went away.
    #[error("the other end closed the control socket before its last word")]
    Closed,
    /// A line is longer than allowed.
    #[error("a line of more than {most} bytes on the control socket")]
    TooLong {
        /// Bytes allowed.
        most: usize,
    },
    /// A line says something else than expected.
    #[error("a line on the control socket is not understood ({0}): do both ends have one version?")]
    Words(#[from] serde_json::Error),
}

/// A value as a line.
pub fn line<T: Serialize>(value: &T, most: usize) -> Result<Vec<u8>, WireError> {
    let mut bytes = serde_json::to_vec(value)?;
    bytes.push(b'\n');
    if bytes.len() > most { Err(WireError::TooLong { most }) } else { Ok(bytes) }
}

/// The next line's value.
pub async fn read<T, R>(reader: &mut R, most: usize) -> Result<T, WireError>
where
    T: DeserializeOwned,
    R: AsyncBufRead + Unpin,
{
    let mut bytes = Vec::new();
    reader.take(most as u64).read_until(b'\n', &mut bytes).await?;
    value(&bytes, most)
}

/// The next line's value, waiting on this thread.
pub fn read_blocking<T, R>(reader: &mut R, most: usize) -> Result<T, WireError>
where
    T: DeserializeOwned,
    R: BufRead,
{
    let mut bytes = Vec::new();
    reader.take(most as u64).read_until(b'\n', &mut bytes)?;
    value(&bytes, most)
}

fn value<T: DeserializeOwned>(bytes: &[u8], most: usize) -> Result<T, WireError> {
    match bytes.strip_suffix(b"\n") {
        Some(line) => Ok(serde_json::from_slice(line)?),
        None if bytes.len() >= most => Err(WireError::TooLong { most }),
        None => Err(WireError::Closed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_whole_bounded_or_not_at_all() {
        let read = |text: &str, most| read_blocking::<Vec<u8>, _>(&mut text.as_bytes(), most);
        assert_eq!(read("[1,2]\n[3]\n", 64).unwrap(), [1, 2]);
        assert!(matches!(read("[1,2]\n", 5), Err(WireError::TooLong { most: 5 })));
        assert!(matches!(read("[1,2]", 64), Err(WireError::Closed)));
        assert!(matches!(read("[1,\n", 64), Err(WireError::Words(_))));
        assert!(matches!(line(&[1, 2], 5), Err(WireError::TooLong { .. })));
    }
}
