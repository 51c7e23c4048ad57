//! Answer bodies: bytes in memory, slices of files, or both in a row.

use std::{fs::File, sync::Arc};

use bytes::Bytes;

/// One run of bytes of an answer.
#[derive(Debug, Clone)]
pub enum Segment {
    /// Already in memory.
    Bytes(Bytes),
    /// `len` bytes of `file` from `offset`; never read whole into memory.
    File {
        /// Shared by every reader of the package.
        file: Arc<File>,
        /// First byte.
        offset: u64,
        /// Number of bytes.
        len: u64,
    },
}

/// The body of every answer of the box.
#[derive(Debug)]
pub enum Body {
    /// Nothing.
    Empty,
    /// One buffer.
    Bytes(Bytes),
    /// Runs, in order (a package; gzip header + deflate stream + trailer).
    Segments(Vec<Segment>),
    /// A page made by axum.
    Page(axum::body::Body),
}
