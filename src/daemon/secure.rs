//! The box's name and its certificate: opened at the start, read again when the files change.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::house::House;
use crate::{
    config::Https,
    control::protocol::HttpsLine,
    net::{
        certificate::{Certificate, CertificateError, Files},
        front::Origin,
        tls::Certificates,
    },
};

/// The files of the region are looked at so often, beside every reload.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Before the end of a certificate given by the region, someone must hear of it.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);

/// HTTPS of a box that has a name.
#[derive(Debug)]
pub(super) struct Secure {
    pub(super) name: String,
    pub(super) certificates: Certificates,
    /// What was read last.
    files: Mutex<Option<Files>>,
    /// Known once a port is open.
    origin: Mutex<Option<Arc<Origin>>>,
    /// Why the certificate in force is not the one there should be.
    trouble: Mutex<Option<String>>,
}

impl Secure {
    /// `None` when the box has no name. Files that are given must be good. Blocking.
    pub(super) fn open(https: &Https) -> Result<Option<Self>, CertificateError> {
        let Some(name) = &https.name else { return Ok(None) };
        let secure = Self {
            name: name.clone(),
            certificates: Certificates::default(),
            files: Mutex::default(),
            origin: Mutex::default(),
            trouble: Mutex::default(),
        };
        secure.reread(https)?;
        Ok(Some(secure))
    }

    /// Reads the region's files, and takes them when they changed and are good. A bad one changes
    /// nothing. `true` when there is a new certificate. Blocking.
    pub(super) fn reread(&self, https: &Https) -> Result<bool, CertificateError> {
        let Some((chain, key)) = given(https) else { return Ok(false) };
        let taken = self.take(chain, key);
        let trouble = taken.as_ref().err().map(ToString::to_string);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        taken
    }

    fn take(&self, chain: &Path, key: &Path) -> Result<bool, CertificateError> {
        let files = Files::read(chain, key)?;
        let mut last = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() == Some(&files) {
            return Ok(false);
        }
        let certificate = files.certificate(&self.name)?;
        tracing::info!(name = self.name, until = %certificate.ends, "certificate taken");
        concern(&certificate, Timestamp::now());
        self.certificates.put(certificate);
        *last = Some(files);
        Ok(true)
    }

    pub(super) fn origin(&self) -> Option<Arc<Origin>> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The box's address, once its port is known.
    pub(super) fn listens_on(&self, port: u16) -> Arc<Origin> {
        let origin = Arc::new(Origin::new(&self.name, port));
        *self.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(origin.clone());
        origin
    }

    /// For `preau status`.
    pub(super) fn line(&self, now: Timestamp) -> HttpsLine {
        let current = self.certificates.current();
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let address = self.origin().map(|origin| format!("{origin}/"));
        HttpsLine {
            address: address.unwrap_or_else(|| format!("https://{}/", self.name)),
            certificate_until: current.as_ref().map(|certificate| certificate.ends),
            trouble: trouble.or_else(|| current.and_then(|certificate| certificate.concern(now))),
        }
    }
}

fn given(https: &Https) -> Option<(&Path, &Path)> {
    https.certificate.as_deref().zip(https.key.as_deref())
}

fn concern(certificate: &Certificate, now: Timestamp) {
    if let Some(concern) = certificate.concern(now) {
        tracing::warn!("{concern}");
    } else if certificate.ends.duration_since(now).unsigned_abs() < WARN_BEFORE {
        tracing::warn!(until = %certificate.ends, "the certificate ends soon");
    }
}

/// Looks at the region's files once a day.
pub(super) async fn watch(house: Arc<House>, token: CancellationToken) {
    while token.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        let house = house.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let Some(secure) = &house.secure else { return };
            let https = house.config().https.clone();
            if let Err(error) = secure.reread(&https) {
                tracing::error!("the certificate was not taken, the old one stays: {error}");
            }
            if let Some(current) = secure.certificates.current() {
                concern(&current, Timestamp::now());
            }
        });
        if looked.await.is_err() {
            return;
        }
    }
}
