//! Sign-in by CAS 3: where people are sent, and the question whether their ticket is good.
//!
//! The address of the service must be the same, byte for byte, in both: the ticket is bound to it
//! (CAS Protocol 3.0, §2.5.1).

mod answer;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::ACCEPT};
use url::Url;

pub use self::answer::{Answered, BadAnswer, ended_tickets, validation};
use super::{SignInError, asking, attempt::Attempt, attributes::Said, ent::Identity};
use crate::{config, net};

/// Characters of a ticket. CAS Protocol 3.0, §3.1.1: services must take 32, should take 256.
const MAX_TICKET_CHARS: usize = 512;

/// A CAS server and how to ask it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    client: net::client::Client,
    base: Url,
    parameters: Vec<(String, String)>,
}

impl Client {
    pub(super) fn new(settings: &config::Cas, client: net::client::Client) -> Self {
        let parameters = settings
            .parameters
            .iter()
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self { client, base: settings.url.clone(), parameters }
    }

    /// Where a person signs in, to come back to `service` with a ticket; once it answers.
    pub(super) async fn address(&self, service: &Url) -> Result<Url, SignInError> {
        let to = self.login(service);
        asking::await_sign_in_page(&self.client, &to).await?;
        Ok(to)
    }

    fn login(&self, service: &Url) -> Url {
        let mut url = asking::below(&self.base, &["login"]);
        url.query_pairs_mut()
            .extend_pairs(&self.parameters)
            .append_pair("service", service.as_str());
        url
    }

    /// Who came back, from the query they came back with.
    pub(super) async fn identify(
        &self,
        query: &[(String, String)],
        attempt: &Attempt,
    ) -> Result<Identity, SignInError> {
        let ticket = query.iter().find(|(name, _)| name == "ticket");
        let ticket = ticket.map(|(_, ticket)| ticket.as_str()).unwrap_or_default();
        let attributes = self.validate(&attempt.service(), ticket).await?;
        Ok(Identity { attributes, ticket: Some(ticket.to_owned()) })
    }

    /// Asks whether a ticket is good for `service`, and who has it. Good once: CAS forgets it.
    async fn validate(&self, service: &Url, ticket: &str) -> Result<Said, SignInError> {
        if !is_ticket(ticket) {
            return Err(SignInError::answer("the person came back without a service ticket"));
        }
        let mut url = asking::below(&self.base, &["p3", "serviceValidate"]);
        url.query_pairs_mut()
            .append_pair("service", service.as_str())
            .append_pair("ticket", ticket);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/xml, text/xml"));
        let reply = asking::ask(&self.client, Method::GET, url, headers, Bytes::new()).await?;
        if reply.status != StatusCode::OK {
            let status = reply.status.as_u16();
            return Err(SignInError::answer(format!("the validation answered {status}")));
        }
        match validation(&reply.body).map_err(SignInError::answer)? {
            Answered::Success(said) => Ok(said),
            Answered::Failure { code } => Err(SignInError::refused(&code)),
        }
    }
}

/// A service ticket: CAS Protocol 3.0, §3.1.1 says how it begins, and §3.7 of what it is made.
fn is_ticket(ticket: &str) -> bool {
    ticket.starts_with("ST-")
        && ticket.len() <= MAX_TICKET_CHARS
        && ticket.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::client::ClientOptions;

    fn cas(base: &str, parameters: &[&str]) -> Client {
        let settings = config::Cas {
            url: base.parse().unwrap(),
            parameters: parameters.iter().map(ToString::to_string).collect(),
        };
        Client::new(&settings, net::client::Client::new(ClientOptions::default()).unwrap())
    }

    #[test]
    fn people_are_sent_with_the_service_and_the_configured_parameters() {
        let service = "https://retour.example.org/?state=0510035L.x%2By".parse().unwrap();
        for base in ["https://cas.example.org", "https://cas.example.org/"] {
            let url = cas(base, &["selection=EDU"]).login(&service);
            assert_eq!(
                url.as_str(),
                "https://cas.example.org/login?selection=EDU&service=\
                 https%3A%2F%2Fretour.example.org%2F%3Fstate%3D0510035L.x%252By"
            );
        }
    }

    #[test]
    fn a_ticket_is_what_the_protocol_says() {
        assert!(is_ticket("ST-1-abcDEF.:_"));
        for bad in ["", "PT-1", "ST-1 2", "ST-1\r\n", "ST-é", &format!("ST-{}", "a".repeat(600))] {
            assert!(!is_ticket(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_ticket_is_never_shown_to_a_server_without_tls() {
        let service = "https://box.example.org/".parse().unwrap();
        let error = cas("http://cas.example.org/", &[]).validate(&service, "ST-1").await;
        assert!(matches!(error, Err(SignInError::Answer { .. })), "{error:?}");
    }
}
