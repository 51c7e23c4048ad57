//! A request in the clear on its way to port 80: its `Host` says where, as it would to the origin.

use std::net::SocketAddr;

use http::{
    HeaderMap, Request, Uri,
    header::HOST,
    uri::{Authority, PathAndQuery, Scheme},
};

use crate::gateway::asked::{Asked, BadTarget, host_of};

/// Gives the request the absolute form that a proxy is asked in (RFC 9112 §3.2.2). The port is the
/// one that the device dialled, whatever the field says: nothing leads elsewhere.
pub fn make_absolute<B>(request: &mut Request<B>, original: SocketAddr) -> Result<(), BadTarget> {
    let asked = asked(request.headers(), request.uri(), original)?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(asked.to_string().parse().map_err(|_| BadTarget::Host)?);
    // `OPTIONS *` asks the server itself (RFC 9112 §3.2.4).
    if parts.path_and_query.as_ref().is_none_or(|path| !path.as_str().starts_with('/')) {
        parts.path_and_query = Some(PathAndQuery::from_static("/"));
    }
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| BadTarget::Host)?;
    Ok(())
}

fn asked(fields: &HeaderMap, uri: &Uri, original: SocketAddr) -> Result<Asked, BadTarget> {
    // RFC 9112 §3.2.2: the absolute form, which servers must take too, goes before the field.
    let named = match uri.authority() {
        Some(authority) => Some(authority.clone()),
        None => host_field(fields)?,
    };
    let Some(authority) = named else { return Ok(Asked::at(original)) };
    if authority.as_str().contains('@') {
        return Err(BadTarget::User);
    }
    Ok(Asked { host: host_of(authority.host())?, port: original.port() })
}

/// RFC 9112 §3.2: one field, or none in HTTP/1.0.
fn host_field(fields: &HeaderMap) -> Result<Option<Authority>, BadTarget> {
    let mut said = fields.get_all(HOST).iter();
    let Some(first) = said.next() else { return Ok(None) };
    if said.next().is_some() {
        return Err(BadTarget::Host);
    }
    if first.is_empty() {
        return Ok(None);
    }
    Authority::try_from(first.as_bytes()).map(Some).map_err(|_| BadTarget::Host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(target: &str, hosts: &[&str]) -> Result<String, BadTarget> {
        let mut request = Request::builder().uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let mut request = request.body(()).unwrap();
        make_absolute(&mut request, "192.0.2.1:80".parse().unwrap())?;
        Ok(request.uri().to_string())
    }

    #[test]
    fn a_request_goes_where_its_host_field_says_at_the_port_that_was_dialled() {
        for (target, hosts, absolute_form) in [
            ("/a?b", &["Example.org"][..], "http://example.org:80/a?b"),
            ("/", &["example.org:8080"], "http://example.org:80/"),
            ("/a", &[], "http://192.0.2.1:80/a"),
            ("/a", &[""], "http://192.0.2.1:80/a"),
            ("http://other.example/b", &["example.org"], "http://other.example:80/b"),
            ("*", &["example.org"], "http://example.org:80/"),
        ] {
            assert_eq!(absolute(target, hosts).as_deref(), Ok(absolute_form), "{target} {hosts:?}");
        }
    }

    #[test]
    fn a_host_field_that_could_be_read_in_two_ways_is_refused() {
        assert_eq!(absolute("/", &["a.example", "b.example"]), Err(BadTarget::Host));
        assert_eq!(absolute("/", &["me@a.example"]), Err(BadTarget::User));
        assert_eq!(absolute("/", &["a b"]), Err(BadTarget::Host));
        assert_eq!(absolute("/", &["a..b"]), Err(BadTarget::Host));
    }
}
