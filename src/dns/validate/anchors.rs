//! The keys that are trusted without being signed: the root's, or those of a file.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hickory_proto::dnssec::TrustAnchors;

use crate::config::data_file;

/// Bytes of a file of keys: each has a few hundred.
const MAX_BYTES: u64 = 64 * 1024;

/// The keys. Cheap to clone.
#[derive(Clone)]
pub struct Anchors(pub(super) Arc<TrustAnchors>);

impl fmt::Debug for Anchors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Anchors")
    }
}

/// Why a file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnchorsError {
    /// It cannot be read.
    #[error("dns.trust_anchors: {file}: {error} (text is expected, of at most 64 KiB)")]
    Io {
        /// The file.
        file: PathBuf,
        /// The system's word.
        error: io::Error,
    },
    /// It holds something else.
    #[error("dns.trust_anchors: {file}: {why}; expected: lines such as `. IN DNSKEY 257 3 13 …`")]
    Content {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The keys of a file of DNSKEY records; without one, the root's (IANA, 2018 and 2024). Blocking.
///
/// # Errors
/// It cannot be read, or holds no keys.
pub fn anchors(file: Option<&Path>) -> Result<Anchors, AnchorsError> {
    let Some(file) = file else { return Ok(Anchors(Arc::default())) };
    let io = |error| AnchorsError::Io { file: file.to_owned(), error };
    let text = data_file(file, MAX_BYTES).map_err(io)?;
    let content = |why: String| AnchorsError::Content { file: file.to_owned(), why };
    let anchors: TrustAnchors = text.parse().map_err(|error| content(format!("{error}")))?;
    let has_key = text.lines().any(|line| line.contains("DNSKEY"));
    if has_key {
        Ok(Anchors(Arc::new(anchors)))
    } else {
        Err(content("there is no key in it".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Anchors, AnchorsError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        anchors(Some(file.path()))
    }

    #[test]
    fn keys_are_read_and_all_else_is_said_to_be_wrong() {
        assert_eq!(anchors(None).unwrap().0.len(), 2);
        let key = "mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==";
        assert_eq!(of(&format!(". IN DNSKEY 257 3 13 {key}\n")).unwrap().0.len(), 1);
        for bad in ["", "hello\n", ". IN DNSKEY 257 3 13 !!\n", ". IN A 192.0.2.1\n"] {
            assert!(of(bad).unwrap_err().to_string().contains("dns.trust_anchors"), "{bad}");
        }
        assert!(of(&" ".repeat(70_000)).is_err());
        assert!(anchors(Some(Path::new("/nowhere"))).is_err());
    }
}
