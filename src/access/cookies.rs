//! The three cookies. `__Host-`: for this very host, over TLS, whatever a neighbour host sets.

use cookie::{Cookie, SameSite};
use http::{HeaderMap, HeaderValue, header::COOKIE};
use jiff::SignedDuration;

/// Holds the session's token.
pub(super) const SESSION: &str = "__Host-preau";
/// Holds the device pass.
pub(super) const PASS: &str = "__Host-preau-pass";
/// Binds a sign-in under way to its browser.
pub(super) const SIGN_IN: &str = "__Host-preau-signin";

/// The first cookie of this name. Allocates nothing.
pub(super) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='))
}

/// `Set-Cookie` for `lasts`, or until the browser closes.
pub(super) fn set(name: &str, value: &str, lasts: Option<SignedDuration>) -> Option<HeaderValue> {
    let mut cookie = Cookie::build((name, value))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax);
    if let Some(lasts) = lasts {
        cookie = cookie.max_age(cookie::time::Duration::seconds(lasts.as_secs()));
    }
    let mut value = HeaderValue::from_str(&cookie.build().to_string()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// `Set-Cookie` that takes it away.
pub(super) fn clear(name: &str) -> Option<HeaderValue> {
    set(name, "", Some(SignedDuration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_stay_on_this_host_out_of_scripts_and_off_other_sites_forms() {
        let value = set(SESSION, "x", None).unwrap();
        let text = value.to_str().unwrap();
        for part in ["__Host-preau=x", "HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(!text.contains("Domain") && !text.contains("Max-Age"), "{text}");
        assert!(value.is_sensitive());
        let gone = clear(PASS).unwrap();
        assert!(gone.to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn a_cookie_is_found_among_others_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; __Host-preau-pass=p"));
        headers.append(COOKIE, HeaderValue::from_static("__Host-preau=s; b=2"));
        assert_eq!(read(&headers, SESSION), Some("s"));
        assert_eq!(read(&headers, PASS), Some("p"));
        assert_eq!(read(&headers, SIGN_IN), None);
    }
}
