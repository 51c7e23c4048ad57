//! acme-dns: a small service of the region that holds one TXT record a box, and nothing else.
//! `_acme-challenge.NAME` is a CNAME to it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::{AcmeError, transport::LIMITS};
use crate::{
    config,
    net::client::{Ask, Client},
};

/// An account is three short words.
const MAX_ACCOUNT_BYTES: usize = 16 * 1024;
const USER: HeaderName = HeaderName::from_static("x-api-user");
const KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What acme-dns gave at `register`, as it gave it.
#[derive(Deserialize)]
struct DnsAccount {
    username: String,
    password: String,
    subdomain: String,
}

/// Has acme-dns answer `value` from now on.
pub(super) async fn publish(
    client: &Client,
    settings: &config::Acme,
    value: &str,
) -> Result<(), AcmeError> {
    let account = read(settings).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER, field(settings, &account.username)?);
    headers.insert(KEY, field(settings, &account.password)?);
    let body = json!({ "subdomain": account.subdomain, "txt": value }).to_string().into();
    let url = update(&settings.dns);
    let ask = Ask { method: Method::POST, url, headers, body, limits: LIMITS };
    let answer = client.send(ask).await.map_err(|error| AcmeError::Dns(error.to_string()))?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(AcmeError::Dns(format!("the record was not taken ({})", answer.status)))
}

/// `update`, below the service's address however that ends.
fn update(base: &Url) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}/update", base.path().trim_end_matches('/')));
    url
}

async fn read(settings: &config::Acme) -> Result<DnsAccount, AcmeError> {
    let bad = |reason: String| AcmeError::DnsAccount { path: settings.dns_account.clone(), reason };
    let bytes = tokio::fs::read(&settings.dns_account).await;
    let bytes = bytes.map_err(|error| bad(error.to_string()))?;
    if bytes.len() > MAX_ACCOUNT_BYTES {
        return Err(bad("too large for an acme-dns account".to_owned()));
    }
    // serde would quote what stands there.
    serde_json::from_slice(&bytes).map_err(|error| {
        bad(format!("no acme-dns account (JSON), line {} column {}", error.line(), error.column()))
    })
}

fn field(settings: &config::Acme, value: &str) -> Result<HeaderValue, AcmeError> {
    let mut field = HeaderValue::from_str(value).map_err(|_| AcmeError::DnsAccount {
        path: settings.dns_account.clone(),
        reason: "holds characters that a header field cannot carry".to_owned(),
    })?;
    field.set_sensitive(true);
    Ok(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_update_address_is_below_the_service_however_that_ends() {
        for base in ["https://dns.example/api", "https://dns.example/api/"] {
            let url = update(&base.parse().unwrap());
            assert_eq!(url.as_str(), "https://dns.example/api/update");
        }
        assert_eq!(update(&"http://d:1".parse().unwrap()).as_str(), "http://d:1/update");
    }
}
