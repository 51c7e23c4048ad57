//! What the tests of publications share: zips made in memory, and the manifest's schema.

#![allow(dead_code, reason = "each test uses its own part")]

use std::{
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
};

use flate2::{Compression, read::GzDecoder, write::DeflateEncoder};
use jsonschema::{Registry, Validator};
use preau::publication::{Item, Publication, Resource, encode_path};
use rawzip::{CompressionMethod, ZipArchiveWriter};
use serde_json::Value;

/// Where the tests' packages pretend to be.
pub const BASE: &str = "http://box/p/0123/";
/// Bytes of the largest resource of the tests.
const MOST: u64 = 8 << 20;

/// A file of these bytes.
pub fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.seek(SeekFrom::Start(0)).unwrap();
    file
}

/// A zip of these entries, deflated but for `mimetype`.
pub fn zip_of(entries: &[(&str, &str)]) -> File {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, content) in entries {
        let stored = *name == "mimetype";
        let method = if stored { CompressionMethod::STORE } else { CompressionMethod::DEFLATE };
        let (mut entry, config) =
            archive.new_file(*name).compression_method(method).start().unwrap();
        let descriptor = if stored {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(content.as_bytes()).unwrap();
            writer.finish().unwrap().1
        } else {
            let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
            writer.write_all(content.as_bytes()).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    file_of(&bytes)
}

/// An EPUB whose package document is at `opf_path`.
pub fn epub_of(opf_path: &str, opf: &str, entries: &[(&str, &str)]) -> File {
    let container = format!(
        "<?xml version=\"1.0\"?><container><rootfiles><rootfile full-path=\"{opf_path}\" \
         media-type=\"application/oebps-package+xml\"/></rootfiles></container>"
    );
    let mut all = vec![
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", &container),
        (opf_path, opf),
    ];
    all.extend_from_slice(entries);
    zip_of(&all)
}

/// Every schema of a folder under the name it gives itself.
fn schemas(folder: &Path, found: &mut Vec<Value>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            schemas(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "json") {
            found.push(serde_json::from_slice(&fs::read(&path).unwrap()).unwrap());
        }
    }
}

/// The Readium Web Publication Manifest's schema, its references resolved on this machine.
pub fn manifest_schema(samples: &Path) -> Validator {
    schema(samples, "https://readium.org/webpub-manifest/schema/publication.schema.json")
}

/// The schema of this name, whose references are found in the samples.
pub fn schema(samples: &Path, name: &str) -> Validator {
    let mut found = Vec::new();
    schemas(&samples.join("schemas/rwpm"), &mut found);
    schemas(&samples.join("schemas/opds-living"), &mut found);
    let mut registry = Registry::new();
    for schema in found {
        let id = schema["$id"].as_str().unwrap().to_owned();
        // Readium's link schema calls those of OPDS by their old address.
        if id.contains("//specs.opds.io/") {
            let old = id.replace("//specs.opds.io/", "//drafts.opds.io/");
            let mut copy = schema.clone();
            copy["$id"] = old.clone().into();
            registry = registry.add(old, copy).unwrap();
        }
        registry = registry.add(id, schema).unwrap();
    }
    let registry = registry.prepare().unwrap();
    let root = serde_json::json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$ref": name,
    });
    jsonschema::options()
        .with_registry(&registry)
        .should_validate_formats(true)
        .build(&root)
        .unwrap()
}

/// The manifest keeps the schema, and says of each item what is true of it.
pub fn check_manifest(schema: &Validator, publication: &Publication) -> Value {
    let manifest = publication.manifest(BASE);
    let errors: Vec<String> =
        schema.iter_errors(&manifest).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{manifest:#}");
    let items = publication.reading_order.iter().chain(&publication.resources);
    let links = manifest["readingOrder"].as_array().unwrap().iter();
    let links = links.chain(manifest["resources"].as_array().unwrap());
    let mut count = 0;
    for (item, link) in items.zip(links) {
        assert_eq!(link["href"], format!("{BASE}r/{}", encode_path(&item.path)));
        let size = link["size"].as_u64().unwrap_or_default();
        assert_eq!(size, publication.resource(&item.path).unwrap().len, "{}", item.path);
        count += 1;
    }
    assert_eq!(count, publication.reading_order.len() + publication.resources.len());
    manifest
}

/// Reads every resource of a publication, both ways; returns how many there are.
pub fn read_all(publication: &Publication) -> usize {
    let items: Vec<&Item> =
        publication.reading_order.iter().chain(&publication.resources).collect();
    for item in &items {
        let resource = publication.resource(&item.path).unwrap();
        assert_eq!(resource.media_type, item.media_type);
        let plain = resource.read(MOST).unwrap();
        assert_eq!(plain.len() as u64, item.size, "{}", item.path);
        if resource.deflated {
            assert_eq!(through_gzip(&resource), plain, "{}", item.path);
        }
    }
    items.len()
}

/// The resource as a browser gets it: its stored bytes, framed as gzip.
fn through_gzip(resource: &Resource) -> Vec<u8> {
    let (header, trailer) = resource.gzip_frame();
    let mut stored = vec![0; usize::try_from(resource.stored_len).unwrap()];
    resource.file.read_exact_at(&mut stored, resource.offset).unwrap();
    let gzip = [&header[..], &stored, &trailer].concat();
    let mut plain = Vec::new();
    GzDecoder::new(&*gzip).read_to_end(&mut plain).unwrap();
    plain
}
