//! Opening a data folder: what a crash, a power cut or a failing disk left is put in order before
//! anyone sees it.

use std::{
    collections::{HashMap, HashSet},
    fs::{File, OpenOptions},
    sync::{Arc, Mutex, RwLock},
};

use jiff::Timestamp;
use rustix::fs::FlockOperation;
use tokio::sync::watch;

use super::{
    BlobId, Shared, Sidecar, Store, StoreError, StoreOptions, durable,
    index::{Found, Index},
    layout::{self, Layout},
    lock,
    room::Transfers,
    shelf::Shelf,
    sidecar,
};

impl Store {
    /// Opens the data folder, mends the index if it must, sweeps half-written files away.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        durable::make_folder(&options.path)?;
        let layout = Layout::new(&options.path);
        let held = hold(&layout)?;
        layout.make()?;
        sweep(&layout)?;
        let opened = Index::open(&layout.index(), &aside(&layout, "index"));
        let (mut index, found) = opened.unwrap_or_else(|error| {
            // On a full disk, say. It is only a copy: packages can be lent, and removed, without.
            tracing::error!(%error, "opened without an index: it is made again when possible");
            (Index::absent(&layout.index()), Found::Empty)
        });
        let packages = reconcile(&layout, &mut index, found)?;
        let lent = index.lendings().unwrap_or_default().into_iter().collect();
        Ok(Self {
            shared: Arc::new(Shared {
                options,
                layout,
                _lock: held,
                index: Mutex::new(index),
                shelf: RwLock::new(Arc::new(Shelf::of(packages))),
                changes: watch::Sender::new(0),
                transfers: Transfers::default(),
                lent: Mutex::new(lent),
            }),
        })
    }

    /// Throws the index away and makes it anew from the sidecars. Returns the packages found.
    pub fn rebuild(&self) -> Result<usize, StoreError> {
        let mut index = lock(&self.shared.index);
        self.shared.renew(&mut index)?;
        let packages = reconcile(&self.shared.layout, &mut index, Found::Empty)?;
        index.barrier()?;
        let count = packages.len();
        self.shared.show(Shelf::of(packages));
        Ok(count)
    }
}

impl Shared {
    /// An empty index in the place of one that cannot be trusted, filled from what memory knows.
    pub(super) fn renew(&self, index: &mut Index) -> Result<(), StoreError> {
        let mut fresh = Index::renew(&self.layout.index(), &aside(&self.layout, "index"))?;
        for package in self.shelf().packages.iter() {
            fresh.put(package)?;
        }
        for (blob, at) in lock(&self.lent).iter() {
            fresh.put_lending(blob, *at)?;
        }
        fresh.barrier()?;
        *index = fresh;
        Ok(())
    }
}

/// A name under `quarantine/` that is free.
pub fn aside(layout: &Layout, what: &str) -> std::path::PathBuf {
    let now = Timestamp::now().as_nanosecond();
    layout.quarantine().join(format!("{what}.{now}"))
}

fn hold(layout: &Layout) -> Result<File, StoreError> {
    let path = layout.lock();
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(StoreError::io("open", &path))?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(StoreError::InUse { path: layout.root().to_owned() })
        }
        Err(error) => Err(StoreError::io("lock", &path)(error.into())),
    }
}

/// Removes drafts, and bytes of transfers that have no record.
fn sweep(layout: &Layout) -> Result<(), StoreError> {
    let files = durable::files_of(&layout.incoming())?;
    let records: HashSet<_> = files.iter().filter(|f| layout::has_extension(f, "json")).collect();
    for file in &files {
        let orphan =
            layout::has_extension(file, "part") && !records.contains(&file.with_extension("json"));
        if orphan || layout::has_extension(file, "draft") {
            durable::remove(file)?;
        }
    }
    Ok(())
}

/// Makes files, sidecars and index say the same. Files are the truth: a package is what has both
/// its blob and its sidecar.
fn reconcile(
    layout: &Layout,
    index: &mut Index,
    found: Found,
) -> Result<Vec<Arc<Sidecar>>, StoreError> {
    let recorded: HashMap<BlobId, Sidecar> = match found {
        Found::Whole => index.packages()?.into_iter().map(|s| (s.blob, s)).collect(),
        Found::Empty => HashMap::new(),
    };
    let on_disk = blobs_on_disk(layout)?;
    let mut changed = false;
    let mut packages = Vec::with_capacity(on_disk.len());
    for (blob, size) in &on_disk {
        let known = recorded.get(blob);
        let right = known.filter(|k| k.size == *size && newer_sidecar(layout, k).is_none());
        if let Some(known) = right {
            packages.push(Arc::new(known.clone()));
            continue;
        }
        changed = true;
        if let Some(package) = adopt(layout, blob, *size, known)? {
            record(index, |index| index.put(&package));
            packages.push(Arc::new(package));
        } else {
            record(index, |index| index.forget(blob));
        }
    }
    for blob in recorded.keys().filter(|blob| !on_disk.contains_key(blob)) {
        tracing::warn!(%blob, "a package on record has no file: it is to be fetched again");
        changed = true;
        record(index, |index| index.forget(blob));
    }
    if changed {
        record(index, Index::barrier);
    }
    Ok(packages)
}

/// Tells the index something that the files say already. One that fails is distrusted, and renewed
/// from the shelf before its next use: that must not keep the packages from being lent.
fn record(index: &mut Index, tell: impl FnOnce(&mut Index) -> Result<(), StoreError>) {
    if !index.distrusted()
        && let Err(error) = tell(index)
    {
        tracing::warn!(%error, "the index could not be told what is in the store");
    }
}

/// The sidecar's word against the index's: sled drops a damaged tail of its log in silence and is
/// then as it was before, so the later of the two is right. A sidecar that is lost or says nothing
/// is written again; where that fails, the scrub tries later.
fn newer_sidecar(layout: &Layout, known: &Sidecar) -> Option<Sidecar> {
    if let Ok(Some(read)) = sidecar::read(layout, &known.blob) {
        return Some(read).filter(|r| r.size == known.size && r.stored_at > known.stored_at);
    }
    if let Err(error) = sidecar::write(layout, known) {
        tracing::warn!(blob = %known.blob, %error, "a damaged sidecar could not be written again");
    }
    None
}

/// A blob whose record, sidecar and file do not agree: kept when a description of it is left and
/// its size is right, set aside otherwise.
fn adopt(
    layout: &Layout,
    blob: &BlobId,
    size: u64,
    known: Option<&Sidecar>,
) -> Result<Option<Sidecar>, StoreError> {
    // What is on record is of no use here: it has another size, or is older.
    let described = match sidecar::read(layout, blob) {
        Err(StoreError::Io { .. }) => None,
        read => read?,
    };
    if let Some(package) = described.or_else(|| known.cloned()).filter(|d| d.size == size) {
        return Ok(Some(package));
    }
    tracing::warn!(%blob, size, "a blob without a true description is set aside");
    set_aside(layout, blob)?;
    Ok(None)
}

/// Moves a blob and its sidecar to `quarantine/`: readers no longer find it, people still can.
pub fn set_aside(layout: &Layout, blob: &BlobId) -> Result<(), StoreError> {
    let (path, beside) = (layout.blob(blob), layout.sidecar(blob));
    for (file, extension) in [(&path, "blob"), (&beside, "json")] {
        if file.exists() {
            durable::rename(file, &aside(layout, &format!("{blob}.{extension}")))?;
        }
    }
    durable::sync_folder(durable::parent(&path))
}

/// Every blob with its size. Sidecars whose blob is gone are removed on the way.
fn blobs_on_disk(layout: &Layout) -> Result<HashMap<BlobId, u64>, StoreError> {
    let mut blobs = HashMap::new();
    let mut beside = Vec::new();
    for folder in durable::files_of(&layout.blobs())? {
        for file in durable::files_of(&folder)? {
            let Some(blob) = layout::blob_of(&file) else { continue };
            if layout::has_extension(&file, "json") {
                beside.push((blob, file));
            } else {
                let size = file.metadata().map_err(StoreError::io("measure", &file))?.len();
                blobs.insert(blob, size);
            }
        }
    }
    for (_, file) in beside.iter().filter(|(blob, _)| !blobs.contains_key(blob)) {
        durable::remove(file)?;
    }
    Ok(blobs)
}
