//! A certificate from an ACME authority (RFC 8555), by the DNS-01 challenge: the box need not be
//! reached from the Internet, and the region alone changes its names, through acme-dns.
//!
//! What was obtained is kept on the disk: a start without the Internet serves it. A renewal that
//! fails leaves the old one in force and is tried again.

mod dns;
mod kept;
mod transport;
mod when;

use std::{path::PathBuf, time::Duration};

use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use jiff::Timestamp;
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use tokio_util::sync::CancellationToken;

use self::{kept::Kept, transport::Transport};
use super::{
    certificate::{Certificate, CertificateError},
    client::{Client, ClientError, ClientOptions},
    tls::Certificates,
};
use crate::config;

/// From the order to the certificate, everything together.
const WHOLE_TIMEOUT: Duration = Duration::from_secs(10 * 60);
/// How long the authority may look for the record, and make the certificate.
const POLL: RetryPolicy = RetryPolicy::new()
    .initial_delay(Duration::from_secs(1))
    .backoff(1.5)
    .timeout(Duration::from_secs(3 * 60));
/// The clock is looked at so often, however far the next renewal is: it may jump.
const LOOK_EVERY: Duration = Duration::from_secs(3600);
/// RFC 8555 §6.7: the authority does not know the account.
const NO_ACCOUNT: &str = "urn:ietf:params:acme:error:accountDoesNotExist";

/// Why there is no new certificate.
#[derive(Debug, thiserror::Error)]
pub enum AcmeError {
    /// The folder of keys.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A certificate of the settings.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The file of the acme-dns account.
    #[error("{}: {reason}", path.display())]
    DnsAccount {
        /// The file.
        path: PathBuf,
        /// What is wrong with it; never what it holds.
        reason: String,
    },
    /// acme-dns did not take the record.
    #[error("acme-dns: {0}")]
    Dns(String),
    /// The authority said no, or nothing.
    #[error("the authority: {0}")]
    Authority(#[from] instant_acme::Error),
    /// No way to show that the name is ours.
    #[error("the authority offers no DNS-01 challenge for this name")]
    NoDnsChallenge,
    /// It looked, and was not content.
    #[error("the authority did not accept the challenge: {0}")]
    Refused(String),
    /// A key or request that cannot be made.
    #[error("no request for a certificate could be made: {0}")]
    Request(#[from] rcgen::Error),
    /// What came is of no use.
    #[error("what the authority sent: {0}")]
    Certificate(#[from] CertificateError),
    /// It would have to be renewed at once, for ever.
    #[error("the new certificate, until {0}, is due for renewal already: is the clock right?")]
    DueAlready(Timestamp),
    /// All of it took too long.
    #[error("no certificate within {0:?}")]
    TooLong(Duration),
}

/// The box's dealings with its authority.
#[derive(Debug)]
pub struct Acme {
    name: String,
    settings: config::Acme,
    client: Client,
    kept: Kept,
}

impl Acme {
    /// `folder` is where keys are kept, made if missing. Blocking.
    pub fn open(
        name: &str,
        settings: &config::Acme,
        network: &config::Network,
        folder: PathBuf,
    ) -> Result<Self, AcmeError> {
        let client = Client::new(ClientOptions {
            allow_private: network.allow_private.clone(),
            extra_authorities: network.extra_authorities.clone(),
            ..ClientOptions::default()
        })?;
        let kept = Kept::open(folder)?;
        Ok(Self { name: name.to_owned(), settings: settings.clone(), client, kept })
    }

    /// The certificate of an earlier day, if it is for this name. Blocking.
    pub fn kept(&self) -> Option<Certificate> {
        let pem = self.kept.certificate()?;
        Certificate::from_pem(&pem, &pem, &self.name)
            .inspect_err(|error| tracing::warn!(%error, "the certificate kept is of no use"))
            .ok()
    }

    /// Renews in time until cancelled; `told` hears what became of each attempt.
    pub async fn keep(
        &self,
        certificates: &Certificates,
        told: impl Fn(Option<&AcmeError>),
        token: CancellationToken,
    ) {
        let mut failures = 0;
        loop {
            let validity = certificates.current().map(|current| (current.begins, current.ends));
            let mut left = when::wait(validity, failures, Timestamp::now(), rand::random());
            while !left.is_zero() {
                let part = left.min(LOOK_EVERY);
                if token.run_until_cancelled(tokio::time::sleep(part)).await.is_none() {
                    return;
                }
                left -= part;
                if failures == 0 {
                    // The clock may have been put right meanwhile.
                    left = left.min(when::wait(validity, 0, Timestamp::now(), 0.0));
                }
            }
            let attempt = tokio::time::timeout(WHOLE_TIMEOUT, self.obtain());
            let Some(obtained) = token.run_until_cancelled(Box::pin(attempt)).await else { return };
            match obtained.unwrap_or(Err(AcmeError::TooLong(WHOLE_TIMEOUT))) {
                Ok(certificate) => {
                    let (begins, ends) = (certificate.begins, certificate.ends);
                    tracing::info!(name = self.name, until = %ends, "certificate obtained");
                    certificates.put(certificate);
                    let due = when::wait(Some((begins, ends)), 0, Timestamp::now(), 0.0).is_zero();
                    failures = if due { failures + 1 } else { 0 };
                    told(due.then_some(AcmeError::DueAlready(ends)).as_ref());
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(failures, %error, "no new certificate: it will be tried again");
                    told(Some(&error));
                }
            }
        }
    }

    /// Asks for a certificate, shows that the name is ours, and keeps what comes.
    pub async fn obtain(&self) -> Result<Certificate, AcmeError> {
        let account = self.account().await?;
        let order = match self.order(&account).await {
            Err(AcmeError::Authority(instant_acme::Error::Api(problem)))
                if problem.r#type.as_deref() == Some(NO_ACCOUNT) =>
            {
                // An authority that was set up anew: so is the account.
                tracing::warn!("the authority does not know the account: a new one is made");
                let account = self.new_account().await?;
                self.order(&account).await
            }
            order => order,
        };
        let mut order = order?;
        self.show_that_the_name_is_ours(&mut order).await?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new([self.name.clone()])?;
        params.distinguished_name = DistinguishedName::new();
        order.finalize_csr(params.serialize_request(&key)?.der()).await?;
        let chain = order.poll_certificate(&POLL).await?;
        let pem = format!("{}{chain}", key.serialize_pem());
        let certificate = Certificate::from_pem(pem.as_bytes(), pem.as_bytes(), &self.name)?;
        self.kept.keep_certificate(pem.into_bytes()).await?;
        Ok(certificate)
    }

    async fn order(&self, account: &Account) -> Result<Order, AcmeError> {
        let names = [Identifier::Dns(self.name.clone())];
        Ok(account.new_order(&NewOrder::new(&names)).await?)
    }

    async fn account(&self) -> Result<Account, AcmeError> {
        let directory = self.settings.directory.as_str();
        let Some(credentials) = self.kept.account(directory).await else {
            return self.new_account().await;
        };
        let builder = Account::builder_with_http(Box::new(Transport(self.client.clone())));
        Ok(builder.from_credentials(credentials).await?)
    }

    async fn new_account(&self) -> Result<Account, AcmeError> {
        let contact: Vec<&str> = self.settings.contact.as_deref().into_iter().collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: true,
            only_return_existing: false,
        };
        let directory = self.settings.directory.to_string();
        let builder = Account::builder_with_http(Box::new(Transport(self.client.clone())));
        let (account, credentials): (Account, AccountCredentials) =
            builder.create(&new, directory, None).await?;
        self.kept.keep_account(&credentials).await?;
        Ok(account)
    }

    /// RFC 8555 §8.4, for the one name of an order.
    async fn show_that_the_name_is_ours(&self, order: &mut Order) -> Result<(), AcmeError> {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge =
                authorization.challenge(ChallengeType::Dns01).ok_or(AcmeError::NoDnsChallenge)?;
            let value = challenge.key_authorization().dns_value();
            dns::publish(&self.client, &self.settings, &value).await?;
            challenge.set_ready().await?;
        }
        if order.poll_ready(&POLL).await? == OrderStatus::Ready {
            return Ok(());
        }
        Err(AcmeError::Refused(why(order).await))
    }
}

/// What the authority found, when it says so.
async fn why(order: &mut Order) -> String {
    let mut said = Vec::new();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let Ok(mut authorization) = authorization else { continue };
        let Ok(state) = authorization.refresh().await else { continue };
        let errors = state.challenges.iter().filter_map(|challenge| challenge.error.as_ref());
        said.extend(errors.map(ToString::to_string));
    }
    if said.is_empty() { "it does not say why".to_owned() } else { said.join("; ") }
}
