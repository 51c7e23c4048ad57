//! Where each key stands in the file, so that a late check can point at it.
//!
//! Keys are written as paths: `catalogue.feeds[1].url`.

use std::{collections::BTreeMap, ops::Range};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Byte ranges of keys and values, by path.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_key: BTreeMap<String, Place>,
}

#[derive(Debug)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

impl Places {
    pub(super) fn of(tree: &Spanned<DeTable<'_>>) -> Self {
        let mut places = Self::default();
        places.add_table("", tree.get_ref());
        places
    }

    fn add_table(&mut self, prefix: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let path = join(prefix, key.get_ref());
            self.add_value(&path, key.span(), value);
        }
    }

    fn add_value(&mut self, path: &str, key: Range<usize>, value: &Spanned<DeValue<'_>>) {
        self.by_key.insert(path.to_owned(), Place { key, value: value.span() });
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(path, table),
            DeValue::Array(array) => {
                for (index, item) in array.iter().enumerate() {
                    self.add_value(&format!("{path}[{index}]"), item.span(), item);
                }
            }
            _ => {}
        }
    }

    /// The value of a key; of the nearest key above it when it is not in the file.
    pub(super) fn span(&self, key: &str) -> Range<usize> {
        let mut key = key;
        loop {
            if let Some(place) = self.by_key.get(key) {
                return place.value.clone();
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return 0..0,
            }
        }
    }

    /// The deepest key whose name or value is exactly there.
    pub(super) fn key_at(&self, span: &Range<usize>) -> Option<&str> {
        self.by_key
            .iter()
            .filter(|(_, place)| place.key == *span || place.value == *span)
            .map(|(key, _)| key.as_str())
            .max_by_key(|key| key.len())
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

/// The last name of a path, without its index.
pub(super) fn leaf(path: &str) -> &str {
    let name = path.rsplit('.').next().unwrap_or(path);
    name.split('[').next().unwrap_or(name)
}

/// Takes the entry at `path` out of the tree; was it there?
pub(super) fn remove(table: &mut DeTable<'_>, path: &str) -> bool {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (path, None),
    };
    let (name, index) = match first.strip_suffix(']').and_then(|f| f.split_once('[')) {
        Some((name, index)) => (name, index.parse::<usize>().ok()),
        None => (first, None),
    };
    match (rest, index) {
        // The whole list goes: the paths of its later items would no longer be true.
        (None, _) => table.remove(name).is_some(),
        (Some(rest), index) => {
            let value = table.get_mut(name).map(Spanned::get_mut);
            let value = match (value, index) {
                (Some(DeValue::Array(array)), Some(index)) => {
                    array.get_mut(index).map(Spanned::get_mut)
                }
                (value, _) => value,
            };
            match value {
                Some(DeValue::Table(inner)) => remove(inner, rest),
                _ => false,
            }
        }
    }
}
