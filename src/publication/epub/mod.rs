//! EPUB 3 and 2: container, package document, navigation, fixed pages, cover.

mod assemble;
mod container;
mod cover;
mod nav;
mod ncx;
mod opf;
mod viewport;

pub(super) use assemble::open;
pub(super) use container::CONTAINER;
