//! What may go wrong with a transfer, said so that a person can act.

use std::time::Duration;

use crate::{
    net::client::{ClientError, Shown},
    store::StoreError,
};

/// Why the mirror cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The school's time zone is not in the time zone database.
    #[error("school.timezone: {name:?} is no known time zone, such as \"Europe/Paris\": {reason}")]
    Zone {
        /// As configured.
        name: String,
        /// What the database says.
        reason: String,
    },
}

/// Why a package did not come.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The exchange itself failed.
    #[error(transparent)]
    Exchange(#[from] ClientError),
    /// The origin said no.
    #[error("{url}: answered {status}, 200 or 206 was expected")]
    Status {
        /// The address.
        url: Shown,
        /// What it answered.
        status: http::StatusCode,
        /// `Retry-After` (RFC 9110 §10.2.3), bounded; zero when there is none.
        retry_after: Duration,
    },
    /// The body is coded although `identity` was asked for.
    #[error("{url}: the body came coded ({encoding}), plain bytes were asked for")]
    Encoded {
        /// The address.
        url: Shown,
        /// `Content-Encoding`.
        encoding: String,
    },
    /// The origin and the feed disagree about the size.
    #[error("{url}: {announced} bytes are announced, the feed says {expected}")]
    WrongLength {
        /// The address.
        url: Shown,
        /// By the origin.
        announced: u64,
        /// By the feed.
        expected: u64,
    },
    /// The answer is another range than the one asked for.
    #[error("{url}: asked for bytes {asked}, the answer holds {got}")]
    WrongRange {
        /// The address.
        url: Shown,
        /// As in `Range`.
        asked: String,
        /// As in `Content-Range`.
        got: String,
    },
    /// The origin's copy is another than at the first answer, again and again.
    #[error("{url}: its bytes changed while they were fetched")]
    Changed {
        /// The address.
        url: Shown,
    },
    /// The body does not end where it should.
    #[error("{url}: more than the {expected} bytes announced came")]
    Overlong {
        /// The address.
        url: Shown,
        /// Bytes expected.
        expected: u64,
    },
    /// The body ends too early.
    #[error("{url}: the body ended at {got} bytes of {expected}")]
    Short {
        /// The address.
        url: Shown,
        /// Bytes present.
        got: u64,
        /// Bytes expected.
        expected: u64,
    },
    /// Larger than `mirror.largest_package`.
    #[error("{url}: {size} bytes is more than mirror.largest_package ({limit})")]
    TooLarge {
        /// The address.
        url: Shown,
        /// Announced.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The feed that offered it is no longer configured, or its credentials cannot be read.
    #[error("source {name:?}: no client to fetch with; are its credentials readable?")]
    NoClient {
        /// The source's name.
        name: String,
    },
    /// The store would not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The older version could not be read.
    #[error("the version already here cannot be read: {0}")]
    Older(std::io::Error),
    /// A task of ours failed.
    #[error("the transfer broke off by itself: {0}")]
    Task(String),
    /// It was told to stop (shutdown, the window closed, no longer wanted).
    #[error("stopped")]
    Stopped,
}

impl FetchError {
    /// Not to be mended by trying again soon.
    pub fn is_hopeless(&self) -> bool {
        match self {
            Self::Exchange(
                ClientError::Refused { .. }
                | ClientError::Unusable { .. }
                | ClientError::Redirect { .. }
                | ClientError::TooManyRedirects { .. },
            )
            | Self::Encoded { .. }
            | Self::WrongLength { .. }
            | Self::TooLarge { .. }
            | Self::NoClient { .. } => true,
            Self::Status { status, .. } => {
                status.is_client_error()
                    && ![http::StatusCode::REQUEST_TIMEOUT, http::StatusCode::TOO_MANY_REQUESTS]
                        .contains(status)
            }
            _ => false,
        }
    }

    /// The origin could not be reached at all: the same holds for everything else it has.
    pub fn is_unreached(&self) -> bool {
        let Self::Exchange(error) = self else { return false };
        matches!(error, ClientError::Connect { .. } | ClientError::HeadTimeout { .. })
    }

    /// How long the origin asked to be left alone.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => Duration::ZERO,
        }
    }

    /// The disk or the quota is full: no fault of the origin.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_full())
    }

    /// The bytes came, and are not the announced ones.
    pub fn is_mismatch(&self) -> bool {
        matches!(self, Self::Store(StoreError::WrongHash { .. }))
    }
}
