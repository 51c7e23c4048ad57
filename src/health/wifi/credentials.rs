//! By what a controller lets itself be asked: a community or a user's passwords, each from a file that
//! not everybody may read. Never shown.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use async_snmp::{Auth, MasterKeys, NotificationReceiverBuilder, PrivProtocol, UsmConfig, UsmUser};

use crate::config::{AuthProtocol, Controller, PrivacyProtocol, SnmpUser};

/// A longer file is no secret of a line.
const MAX_SECRET_BYTES: u64 = 256;
/// RFC 3414 §11.2.
const SHORTEST_PASSWORD_BYTES: usize = 8;
/// What is readable by everyone on the box is no secret.
const OTHERS: u32 = 0o007;

/// Why a controller cannot be asked as the settings say.
#[derive(Debug, thiserror::Error)]
pub enum NoCredentials {
    /// The file is not to be read.
    #[error("health.controllers, {controller}: {key}: cannot read {path}: {source}")]
    Unreadable {
        /// The controller's name.
        controller: String,
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Everyone may read it.
    #[error(
        "health.controllers, {controller}: {key}: {path} is open to every user (mode {mode:03o}); \
         chown root:preau and chmod 640 close it"
    )]
    Open {
        /// The controller's name.
        controller: String,
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Not a line, or too short a one.
    #[error(
        "health.controllers, {controller}: {key}: {path} holds no secret: \
         one line is expected, {expected}"
    )]
    NoSecret {
        /// The controller's name.
        controller: String,
        /// The key that names the file.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Its length.
        expected: &'static str,
    },
    /// Nothing is set.
    #[error("health.controllers, {controller}: neither community_file nor v3 is set")]
    Nothing {
        /// The controller's name.
        controller: String,
    },
    /// The library will not have it.
    #[error("health.controllers, {controller}: v3: {reason}")]
    Unusable {
        /// The controller's name.
        controller: String,
        /// Its words.
        reason: String,
    },
}

/// A community or a user. Its `Debug` shows neither.
#[derive(Clone)]
pub struct Credentials {
    auth: Auth,
    /// The same for what comes in.
    user: Option<UsmUser>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// Those that the settings name. Reads files, and makes keys of passwords (a few milliseconds).
    /// Blocking.
    pub fn read(controller: &Controller) -> Result<Self, NoCredentials> {
        let secret = |key, path, shortest| secret(&controller.name, key, path, shortest);
        if let Some(user) = &controller.v3 {
            let auth = secret("auth_key_file", &user.auth_key_file, SHORTEST_PASSWORD_BYTES)?;
            let path = user.privacy_key_file.as_ref();
            let privacy = path
                .map(|path| secret("privacy_key_file", path, SHORTEST_PASSWORD_BYTES))
                .transpose()?;
            return usm(user, &auth, privacy.as_deref()).map_err(|reason| {
                NoCredentials::Unusable { controller: controller.name.clone(), reason }
            });
        }
        let path = controller.community_file.as_ref();
        let path =
            path.ok_or_else(|| NoCredentials::Nothing { controller: controller.name.clone() })?;
        let community = secret("community_file", path, 1)?;
        Ok(Self { auth: Auth::v2c(community), user: None })
    }

    pub(super) fn auth(&self) -> Auth {
        self.auth.clone()
    }

    /// Are they a user's of SNMP v3?
    pub(super) fn is_user(&self) -> bool {
        self.user.is_some()
    }

    /// Has a receiver of traps take those that are sent with these, and no others.
    pub(super) fn receives(
        &self,
        builder: NotificationReceiverBuilder,
    ) -> Result<NotificationReceiverBuilder, String> {
        match (&self.auth, &self.user) {
            (_, Some(user)) => {
                let name = user.username().clone();
                builder.usm_user(name, |_| Ok(user.clone())).map_err(|error| error.to_string())
            }
            (Auth::Community { community, .. }, None) => Ok(builder.community(community.clone())),
            (Auth::Usm(_), None) => Err("a user without keys".to_owned()),
        }
    }
}

fn usm(user: &SnmpUser, auth: &str, privacy: Option<&str>) -> Result<Credentials, String> {
    let words = |error: async_snmp::CryptoError| error.to_string();
    let protocol = match user.auth {
        AuthProtocol::Sha => async_snmp::AuthProtocol::Sha1,
        AuthProtocol::Sha224 => async_snmp::AuthProtocol::Sha224,
        AuthProtocol::Sha256 => async_snmp::AuthProtocol::Sha256,
        AuthProtocol::Sha384 => async_snmp::AuthProtocol::Sha384,
        AuthProtocol::Sha512 => async_snmp::AuthProtocol::Sha512,
    };
    let mut keys = MasterKeys::new(protocol, auth.as_bytes()).map_err(words)?;
    if let Some(privacy) = privacy {
        let cipher = match user.privacy {
            PrivacyProtocol::Aes => PrivProtocol::Aes128,
            PrivacyProtocol::Aes192 => PrivProtocol::Aes192Blumenthal,
            PrivacyProtocol::Aes192Cisco => PrivProtocol::Aes192Reeder,
            PrivacyProtocol::Aes256 => PrivProtocol::Aes256Blumenthal,
            PrivacyProtocol::Aes256Cisco => PrivProtocol::Aes256Reeder,
        };
        keys = keys.with_privacy(cipher, privacy.as_bytes()).map_err(words)?;
    }
    let inbound = UsmUser::new(user.user.clone()).with_master_keys(keys.clone()).map_err(words)?;
    let config = UsmConfig::new(user.user.clone()).with_master_keys(keys).map_err(words)?;
    let auth = config.context_name(user.context.clone()).into();
    Ok(Credentials { auth, user: Some(inbound) })
}

fn secret(
    controller: &str,
    key: &'static str,
    path: &Path,
    shortest: usize,
) -> Result<String, NoCredentials> {
    let (name, here) = (|| controller.to_owned(), || path.to_owned());
    let unreadable =
        |source| NoCredentials::Unreadable { controller: name(), key, path: here(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(NoCredentials::Open { controller: name(), key, path: here(), mode });
    }
    let mut bytes = Vec::new();
    file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let whole = bytes.len() as u64 <= MAX_SECRET_BYTES;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let line = text.trim_end_matches(['\r', '\n']);
    if whole && line.len() >= shortest && !line.chars().any(char::is_control) {
        return Ok(line.to_owned());
    }
    let expected = if shortest > 1 { "of 8 to 256 bytes" } else { "of 1 to 256 bytes" };
    Err(NoCredentials::NoSecret { controller: name(), key, path: here(), expected })
}
