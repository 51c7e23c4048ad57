//! A provider that lies: tokens of another key, of no key, of another person, time or client.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use jiff::{SignedDuration, Timestamp};
use preau::access::{Entered, Role, SignInError};
use ring::{
    digest, hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use support::{
    door::{Cookies, Door, SERVICE, oidc, value},
    origin::Origin,
};
use url::Url;

const JSON: &str = "application/json";
const ACCESS: &str = "access-token";

/// A signing key of the provider, or of somebody else.
struct Key {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self { id, pair: EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random).unwrap() }
    }

    fn public(&self) -> Value {
        // SEC 1 §2.3.3: 4, then both coordinates.
        let (x, y) = self.pair.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id,
               "x": BASE64.encode(x), "y": BASE64.encode(y)})
    }

    fn sign(&self, claims: &Value) -> String {
        let signed = unsigned("ES256", self.id, claims);
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", BASE64.encode(signature))
    }
}

fn unsigned(algorithm: &str, key: &str, claims: &Value) -> String {
    let head = json!({"alg": algorithm, "kid": key, "typ": "JWT"});
    format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()))
}

fn hs256(secret: &[u8], key: &str, claims: &Value) -> String {
    let signed = unsigned("HS256", key, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(tag))
}

/// A provider whose every answer the test writes, a box that signs in there, and a browser.
struct Liar {
    origin: Origin,
    issuer: Url,
    door: Door,
    cookies: Cookies,
    begun: Url,
}

impl Liar {
    async fn start(keys: &[&Key]) -> Self {
        let origin = tokio::task::spawn_blocking(Origin::start).await.unwrap();
        let issuer: Url = format!("http://{}/oidc", origin.address).parse().unwrap();
        let document = json!({
            "issuer": issuer.as_str(),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // Whatever it announces, `none` and HS256 are not accepted.
            "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
        });
        origin.put("/oidc/.well-known/openid-configuration", JSON, document.to_string());
        let door = Door::with("", &oidc(&issuer, "preau"));
        let (cookies, begun) = (Cookies::default(), issuer.clone());
        let mut liar = Self { origin, issuer, door, cookies, begun };
        liar.publish(keys);
        liar.user_info(
            &json!({"sub": "s-1", "uid": "a1", "PRO": "National_elv", "UAI": "0510035L"}),
        );
        liar.begin(Timestamp::now()).await;
        liar
    }

    fn publish(&self, keys: &[&Key]) {
        let keys: Vec<_> = keys.iter().map(|key| key.public()).collect();
        self.origin.put("/oidc/jwks", JSON, json!({"keys": keys}).to_string());
    }

    fn user_info(&self, claims: &Value) {
        self.origin.put("/oidc/userinfo", JSON, claims.to_string());
    }

    async fn begin(&mut self, now: Timestamp) {
        self.begun = self.cookies.begin(&self.door, "/", now).await;
    }

    /// Claims of an honest token for the sign-in under way.
    fn claims(&self) -> Value {
        let now = Timestamp::now().as_second();
        json!({"iss": self.issuer.as_str(), "sub": "s-1", "aud": "preau", "iat": now,
               "exp": now + 300, "nonce": value(&self.begun, "nonce")})
    }

    /// The same with one claim changed.
    fn but(&self, name: &str, value: Value) -> Value {
        let mut claims = self.claims();
        claims[name] = value;
        claims
    }

    /// Comes back, and the provider gives this token.
    async fn give(&mut self, id_token: &str, now: Timestamp) -> Result<Entered, SignInError> {
        let answer = json!({"access_token": ACCESS, "token_type": "Bearer", "id_token": id_token});
        self.origin.put("/oidc/token", JSON, answer.to_string());
        self.come_back(&[("code", "c-1")], now).await
    }

    async fn come_back(
        &mut self,
        more: &[(&str, &str)],
        now: Timestamp,
    ) -> Result<Entered, SignInError> {
        let mut back: Url = SERVICE.parse().unwrap();
        back.query_pairs_mut()
            .append_pair("state", &value(&self.begun, "state"))
            .extend_pairs(more);
        self.cookies.finish(&self.door, &back, now).await
    }

    /// The token is refused for this reason, and nobody is signed in.
    async fn refuses(&mut self, id_token: &str, because: &str) {
        let error = self.give(id_token, Timestamp::now()).await.unwrap_err();
        assert!(matches!(error, SignInError::Answer { .. }), "{error}");
        assert!(error.to_string().contains(because), "{error}, not: {because}");
        assert!(!self.cookies.signed_in(&self.door, Timestamp::now()), "{because}");
        self.begin(Timestamp::now()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_token_signs_in() {
    let key = Key::new("k1");
    let mut liar = Liar::start(&[&key]).await;
    let mut claims = liar.claims();
    let hash = digest::digest(&digest::SHA256, ACCESS.as_bytes());
    claims["at_hash"] = BASE64.encode(&hash.as_ref()[..16]).into();
    let entered = liar.give(&key.sign(&claims), Timestamp::now()).await.unwrap();
    assert_eq!(
        (entered.session.person.id.as_str(), entered.session.person.role),
        ("a1", Role::Pupil)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_signed_with_another_key_is_refused() {
    let (key, same_name, unknown) = (Key::new("k1"), Key::new("k1"), Key::new("k9"));
    let mut liar = Liar::start(&[&key]).await;
    let token = same_name.sign(&liar.claims());
    liar.refuses(&token, "the signature does not hold").await;
    let token = unknown.sign(&liar.claims());
    liar.refuses(&token, "a key that the ENT does not publish").await;
    // A claim changed after the signature.
    let (honest, other) = (key.sign(&liar.claims()), liar.but("sub", "s-2".into()));
    let signature = honest.rsplit('.').next().unwrap();
    let token = format!("{}.{signature}", unsigned("ES256", "k1", &other));
    liar.refuses(&token, "the signature does not hold").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_signature_and_shared_secrets_are_refused_whatever_is_announced() {
    let key = Key::new("k1");
    let mut liar = Liar::start(&[&key]).await;
    for algorithm in ["none", "None", "NONE"] {
        let token = format!("{}.", unsigned(algorithm, "k1", &liar.claims()));
        let error = liar.give(&token, Timestamp::now()).await.unwrap_err();
        assert!(matches!(error, SignInError::Answer { .. }), "{algorithm}: {error}");
        assert!(!liar.cookies.signed_in(&liar.door, Timestamp::now()));
        liar.begin(Timestamp::now()).await;
    }
    // With the client's own secret, and with the public key as if it were one (RFC 8725 §2.1).
    let public = key.pair.public_key().as_ref().to_vec();
    let document = key.public().to_string().into_bytes();
    for secret in [b"secret-of-preau".to_vec(), public, document] {
        let token = hs256(&secret, "k1", &liar.claims());
        liar.refuses(&token, "signed in a way that is not accepted").await;
    }
    // A shared secret published as a key of the provider.
    let shared = json!({"kty": "oct", "kid": "k2", "use": "sig", "k": BASE64.encode("open")});
    let keys = json!({"keys": [key.public(), shared]});
    liar.origin.put("/oidc/jwks", JSON, keys.to_string());
    let token = hs256(b"open", "k2", &liar.claims());
    liar.refuses(&token, "signed in a way that is not accepted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_another_sign_in_client_issuer_or_time_is_refused() {
    let key = Key::new("k1");
    let mut liar = Liar::start(&[&key]).await;
    let now = Timestamp::now().as_second();
    for (name, wrong, because) in [
        ("nonce", json!("another"), "nonce"),
        ("nonce", Value::Null, "nonce"),
        ("aud", json!("another"), "another client"),
        ("aud", json!(["preau", "another"]), "another client"),
        ("aud", json!([]), "another client"),
        ("iss", json!("https://evil.example.org/oidc"), "another issuer"),
        ("exp", json!(now - 600), "too old"),
        ("iat", json!(now + 600), "future"),
        ("at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA"), "another access token"),
    ] {
        let token = key.sign(&liar.but(name, wrong));
        liar.refuses(&token, because).await;
    }
    // A token that was good for an earlier sign-in of the same browser.
    let earlier = key.sign(&liar.claims());
    liar.begin(Timestamp::now()).await;
    liar.refuses(&earlier, "nonce").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_about_another_person_are_refused() {
    let key = Key::new("k1");
    let mut liar = Liar::start(&[&key]).await;
    liar.user_info(&json!({"sub": "s-2", "uid": "a2", "PRO": "National_dir", "UAI": "0510035L"}));
    let token = key.sign(&liar.claims());
    liar.refuses(&token, "not of the person").await;
    // A subject that cannot be kept lets no other claim take its place.
    let nested = json!({"attributes": {"sub": "a2", "PRO": "National_dir", "UAI": "0510035L"}});
    for subject in ["", "s\u{7}", &"s".repeat(10_000)] {
        let mut claims = nested.clone();
        claims["sub"] = subject.into();
        liar.user_info(&claims);
        let token = key.sign(&liar.but("sub", subject.into()));
        liar.refuses(&token, "cannot be kept").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_of_another_provider_is_refused() {
    let key = Key::new("k1");
    let mut liar = Liar::start(&[&key]).await;
    let more = [("code", "c-1"), ("iss", "https://other.example.org/")];
    let error = liar.come_back(&more, Timestamp::now()).await.unwrap_err();
    assert!(error.to_string().contains("another provider"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_keys_are_read_when_a_token_names_one_but_not_at_every_token() {
    let (old, new, newest) = (Key::new("k1"), Key::new("k2"), Key::new("k3"));
    let mut liar = Liar::start(&[&old]).await;
    liar.publish(&[&new]);
    let token = new.sign(&liar.claims());
    let entered = liar.give(&token, Timestamp::now()).await.unwrap();
    assert_eq!(entered.session.person.id, "a1");
    // The keys were read anew a moment ago.
    liar.cookies = Cookies::default();
    liar.begin(Timestamp::now()).await;
    liar.publish(&[&newest]);
    let token = newest.sign(&liar.claims());
    liar.refuses(&token, "a key that the ENT does not publish").await;
    let later = Timestamp::now() + SignedDuration::from_secs(15);
    let token = newest.sign(&liar.claims());
    let entered = liar.give(&token, later).await.unwrap();
    assert_eq!(entered.session.person.id, "a1");
    // The old key is not believed any more.
    liar.cookies = Cookies::default();
    liar.begin(Timestamp::now()).await;
    let token = old.sign(&liar.claims());
    liar.refuses(&token, "a key that the ENT does not publish").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_that_are_too_large_or_of_another_issuer_begin_nothing() {
    let key = Key::new("k1");
    let liar = Liar::start(&[&key]).await;
    let place = "/oidc/.well-known/openid-configuration";
    let other =
        json!({"issuer": "https://evil.example.org/", "jwks_uri": "https://evil.example.org/"});
    for document in [other.to_string(), " ".repeat(1 << 20), "<html>".into()] {
        liar.origin.put(place, JSON, document);
        let door = Door::with("", &oidc(&liar.issuer, "preau"));
        let begun = door.access.begin("/", &http::HeaderMap::new(), Timestamp::now()).await;
        assert!(matches!(begun, Err(SignInError::Answer { .. })), "{begun:?}");
    }
}
