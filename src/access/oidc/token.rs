//! Is an ID token the ENT's word on this sign-in? The library follows OpenID Connect Core
//! §3.1.3.7; this file says what it is held to.

use std::time::{Duration, UNIX_EPOCH};

use jiff::{SignedDuration, Timestamp};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, ClaimsVerificationError, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdTokenClaims, IdTokenFields, Nonce,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, UserInfoClaims,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm as Algorithm,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
        CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::access::SignInError;

/// How far the box's clock and the ENT's may be apart.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(2);

/// The claims that OpenID Connect does not name.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
pub(super) struct More {
    #[serde(flatten)]
    claims: Map<String, Value>,
}

impl AdditionalClaims for More {}

pub(super) type Claims = IdTokenClaims<More, CoreGenderClaim>;
pub(super) type UserInfo = UserInfoClaims<More, CoreGenderClaim>;
pub(super) type IdToken =
    openidconnect::IdToken<More, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;
pub(super) type Answer = StandardTokenResponse<
    IdTokenFields<
        More,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        Algorithm,
    >,
    CoreTokenType,
>;
pub(super) type Party = openidconnect::Client<
    More,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Answer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unbelieved {
    /// Its key is none of those read: they may have been changed since.
    UnknownKey,
    /// Anything else.
    Because(&'static str),
}

impl From<Unbelieved> for SignInError {
    fn from(unbelieved: Unbelieved) -> Self {
        let reason = match unbelieved {
            Unbelieved::UnknownKey => "signed with a key that the ENT does not publish",
            Unbelieved::Because(reason) => reason,
        };
        Self::answer(format!("ID token: {reason}"))
    }
}

/// The algorithms to accept of those announced: signatures that only the ENT can make. Never
/// `none`, nor HS*, whose key every holder of the client secret has. RS256 when none is announced
/// (Core §2).
pub(super) fn asymmetric(announced: &[Algorithm]) -> Vec<Algorithm> {
    let one_way = |algorithm: &Algorithm| {
        !matches!(
            algorithm,
            Algorithm::None | Algorithm::HmacSha256 | Algorithm::HmacSha384 | Algorithm::HmacSha512
        )
    };
    if announced.is_empty() {
        return vec![Algorithm::RsaSsaPkcs1V15Sha256];
    }
    announced.iter().filter(|algorithm| one_way(algorithm)).cloned().collect()
}

/// The claims, when signature, algorithm, issuer, audience, times, nonce and the hash of the
/// access token hold.
pub(super) fn verify(
    party: &Party,
    algorithms: &[Algorithm],
    id_token: &IdToken,
    access: &AccessToken,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<Claims, Unbelieved> {
    let late = now.checked_add(CLOCK_SKEW).unwrap_or(now).as_second();
    let early = now.checked_sub(CLOCK_SKEW).unwrap_or(now).as_second();
    let early = UNIX_EPOCH + Duration::from_secs(early.try_into().unwrap_or(0));
    let verifier = party
        .id_token_verifier()
        .set_allowed_algs(algorithms.iter().cloned())
        .set_time_fn(move || early.into())
        .set_issue_time_verifier_fn(move |issued| {
            if issued.timestamp() <= late { Ok(()) } else { Err("issued in the future".into()) }
        });
    let claims = id_token.claims(&verifier, nonce).map_err(unbelieved)?;
    if let Some(hash) = claims.access_token_hash() {
        let bad = |_| Unbelieved::Because("at_hash cannot be checked");
        let algorithm = id_token.signing_alg().map_err(bad)?;
        let key = id_token.signing_key(&verifier).map_err(bad)?;
        let actual = AccessTokenHash::from_token(access, algorithm, key)
            .map_err(|_| Unbelieved::Because("at_hash cannot be checked"))?;
        if actual != *hash {
            return Err(Unbelieved::Because("made for another access token"));
        }
    }
    Ok(claims.clone())
}

/// The library's words may hold identifiers: ours say which check failed.
fn unbelieved(error: ClaimsVerificationError) -> Unbelieved {
    Unbelieved::Because(match error {
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::NoMatchingKey,
        ) => return Unbelieved::UnknownKey,
        ClaimsVerificationError::SignatureVerification(error) => match error {
            SignatureVerificationError::DisallowedAlg(_)
            | SignatureVerificationError::UnsupportedAlg(_) => {
                "signed in a way that is not accepted"
            }
            SignatureVerificationError::NoSignature => "not signed",
            SignatureVerificationError::AmbiguousKeyId(_) => "does not say which key signed it",
            _ => "the signature does not hold",
        },
        ClaimsVerificationError::Expired(_) => "too old, or from the future",
        ClaimsVerificationError::InvalidAudience(_) => "made for another client",
        ClaimsVerificationError::InvalidIssuer(_) => "made by another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "made for another sign-in (nonce)",
        _ => "not understood",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_signatures_that_the_ent_alone_can_make_are_accepted() {
        let announced = [
            Algorithm::None,
            Algorithm::HmacSha256,
            Algorithm::HmacSha384,
            Algorithm::HmacSha512,
            Algorithm::EcdsaP256Sha256,
            Algorithm::RsaSsaPkcs1V15Sha256,
        ];
        assert_eq!(
            asymmetric(&announced),
            [Algorithm::EcdsaP256Sha256, Algorithm::RsaSsaPkcs1V15Sha256]
        );
        assert_eq!(asymmetric(&[Algorithm::None, Algorithm::HmacSha256]), []);
        assert_eq!(asymmetric(&[]), [Algorithm::RsaSsaPkcs1V15Sha256]);
    }
}
