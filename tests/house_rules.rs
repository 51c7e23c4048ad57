//! The house's own rules, read from the source: imports go up the list of rooms and never down,
//! every room says what it is for, and no file grows out of hand.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use syn::visit::Visit;

/// Lines a source file may have (the house style aims far below).
const LONGEST_FILE_LINES: usize = 500;

fn source_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Rooms in the order in which `lib.rs` lists them.
fn rooms() -> Vec<String> {
    let file = syn::parse_file(&fs::read_to_string(source_root().join("lib.rs")).unwrap()).unwrap();
    file.items
        .iter()
        .filter_map(|item| match item {
            syn::Item::Mod(module) => Some(module.ident.to_string()),
            _ => None,
        })
        .collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push(path);
        }
    }
}

/// The room a file of `src` belongs to; `None` for the binaries and `lib.rs`.
fn room_of(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(source_root()).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
    match first.trim_end_matches(".rs") {
        "main" | "lib" | "bin" | "cli" => None,
        room => Some(room.to_owned()),
    }
}

/// Collects the first name after `crate::` wherever a path or an import has one.
#[derive(Default)]
struct Imports(BTreeSet<String>);

impl Imports {
    fn first_names(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => drop(self.0.insert(path.ident.to_string())),
            syn::UseTree::Name(name) => drop(self.0.insert(name.ident.to_string())),
            syn::UseTree::Rename(name) => drop(self.0.insert(name.ident.to_string())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|t| self.first_names(t)),
            syn::UseTree::Glob(_) => drop(self.0.insert("*".to_owned())),
        }
    }
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &import.tree
            && path.ident == "crate"
        {
            self.first_names(&path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut names = path.segments.iter();
        if names.next().is_some_and(|first| first.ident == "crate")
            && let Some(second) = names.next()
        {
            self.0.insert(second.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

fn imports_of(source: &str) -> BTreeSet<String> {
    let mut imports = Imports::default();
    imports.visit_file(&syn::parse_file(source).unwrap());
    imports.0
}

/// Imports of `room` that stand below it in the list.
fn wrong_way(rooms: &[String], room: &str, imports: &BTreeSet<String>) -> Vec<String> {
    let place = |name: &str| rooms.iter().position(|r| r == name);
    let own = place(room).unwrap_or_else(|| panic!("{room} is not in lib.rs"));
    imports
        .iter()
        .filter(|name| name.as_str() == "*" || place(name).is_some_and(|other| other > own))
        .cloned()
        .collect()
}

#[test]
fn imports_between_rooms_go_one_way() {
    let rooms = rooms();
    assert!(rooms.len() >= 9, "lib.rs lists the rooms");
    let mut files = Vec::new();
    rust_files(&source_root(), &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let Some(room) = room_of(&path) else { continue };
        let imports = imports_of(&fs::read_to_string(&path).unwrap());
        for name in wrong_way(&rooms, &room, &imports) {
            wrong.push(format!("{} imports {name}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_import_down_the_list_is_seen() {
    let rooms = ["config", "store", "library"].map(str::to_owned);
    let nested = imports_of("use crate::{config, library::{Library, words}};");
    assert_eq!(wrong_way(&rooms, "store", &nested), ["library"]);
    let in_line = imports_of("fn f() -> crate::library::Library { crate::store::open() }");
    assert_eq!(wrong_way(&rooms, "config", &in_line), ["library", "store"]);
    assert!(wrong_way(&rooms, "library", &nested).is_empty());
}

#[test]
fn every_file_is_of_a_size_to_be_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("tests"), &mut files);
    let long: Vec<_> = files
        .iter()
        .map(|path| (path, fs::read_to_string(path).unwrap().lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE_LINES)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_room_opens_with_what_it_is_for() {
    for room in rooms() {
        let folder = source_root().join(&room).join("mod.rs");
        let path = if folder.exists() { folder } else { source_root().join(format!("{room}.rs")) };
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
    }
}
