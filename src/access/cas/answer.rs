//! What a CAS server says: who has a ticket, in any of four spellings, and whose sessions end.

use crate::access::{
    attributes::Said,
    xml::{self, Element},
};

/// Bytes of a validation.
const MAX_VALIDATION_BYTES: usize = 512 * 1024;
/// Bytes of a single logout's form.
const MAX_LOGOUT_BYTES: usize = 64 * 1024;
/// Sessions ended by one logout.
const MAX_LOGOUT_TICKETS: usize = 16;
/// Characters of one of their tickets.
const MAX_TICKET_CHARS: usize = 512;
/// Characters of a failure's code: the longest of the protocol is `UNAUTHORIZED_SERVICE_PROXY`.
const MAX_CODE_CHARS: usize = 64;

/// The CAS server's word on a ticket.
#[derive(Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is good: the attributes, `user` among them.
    Success(Said),
    /// It is not.
    Failure {
        /// Such as `INVALID_TICKET`.
        code: String,
    },
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Larger than any honest one.
    #[error("it is larger than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// No XML, or one that is refused.
    #[error("{0}")]
    Xml(String),
    /// Not the elements that the protocol has.
    #[error("it is no CAS answer: {0}")]
    Shape(&'static str),
}

impl From<xml::BadXml> for BadAnswer {
    fn from(error: xml::BadXml) -> Self {
        Self::Xml(error.to_string())
    }
}

/// Reads an answer of `/serviceValidate` or `/p3/serviceValidate`.
///
/// Attributes come as children of `cas:attributes`, as children of `cas:authenticationSuccess`
/// itself, as `<cas:attribute name="…" value="…"/>`, or as lists within an element. All are read,
/// wherever they stand; a value in a list counts under its own name and under the list's.
pub fn validation(bytes: &[u8]) -> Result<Answered, BadAnswer> {
    if bytes.len() > MAX_VALIDATION_BYTES {
        return Err(BadAnswer::TooLarge { most: MAX_VALIDATION_BYTES });
    }
    let root = xml::read(bytes)?;
    if root.name != "serviceResponse" {
        return Err(BadAnswer::Shape("its root is no serviceResponse"));
    }
    // One word, and one only: what says yes and no, or yes twice, was put together by somebody.
    let [word] = root.children.as_slice() else {
        return Err(BadAnswer::Shape("it is neither one success nor one failure"));
    };
    match word.name.as_str() {
        "authenticationSuccess" => success(word).map(Answered::Success),
        "authenticationFailure" => {
            let code = word.attribute("code").unwrap_or("without a code");
            let code = code.trim().chars().take(MAX_CODE_CHARS).collect();
            Ok(Answered::Failure { code })
        }
        _ => Err(BadAnswer::Shape("it is neither a success nor a failure")),
    }
}

fn success(word: &Element) -> Result<Said, BadAnswer> {
    let mut users = word.named("user");
    let (Some(user), None) = (users.next(), users.next()) else {
        return Err(BadAnswer::Shape("a success has one user"));
    };
    if user.text.trim().is_empty() || !user.children.is_empty() {
        return Err(BadAnswer::Shape("the user has no name"));
    }
    let mut said = Said::default();
    // First, so that an attribute of that name does not pass for it.
    said.add("user", &user.text);
    if said.values("user").is_empty() {
        return Err(BadAnswer::Shape("the user's name cannot be kept"));
    }
    for child in &word.children {
        match child.name.as_str() {
            // Of the person: nothing.
            "user" | "proxyGrantingTicket" | "proxies" => {}
            "attributes" => child.children.iter().for_each(|one| attribute(one, &mut said)),
            _ => attribute(child, &mut said),
        }
    }
    Ok(said)
}

fn attribute(element: &Element, said: &mut Said) {
    if element.name == "attribute"
        && let Some(name) = element.attribute("name")
    {
        said.add(name, element.attribute("value").unwrap_or(&element.text));
    } else if element.children.is_empty() {
        said.add(&element.name, &element.text);
    } else {
        for child in &element.children {
            said.add(&element.name, &child.text);
            attribute(child, said);
        }
    }
}

/// The service tickets whose sessions end, of a single logout's form (`logoutRequest=<samlp:…>`);
/// none when it is no such form. Knowing a ticket is what allows to end its session.
pub fn ended_tickets(body: &[u8]) -> Vec<String> {
    if body.len() > MAX_LOGOUT_BYTES {
        return Vec::new();
    }
    let form = url::form_urlencoded::parse(body);
    let Some((_, request)) = form.into_iter().find(|(name, _)| name == "logoutRequest") else {
        return Vec::new();
    };
    let Ok(root) = xml::read(request.as_bytes()) else { return Vec::new() };
    if root.name != "LogoutRequest" {
        return Vec::new();
    }
    root.named("SessionIndex")
        .map(|index| index.text.trim().to_owned())
        .filter(|ticket| !ticket.is_empty() && ticket.chars().nth(MAX_TICKET_CHARS).is_none())
        .take(MAX_LOGOUT_TICKETS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        access::{Role, attributes::person},
        config::Attributes,
    };

    fn answer(inside: &str) -> Vec<u8> {
        format!(
            "<cas:serviceResponse xmlns:cas='http://www.yale.edu/tp/cas'>{inside}\
             </cas:serviceResponse>"
        )
        .into_bytes()
    }

    fn said(inside: &str) -> Said {
        let success = format!("<cas:authenticationSuccess>{inside}</cas:authenticationSuccess>");
        match validation(&answer(&success)) {
            Ok(Answered::Success(said)) => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn children_of_attributes_are_read() {
        let said = said(
            "<cas:user>u1</cas:user><cas:attributes><cas:UAI>0670007U</cas:UAI>\
             <cas:UAI>0670008V</cas:UAI><cas:PRO>National_elv</cas:PRO></cas:attributes>",
        );
        assert_eq!(said.values("user"), ["u1"]);
        assert_eq!(said.values("UAI"), ["0670007U", "0670008V"]);
        let person = person(&said, &Attributes::default()).unwrap();
        assert_eq!((person.id.as_str(), person.role), ("u1", Role::Pupil));
    }

    #[test]
    fn flat_children_are_read() {
        let said = said(
            "<cas:user>U</cas:user><cas:uid>87654321</cas:uid>\
             <cas:ENTPersonStructRattachRNE>0690001B</cas:ENTPersonStructRattachRNE>\
             <cas:ENTPersonProfils>National_3</cas:ENTPersonProfils>",
        );
        let person = person(&said, &Attributes::default()).unwrap();
        assert_eq!((person.id.as_str(), person.role), ("87654321", Role::Teacher));
    }

    #[test]
    fn names_and_values_are_read() {
        let pair = "<cas:attribute name='ENTPersonProfils' value='National_7'/>";
        assert_eq!(
            said(&format!("<cas:user>U</cas:user>{pair}")).values("ENTPersonProfils"),
            ["National_7"]
        );
        let within = format!("<cas:user>U</cas:user><cas:attributes>{pair}</cas:attributes>");
        assert_eq!(said(&within).values("ENTPersonProfils"), ["National_7"]);
    }

    #[test]
    fn lists_within_are_read_under_both_names() {
        let said = said(
            "<cas:user>u4</cas:user><cas:ENTPersonProfils>\
             <cas:ENTPersonProfil>National_ELV</cas:ENTPersonProfil></cas:ENTPersonProfils>\
             <cas:ENTEleveClasses><cas:ENTEleveClasse>2NDE04</cas:ENTEleveClasse>\
             <cas:ENTEleveClasse>2NDE05</cas:ENTEleveClasse></cas:ENTEleveClasses>",
        );
        assert_eq!(said.values("ENTPersonProfils"), ["National_ELV"]);
        assert_eq!(said.values("ENTPersonProfil"), ["National_ELV"]);
        assert_eq!(said.values("ENTEleveClasses"), ["2NDE04", "2NDE05"]);
    }

    #[test]
    fn a_failure_says_its_code() {
        let failure = "<cas:authenticationFailure code=\"INVALID_TICKET\">Ticket ST-1 not \
                       recognized</cas:authenticationFailure>";
        let read = validation(&answer(failure)).unwrap();
        assert_eq!(read, Answered::Failure { code: "INVALID_TICKET".into() });
    }

    #[test]
    fn an_attribute_does_not_pass_for_the_user() {
        let said = said(
            "<cas:attributes><cas:user>head</cas:user></cas:attributes><cas:user>pupil</cas:user>",
        );
        assert_eq!(said.values("user").first().unwrap(), "pupil");
        // Nor when the user's own name is such that it is left out.
        for name in ["pu&#7;pil".to_owned(), "p".repeat(10_000)] {
            let inside = format!(
                "<cas:authenticationSuccess><cas:user>{name}</cas:user><cas:attributes>\
                 <cas:user>head</cas:user></cas:attributes></cas:authenticationSuccess>"
            );
            assert!(matches!(
                validation(&answer(&inside)),
                Err(BadAnswer::Shape(_) | BadAnswer::Xml(_))
            ));
        }
    }

    #[test]
    fn an_answer_that_says_two_things_is_refused() {
        let yes = "<cas:authenticationSuccess><cas:user>a</cas:user></cas:authenticationSuccess>";
        let no = "<cas:authenticationFailure code='INVALID_TICKET'/>";
        let two_users = "<cas:authenticationSuccess><cas:user>a</cas:user><cas:user>b</cas:user>\
                         </cas:authenticationSuccess>";
        let nobody =
            "<cas:authenticationSuccess><cas:user> </cas:user></cas:authenticationSuccess>";
        for inside in [&format!("{yes}{no}"), &format!("{yes}{yes}"), "", two_users, nobody] {
            assert!(matches!(validation(&answer(inside)), Err(BadAnswer::Shape(_))), "{inside}");
        }
        assert!(validation(yes.as_bytes()).is_err());
        assert!(validation(&vec![b' '; MAX_VALIDATION_BYTES + 1]).is_err());
        assert!(validation(b"<html><body>Welcome</body></html>").is_err());
    }

    #[test]
    fn a_single_logout_names_its_tickets() {
        let request = "<samlp:LogoutRequest xmlns:samlp='urn:oasis:names:tc:SAML:2.0:protocol'>\
                       <saml:NameID>@NOT_USED@</saml:NameID>\
                       <samlp:SessionIndex>ST-1-x</samlp:SessionIndex></samlp:LogoutRequest>";
        let form = |name: &str, xml: &str| {
            url::form_urlencoded::Serializer::new(String::new())
                .append_pair("other", "1")
                .append_pair(name, xml)
                .finish()
                .into_bytes()
        };
        assert_eq!(ended_tickets(&form("logoutRequest", request)), ["ST-1-x"]);
        assert!(ended_tickets(&form("logout", request)).is_empty());
        assert!(ended_tickets(&form("logoutRequest", "<a/>")).is_empty());
        assert!(ended_tickets(b"").is_empty());
        assert!(ended_tickets(&vec![b'a'; MAX_LOGOUT_BYTES + 1]).is_empty());
    }
}
