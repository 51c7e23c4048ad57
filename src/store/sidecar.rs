//! The JSON file beside a blob: what it is, from where, since when.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{BlobId, StoreError, durable, layout::Layout};

/// Form of the sidecars this version writes.
pub const SIDECAR_SCHEMA: u16 = 1;
/// A larger sidecar is not one.
const MAX_SIDECAR_BYTES: u64 = 1 << 20;

/// What a package is, said by whoever brings it; kept in the sidecar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// Canonical identifier of the holding it belongs to.
    pub holding: String,
    /// Every identifier known for it, canonical one included.
    pub identifiers: Vec<String>,
    /// Title, for a shelf rebuilt with no catalogue at all.
    pub title: String,
    /// Publisher, likewise.
    pub publisher: Option<String>,
    /// Media type of the package, such as `application/epub+zip`.
    pub media_type: String,
    /// The source's version text (a `modified` date, an `ETag`, an order number); may be empty.
    pub version: String,
    /// Where it came from: an address without its query, or `import:` and a file name.
    pub origin: String,
}

impl Description {
    /// Every name of its holding when it came, the canonical one first. Which of them is canonical
    /// changes when another source comes to know the book: a package is a holding's when they
    /// share any.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.holding).chain(&self.identifiers).map(String::as_str)
    }
}

/// The JSON file beside a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sidecar {
    /// Version of this form; 1.
    pub schema: u16,
    /// Name of the blob.
    pub blob: BlobId,
    /// Its size in bytes.
    pub size: u64,
    /// When it was stored.
    pub stored_at: Timestamp,
    /// What it is.
    #[serde(flatten)]
    pub description: Description,
}

impl Sidecar {
    /// Versions of one package share this: a newer one replaces an older one.
    pub(super) fn line(&self) -> (&str, &str) {
        (&self.description.holding, &self.description.media_type)
    }
}

/// Reads a sidecar; `None` when there is none or it says nothing of use for this blob.
pub fn read(layout: &Layout, blob: &BlobId) -> Result<Option<Sidecar>, StoreError> {
    let path = layout.sidecar(blob);
    let bytes = match durable::read_small(&path, MAX_SIDECAR_BYTES) {
        Err(StoreError::Io { source, .. }) if source.kind() == std::io::ErrorKind::FileTooLarge => {
            return Ok(None);
        }
        bytes => bytes?,
    };
    let Some(sidecar) = bytes.and_then(|b| serde_json::from_slice::<Sidecar>(&b).ok()) else {
        return Ok(None);
    };
    if sidecar.schema > SIDECAR_SCHEMA {
        let (found, known) = (sidecar.schema.into(), SIDECAR_SCHEMA.into());
        return Err(StoreError::Newer { path, found, known });
    }
    Ok((sidecar.blob == *blob).then_some(sidecar))
}

/// Writes a sidecar, durably.
pub fn write(layout: &Layout, sidecar: &Sidecar) -> Result<(), StoreError> {
    let path = layout.sidecar(&sidecar.blob);
    durable::make_folder(durable::parent(&path))?;
    durable::replace(&path, &layout.draft(), &to_json(sidecar, &path)?)
}

/// The JSON of a record that this program made itself.
pub fn to_json<T: Serialize>(value: &T, path: &std::path::Path) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec_pretty(value).map_err(|e| StoreError::io("write", path)(e.into()))
}
