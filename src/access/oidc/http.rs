//! The HTTP client that the OpenID library is given: the house's own, with its bounds.

use std::pin::Pin;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use crate::{
    access::{SignInError, asking},
    net::client::Client,
};

/// Asks for the library.
pub(super) struct Asker<'a>(pub(super) &'a Client);

impl<'c> AsyncHttpClient<'c> for Asker<'_> {
    type Error = SignInError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, SignInError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let url = Url::parse(&head.uri.to_string())
                .map_err(|error| SignInError::answer(format!("{}: {error}", head.uri.path())))?;
            let reply = asking::ask(self.0, head.method, url, head.headers, body.into()).await?;
            let mut response = HttpResponse::new(reply.body.to_vec());
            *response.status_mut() = reply.status;
            *response.headers_mut() = reply.headers;
            Ok(response)
        })
    }
}
