//! The socket file: made, taken from a daemon that is gone, given its group, removed at the end.

use std::{
    fs, io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use nix::unistd::Group;

/// Its user and its group may connect.
const MODE: u32 = 0o660;

/// What can be wrong with the socket's place.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// It cannot be made.
    #[error("could not {action} the control socket {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A daemon answers there.
    #[error("a daemon answers on {} already: is preau running?", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("{} is there and is no socket: it was left alone", path.display())]
    NotASocket {
        /// Where.
        path: PathBuf,
    },
    /// No such group.
    #[error("control.group: no group `{name}` is known on this machine")]
    NoGroup {
        /// The name in the configuration.
        name: String,
    },
}

impl SocketError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The file of a socket that we bound; removed when dropped, unless another took its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    inode: Option<(u64, u64)>,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.inode.is_some() && inode(&self.path) == self.inode {
            // Left behind, it would be found stale and removed by the next daemon.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> Option<(u64, u64)> {
    fs::symlink_metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

/// Binds the socket, non-blocking. Its folder is made when absent.
pub fn bind(path: &Path, group: Option<&str>) -> Result<(UnixListener, SocketFile), SocketError> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(SocketError::io("make the folder of", path))?;
    }
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            clear(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }
    .map_err(SocketError::io("bind", path))?;
    let file = SocketFile { path: path.to_owned(), inode: inode(path) };
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))
        .map_err(SocketError::io("set the mode of", path))?;
    if let Some(group) = group {
        give(path, group)?;
    }
    listener.set_nonblocking(true).map_err(SocketError::io("set up", path))?;
    Ok((listener, file))
}

/// Removes a socket that nobody answers on.
fn clear(path: &Path) -> Result<(), SocketError> {
    let found = fs::symlink_metadata(path).map_err(SocketError::io("look at", path))?;
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "removing the control socket of a daemon gone");
            fs::remove_file(path).map_err(SocketError::io("remove the stale", path))
        }
        Err(error) => Err(SocketError::io("try", path)(error)),
        Ok(_) => Err(SocketError::InUse { path: path.to_owned() }),
    }
}

/// Gives the socket to a group, so that its members may connect.
pub fn give(path: &Path, group: &str) -> Result<(), SocketError> {
    let unknown = || SocketError::NoGroup { name: group.to_owned() };
    let gid = Group::from_name(group).ok().flatten().ok_or_else(unknown)?.gid;
    std::os::unix::fs::chown(path, None, Some(gid.as_raw()))
        .map_err(SocketError::io("give a group to", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/control.sock");
        let (living, file) = bind(&path, None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        assert!(matches!(bind(&path, None), Err(SocketError::InUse { .. })));
        std::mem::forget(file); // As after a kill.
        drop(living);
        let (_listener, file) = bind(&path, None).unwrap();
        drop(file);
        assert!(!path.exists(), "it goes with its daemon");
        fs::write(&path, "x").unwrap();
        assert!(matches!(bind(&path, None), Err(SocketError::NotASocket { .. })));
        assert!(matches!(give(&path, "no-such-group"), Err(SocketError::NoGroup { .. })));
    }
}
