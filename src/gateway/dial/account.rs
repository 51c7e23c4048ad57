//! The box's account at another proxy: `Basic` (RFC 7617), for that proxy's eyes alone.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;

use crate::config;

/// A longer file is no password.
const MAX_PASSWORD_BYTES: u64 = 1024;
/// What is readable by everyone on the box is no secret.
const OTHERS: u32 = 0o007;

/// Why there is no account although one is set.
#[derive(Debug, thiserror::Error)]
pub enum NoAccount {
    /// The file of the password.
    #[error("gateway.upstream.password_file: cannot read {path}: {source}")]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Everyone may read it.
    #[error(
        "gateway.upstream.password_file: {path} is open to every user (mode {mode:03o}); \
         chown root:preau and chmod 640 close it"
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is no password.
    #[error(
        "gateway.upstream.password_file: {path} holds no password: \
         one line is expected, of 1 to 1024 bytes"
    )]
    NoPassword {
        /// The file.
        path: PathBuf,
    },
}

/// What is said to the other proxy. Its `Debug` does not show it.
#[derive(Debug, Clone)]
pub struct Account(HeaderValue);

impl Account {
    /// That of the settings, if they name one. Reads a file, blocking.
    pub fn read(gateway: &config::Gateway) -> Result<Option<Self>, NoAccount> {
        let upstream = gateway.upstream.as_ref();
        let named = upstream.and_then(|up| up.user.as_ref().zip(up.password_file.as_ref()));
        let Some((user, path)) = named else { return Ok(None) };
        let none = || NoAccount::NoPassword { path: path.clone() };
        let password = password(path)?;
        let mut value = STANDARD.encode(format!("{user}:{password}"));
        value.insert_str(0, "Basic ");
        let mut value = HeaderValue::from_str(&value).map_err(|_| none())?;
        value.set_sensitive(true);
        Ok(Some(Self(value)))
    }

    /// The value of `Proxy-Authorization` (RFC 9110 §11.7.2).
    pub fn field(&self) -> &HeaderValue {
        &self.0
    }
}

fn password(path: &Path) -> Result<String, NoAccount> {
    let unreadable = |source| NoAccount::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(NoAccount::Open { path: path.to_owned(), mode });
    }
    let none = || NoAccount::NoPassword { path: path.to_owned() };
    let mut bytes = Vec::new();
    file.take(MAX_PASSWORD_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| none())?;
    let password = text.trim_end_matches(['\r', '\n']);
    // RFC 7617 §2: no control characters.
    let good = !password.is_empty() && !password.chars().any(char::is_control);
    if good && text.len() as u64 <= MAX_PASSWORD_BYTES {
        Ok(password.to_owned())
    } else {
        Err(none())
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    fn account(bytes: &[u8], mode: u32) -> Result<Option<Account>, NoAccount> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        fs::set_permissions(file.path(), fs::Permissions::from_mode(mode)).unwrap();
        let upstream = config::Upstream {
            user: Some("Aladdin".into()),
            password_file: Some(file.path().to_owned()),
            ..config::Upstream::at("10.0.0.1:3128".parse().unwrap())
        };
        Account::read(&config::Gateway { upstream: Some(upstream), ..config::Gateway::default() })
    }

    #[test]
    fn an_account_is_said_as_the_standard_s_example_and_never_shown() {
        let account = account(b"open sesame\n", 0o640).unwrap().unwrap();
        // RFC 7617 §2.
        assert_eq!(account.field(), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(format!("{account:?}"), "Account(Sensitive)");
        assert!(Account::read(&config::Gateway::default()).unwrap().is_none());
    }

    #[test]
    fn a_password_that_everyone_may_read_or_that_is_none_is_refused_by_its_setting() {
        let open = account(b"secret\n", 0o644).unwrap_err().to_string();
        assert!(open.contains("password_file") && open.contains("mode 644"), "{open}");
        for bytes in [&b""[..], b"\n", b"a\nb\n", b"\xff", &[b'x'; 1025]] {
            let error = account(bytes, 0o600).unwrap_err();
            assert!(matches!(error, NoAccount::NoPassword { .. }), "{bytes:?}");
            assert!(!error.to_string().contains("a\nb"), "{error}");
        }
    }
}
