//! What came of a request or a tunnel, as it is counted.

use super::{dial::DialError, origins::FetchError, refusal::Why};
use crate::net::tally::Came;

/// Of one that was not carried for this reason. Where the site itself is not there, it was served as
/// much as it could be; what fails before the site (the name, the way, the link, this machine) failed.
pub fn came(why: &Why) -> Came {
    match why {
        Why::Denied(_) | Why::Port(_) | Why::Loop | Why::Method | Why::Target(_) => Came::Refused,
        Why::Fetch(FetchError::Dial(error)) => came_of_dialling(error),
        // Connected, and no word came: who is at fault cannot be told.
        Why::Broken | Why::Fetch(FetchError::Silent(_)) => Came::Failed,
        Why::Fetch(_) => Came::Served,
    }
}

/// Of one that was not carried because nobody could be reached.
pub fn came_of_dialling(error: &DialError) -> Came {
    match error {
        DialError::Prohibited(_) => Came::Refused,
        DialError::NoAddress | DialError::Refused => Came::Served,
        _ => Came::Failed,
    }
}
