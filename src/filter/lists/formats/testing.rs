//! What a line gives, in words.

use super::Found;
use crate::filter::lists::build::Rule;

pub(super) fn read(line: impl Fn(&str, &mut dyn FnMut(Found<'_>)), text: &str) -> Vec<String> {
    let mut all = Vec::new();
    line(text, &mut |found| all.push(words(&found)));
    all
}

pub(super) fn words(found: &Found<'_>) -> String {
    let rule = |rule: &Rule<'_>| match rule {
        Rule::Host(host, scope) => format!("{host} {scope:?}"),
        Rule::Network(address, prefix) => format!("{address}/{prefix}"),
        Rule::Url(host, path) => format!("{host} {path}"),
        Rule::Posix(text, subject) => format!("posix {text} {subject:?}"),
        Rule::Perl(text, subject) => format!("perl {text} {subject:?}"),
    };
    match found {
        Found::Listed(listed) => format!("listed {}", rule(listed)),
        Found::Excepted(excepted) => format!("excepted {}", rule(excepted)),
        Found::Bad(_) => "bad".to_owned(),
        Found::Ignored(_) => "ignored".to_owned(),
    }
}
