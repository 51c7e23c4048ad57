//! A CAS server's answer, and a single logout's form: read or refused, never a panic; whoever is
//! made of it is within bounds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use preau::{
    access::{
        attributes::person,
        cas::{Answered, ended_tickets, validation},
    },
    config::Attributes,
};

fuzz_target!(|data: &[u8]| {
    for ticket in ended_tickets(data) {
        assert!(!ticket.is_empty());
    }
    let Ok(Answered::Success(said)) = validation(data) else { return };
    assert_eq!(said.values("user").first().map(String::is_empty), Some(false));
    if let Ok(person) = person(&said, &Attributes::default()) {
        assert!((1..=128).contains(&person.id.chars().count()) && !person.uais.is_empty());
    }
});
