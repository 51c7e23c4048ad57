//! The entries of an open archive, in little memory: a box may have thousands open.

use std::{fs::File, sync::Arc};

use super::super::{media_type, path, resource::Resource};

/// Media types that a table tells apart; a package has some ten. The ending decides for more.
const MAX_MEDIA_TYPES: usize = 256;

/// One entry.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Row {
    /// First byte of its data.
    pub(super) offset: u64,
    pub(super) stored_len: u64,
    /// Bytes inflated.
    pub(in super::super) len: u64,
    pub(super) crc32: u32,
    /// Where its name is in the table's text.
    pub(super) name: (u32, u16),
    /// Which of the table's types, from 1; 0 is the one of its ending.
    media_type: u16,
    pub(super) deflated: bool,
}

impl Row {
    pub(super) fn new(offset: u64, sizes: (u64, u64), crc32: u32, deflated: bool) -> Self {
        let (stored_len, len) = sizes;
        Self { offset, stored_len, len, crc32, name: (0, 0), media_type: 0, deflated }
    }
}

/// The entries of an archive by path.
#[derive(Debug)]
pub(in super::super) struct Table {
    file: Arc<File>,
    /// All names, one after another.
    names: Box<str>,
    /// Sorted by name.
    rows: Box<[Row]>,
    media_types: Vec<Box<str>>,
}

impl Table {
    /// `rows` are sorted by the names that they point to.
    pub(super) fn new(file: Arc<File>, names: String, rows: Vec<Row>) -> Self {
        Self {
            file,
            names: names.into_boxed_str(),
            rows: rows.into_boxed_slice(),
            media_types: Vec::new(),
        }
    }

    /// The path of an entry.
    pub(in super::super) fn path(&self, row: &Row) -> &str {
        let (start, len) = row.name;
        let start = start as usize;
        self.names.get(start..start + usize::from(len)).unwrap_or_default()
    }

    /// Bytes of memory that it takes.
    pub(in super::super) fn memory(&self) -> usize {
        self.names.len() + size_of_val(&*self.rows)
    }

    /// All entries, sorted by path.
    pub(in super::super) fn rows(&self) -> impl ExactSizeIterator<Item = &Row> {
        self.rows.iter()
    }

    fn position(&self, wanted: &str) -> Option<usize> {
        let exact = |name: &str| self.rows.binary_search_by(|row| self.path(row).cmp(name)).ok();
        // Addresses may come in another Unicode form than the archive's.
        exact(wanted).or_else(|| exact(&path::normalise(wanted)?))
    }

    /// The entry of a path.
    pub(in super::super) fn find(&self, path: &str) -> Option<&Row> {
        self.position(path).and_then(|place| self.rows.get(place))
    }

    /// The entry whose path is this one but for the case of ASCII letters.
    pub(in super::super) fn find_any_case(&self, path: &str) -> Option<&Row> {
        self.find(path)
            .or_else(|| self.rows.iter().find(|row| self.path(row).eq_ignore_ascii_case(path)))
    }

    /// Notes the media type that the package states for a path.
    pub(in super::super) fn set_media_type(&mut self, path: &str, media_type: &str) {
        let Some(place) = self.position(path) else { return };
        let known = self.media_types.iter().position(|known| **known == *media_type);
        if known.is_none() && self.media_types.len() >= MAX_MEDIA_TYPES {
            return;
        }
        let index = known.unwrap_or_else(|| {
            self.media_types.push(media_type.into());
            self.media_types.len() - 1
        });
        if let (Some(row), Ok(number)) = (self.rows.get_mut(place), u16::try_from(index + 1)) {
            row.media_type = number;
        }
    }

    /// The media type of an entry.
    pub(in super::super) fn media_type(&self, row: &Row) -> &str {
        let stated = usize::from(row.media_type)
            .checked_sub(1)
            .and_then(|index| self.media_types.get(index));
        match stated {
            Some(stated) => stated,
            None => media_type::by_extension(self.path(row)),
        }
    }

    /// The bytes of an entry.
    pub(in super::super) fn resource(&self, row: &Row) -> Resource {
        Resource {
            file: self.file.clone(),
            offset: row.offset,
            stored_len: row.stored_len,
            len: row.len,
            deflated: row.deflated,
            crc32: row.crc32,
            media_type: self.media_type(row).to_owned(),
            summed: true,
        }
    }
}
