//! The box's name and its certificate: given by the region, and read again when its files change;
//! or obtained from an authority.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{DaemonError, house::House};
use crate::{
    config::{Config, Https},
    control::protocol::HttpsLine,
    net::{
        acme::{Acme, AcmeError},
        certificate::{Certificate, CertificateError, Files},
        front::Origin,
        tls::Certificates,
    },
};

/// Folder of the data for keys and certificates.
const CERTIFICATES: &str = "certs";
/// The files of the region are looked at so often, beside every reload.
const LOOK_EVERY: Duration = Duration::from_secs(24 * 3600);
/// Before the end of a certificate given by the region, someone must hear of it.
const WARN_BEFORE: Duration = Duration::from_secs(14 * 24 * 3600);

/// HTTPS of a box that has a name.
#[derive(Debug)]
pub(super) struct Secure {
    pub(super) name: String,
    pub(super) certificates: Certificates,
    /// Where it comes from when the region gives none.
    acme: Option<Acme>,
    /// What was read last.
    files: Mutex<Option<Files>>,
    /// Known once a port is open.
    origin: Mutex<Option<Arc<Origin>>>,
    /// Why the certificate in force is not the one there should be.
    trouble: Mutex<Option<String>>,
}

impl Secure {
    /// `None` when the box has no name. Files that are given must be good. Blocking.
    pub(super) fn open(config: &Config) -> Result<Option<Self>, DaemonError> {
        let https = &config.https;
        let Some(name) = &https.name else { return Ok(None) };
        let settings = https.acme.as_ref().filter(|_| given(https).is_none());
        let folder = config.store.path.join(CERTIFICATES);
        let acme = settings.map(|settings| Acme::open(name, settings, &config.network, folder));
        let secure = Self {
            name: name.clone(),
            acme: acme.transpose()?,
            certificates: Certificates::default(),
            files: Mutex::default(),
            origin: Mutex::default(),
            trouble: Mutex::default(),
        };
        secure.reread(https)?;
        match secure.acme.as_ref().map(Acme::kept) {
            Some(Some(kept)) => {
                tracing::info!(name, until = %kept.ends, "the certificate kept is used");
                secure.certificates.put(kept);
            }
            Some(None) => tracing::warn!(
                name,
                "no certificate yet: HTTPS answers once the authority gave one"
            ),
            None => {}
        }
        Ok(Some(secure))
    }

    /// Has the authority renew the certificate in time, until cancelled.
    async fn renew(&self, token: CancellationToken) {
        let Some(acme) = &self.acme else { return token.cancelled().await };
        let told = |error: Option<&AcmeError>| self.troubled(error.map(ToString::to_string));
        acme.keep(&self.certificates, told, token).await;
    }

    fn troubled(&self, by: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    /// Reads the region's files, and takes them when they changed and are good. A bad one changes
    /// nothing. `true` when there is a new certificate. Blocking.
    pub(super) fn reread(&self, https: &Https) -> Result<bool, CertificateError> {
        let Some((chain, key)) = given(https) else { return Ok(false) };
        let taken = self.take(chain, key);
        self.troubled(taken.as_ref().err().map(ToString::to_string));
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

/// Keeps the certificate obtained from an authority valid.
pub(super) async fn renew(house: Arc<House>, token: CancellationToken) {
    match &house.secure {
        Some(secure) => secure.renew(token).await,
        None => token.cancelled().await,
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
