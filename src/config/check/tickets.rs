//! What the types of `[health.tickets]` cannot say.

use std::{collections::HashSet, time::Duration};

use super::{Found, absolute, check_credentials, check_url};
use crate::config::{
    Config, INCIDENT_KINDS, MailTls, TicketMail,
    report::Severity::{Error, Warning},
};

const MAX_TEXT_CHARS: usize = 300;
const MAX_RECIPIENTS: usize = 16;
const MAX_ADDRESS_BYTES: usize = 254;
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
const LONGEST_MERGE: Duration = Duration::from_secs(3600);
const MAX_PER_HOUR: u32 = 1000;

pub(super) fn check_tickets(config: &Config, found: &mut Found<'_>) {
    let tickets = &config.health.tickets;
    let key = |name: &str| format!("health.tickets.{name}");
    for (name, text) in [("contact", &tickets.contact), ("contract", &tickets.contract)] {
        let length = text.as_ref().map_or(1, |text| text.trim().chars().count());
        if !(1..=MAX_TEXT_CHARS).contains(&length) {
            found(
                &key(name),
                Error,
                "empty, or too long for a ticket".into(),
                "1 to 300 characters",
            );
        }
    }
    if tickets.delay.0 > LONGEST_WAIT {
        found(&key("delay"), Error, format!("told after {}", tickets.delay), "at most 1d");
    }
    if tickets.merge.0 > LONGEST_MERGE {
        found(&key("merge"), Error, format!("merged for {}", tickets.merge), "at most 1h");
    }
    if !(1..=MAX_PER_HOUR).contains(&tickets.most_per_hour) {
        let says = format!("{} tickets an hour", tickets.most_per_hour);
        found(&key("most_per_hour"), Error, says, "1 to 1000");
    }
    let mut seen = HashSet::new();
    for (index, kind) in tickets.kinds.iter().enumerate() {
        let at = key(&format!("kinds[{index}]"));
        if !INCIDENT_KINDS.contains(&kind.as_str()) {
            let says = format!("`{}` is no kind of incident", kind.escape_debug());
            found(&at, Error, says, "such as \"link_down\", \"wing_down\", \"controller_silent\"");
        } else if !seen.insert(kind) {
            found(&at, Error, format!("`{kind}` stands twice"), "each kind once");
        }
    }
    if let Some(mail) = &tickets.mail {
        check_mail(&key("mail"), mail, found);
    }
    if let Some(hook) = &tickets.hook {
        let at = key("hook");
        check_url(&format!("{at}.url"), &hook.url, &hook.credentials, found);
        check_credentials(&format!("{at}.credentials"), &hook.credentials, found);
    }
}

fn check_mail(key: &str, mail: &TicketMail, found: &mut Found<'_>) {
    if mail.to.is_empty() || mail.to.len() > MAX_RECIPIENTS {
        let says = format!("{} recipients", mail.to.len());
        found(&format!("{key}.to"), Error, says, "1 to 16 addresses");
    }
    let own = [(format!("{key}.from"), &mail.from)];
    let others = mail.to.iter().enumerate().map(|(at, to)| (format!("{key}.to[{at}]"), to));
    for (at, address) in own.into_iter().chain(others) {
        if address.len() > MAX_ADDRESS_BYTES || address.parse::<lettre::Address>().is_err() {
            let says = format!("`{}` is no mail address", address.escape_debug());
            found(&at, Error, says, "such as \"guichet@example.org\"");
        }
    }
    match (&mail.user, &mail.password_file) {
        (Some(_), None) | (None, Some(_)) => {
            let says = "a user and a password go together".into();
            found(&format!("{key}.user"), Error, says, "user and password_file, or neither");
        }
        (Some(_), Some(path)) => {
            absolute(&format!("{key}.password_file"), path, found);
            if mail.tls == MailTls::None {
                let says = "the password would go over the network for everybody to read".into();
                found(&format!("{key}.tls"), Error, says, "\"starttls\" or \"tls\"");
            }
        }
        (None, None) if mail.tls == MailTls::None => {
            let says = "tickets go over the network for everybody to read".into();
            found(&format!("{key}.tls"), Warning, says, "\"starttls\" or \"tls\"");
        }
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn said(more: &str) -> String {
        let text = format!(
            "[school]\nuai = \"0510035L\"\nname = \"x\"\n[access]\nsign_in = \"off\"\n{more}"
        );
        match Config::parse("t", &text) {
            Ok((_, report)) => report.findings.iter().map(|one| one.message.clone()).collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn tickets_that_nobody_could_get_are_refused_where_they_are_written() {
        let mail = |more: &str| {
            said(&format!(
                "[health.tickets.mail]\nserver = \"smtp.example.org:587\"\n\
                 from = \"preau@example.org\"\n{more}"
            ))
        };
        assert_eq!(mail("to = [\"guichet@example.org\"]"), "");
        assert!(mail("to = []").contains("0 recipients"));
        assert!(mail("to = [\"guichet\"]").contains("`guichet` is no mail address"));
        let folded = mail("to = [\"a@example.org\\r\\nBcc: b@example.org\"]");
        assert!(folded.contains("is no mail address"), "{folded}");
        assert!(mail("to = [\"a@example.org\"]\nuser = \"x\"").contains("go together"));
        let open = "to = [\"a@example.org\"]\nuser = \"x\"\npassword_file = \"/x\"\ntls = \"none\"";
        assert!(mail(open).contains("for everybody to read"));
    }

    #[test]
    fn a_kind_that_there_is_not_is_named() {
        assert_eq!(said("[health.tickets]\nkinds = [\"link_down\"]\navailability = \"99.7%\""), "");
        assert!(said("[health.tickets]\nkinds = [\"link\"]").contains("`link` is no kind"));
        assert!(said("[health.tickets]\nmost_per_hour = 0").contains("0 tickets an hour"));
        assert!(said("[health.tickets]\nmerge = \"2h\"").contains("merged for 2h"));
    }
}
