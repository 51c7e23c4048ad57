//! Looks whether the pages' scripts were built: the program carries them inside.

fn main() {
    const MANIFEST: &str = "src/library/web/dist/manifest.json";
    println!("cargo:rerun-if-changed=src/library/web/dist");
    if !std::path::Path::new(MANIFEST).is_file() {
        println!(
            "cargo::error={MANIFEST} is missing: run `scripts/build-web` first (it needs Node.js \
             18 or later and npm; `scripts/install build` installs them on Debian)"
        );
    }
}
