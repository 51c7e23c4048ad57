//! What the resolvers' answers and silences say of the link to the Internet, and how long anybody
//! waits for them.

use std::{future::pending, time::Duration};

use tokio::time::{sleep, timeout};

use super::upstream::Unanswered;
use crate::{
    config::Nameserver,
    net::{
        client::is_public,
        link::{Link, Sign, State},
    },
};

/// RFC 8767 §5: who has an old answer waits so long for a new one.
pub const PATIENCE: Duration = Duration::from_millis(1800);
/// Everybody waits so long while the link is down, or no resolver is known to answer: time enough for
/// one on this side of the link, or for the question that finds it back.
pub const NO_PATIENCE: Duration = Duration::from_millis(100);
/// Resolvers that take longer make the link doubtful.
const SLOW: Duration = Duration::from_secs(1);
/// The resolvers are one place, however many questions they leave without an answer: a device
/// chooses what it asks.
const PLACE: &str = "the resolvers";

/// The link, as the resolvers see it.
#[derive(Debug)]
pub struct Signs {
    link: Link,
    /// Is each resolver beyond it? An answer of one on this side, which may have kept it, says
    /// nothing, and nobody says which of them answered.
    beyond: bool,
}

impl Signs {
    /// Of these resolvers behind this link.
    pub fn new(link: Link, resolvers: &[Nameserver]) -> Self {
        let is_beyond = |one: &Nameserver| is_public(one.address.ip().to_canonical());
        Self { link, beyond: !resolvers.is_empty() && resolvers.iter().all(is_beyond) }
    }

    /// Does nothing beyond the link answer?
    pub fn are_cut(&self) -> bool {
        self.link.state() == State::Down
    }

    /// What a question to the resolvers ends with, once the link has heard of it.
    pub async fn heard<T>(
        &self,
        asking: impl Future<Output = Result<T, Unanswered>>,
    ) -> Result<T, Unanswered> {
        let mut asking = std::pin::pin!(asking);
        let quick = timeout(SLOW, &mut asking).await.ok();
        let outcome = if let Some(outcome) = quick {
            outcome
        } else {
            self.link.note(Sign::Slow);
            asking.await
        };
        if let Some(sign) = sign(&outcome, self.beyond) {
            self.link.note(sign);
        }
        outcome
    }

    /// What comes within `patience` (nothing: as long as it takes). When the link is down, or goes
    /// down meanwhile, nobody waits longer than [`NO_PATIENCE`] from then.
    pub async fn within<T>(
        &self,
        patience: Option<Duration>,
        asking: impl Future<Output = T>,
    ) -> Option<T> {
        let cut = async {
            self.link.goes_down().await;
            sleep(NO_PATIENCE).await;
        };
        let over = async {
            match patience {
                Some(patience) => sleep(patience).await,
                None => pending().await,
            }
        };
        tokio::select! {
            biased;
            came = asking => Some(came),
            () = cut => None,
            () = over => None,
        }
    }
}

/// What an answer says of the link. Of resolvers on this side, silence alone says something, and no
/// more than that it is worth a look: they may wait for others beyond it.
fn sign<T>(outcome: &Result<T, Unanswered>, beyond: bool) -> Option<Sign> {
    match outcome {
        // Somebody answered, if only that there is no answer.
        Ok(_) | Err(Unanswered::Code(_) | Unanswered::Bogus) => beyond.then_some(Sign::Reached),
        Err(Unanswered::Silent) if beyond => Some(Sign::missed(PLACE)),
        Err(Unanswered::Silent) => Some(Sign::Slow),
        // Nothing was sent.
        Err(Unanswered::None | Unanswered::Away) => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::ResponseCode;

    use super::*;

    fn signs(link: &Link, resolvers: &[&str]) -> Signs {
        let resolvers: Vec<Nameserver> = resolvers.iter().map(|one| one.parse().unwrap()).collect();
        Signs::new(link.clone(), &resolvers)
    }

    fn cut(places: usize) -> Link {
        let link = Link::default();
        (0..places).for_each(|place| link.note(Sign::missed(place)));
        link
    }

    async fn said(signs: &Signs, outcome: Result<(), Unanswered>) {
        assert_eq!(signs.heard(async { outcome }).await, outcome);
    }

    #[tokio::test]
    async fn an_answer_from_beyond_ends_an_outage_and_one_from_this_side_does_not() {
        for (resolvers, outcome, state) in [
            (&["9.9.9.9", "[2620:fe::fe]:53"][..], Ok(()), State::Degraded),
            (&["9.9.9.9"], Err(Unanswered::Code(ResponseCode::ServFail)), State::Degraded),
            (&["9.9.9.9"], Err(Unanswered::Away), State::Down),
            (&["10.1.0.53"], Ok(()), State::Down),
            (&["9.9.9.9", "10.1.0.53"], Ok(()), State::Down),
            (&["127.0.0.53"], Err(Unanswered::Code(ResponseCode::ServFail)), State::Down),
        ] {
            let link = cut(3);
            assert_eq!(link.state(), State::Down);
            said(&signs(&link, resolvers), outcome).await;
            assert_eq!(link.state(), state, "{resolvers:?} {outcome:?}");
        }
    }

    #[tokio::test]
    async fn silence_from_beyond_is_one_place_missed_however_often() {
        let link = cut(1);
        let beyond = signs(&link, &["9.9.9.9", "149.112.112.112"]);
        for _ in 0..10 {
            said(&beyond, Err(Unanswered::Silent)).await;
        }
        assert_ne!(link.state(), State::Down);
        link.note(Sign::missed("another"));
        assert_eq!(link.state(), State::Down);
        let link = cut(2);
        said(&signs(&link, &["10.1.0.53"]), Err(Unanswered::Silent)).await;
        assert_eq!(link.state(), State::Up, "a machine of the school alone");
    }

    #[tokio::test]
    async fn who_waits_is_let_go_when_the_link_goes_down() {
        let link = Link::default();
        let signs = signs(&link, &["9.9.9.9"]);
        let (waited, ()) = tokio::join!(signs.within(None, pending::<()>()), async {
            (0..3).for_each(|place| link.note(Sign::missed(place)));
        });
        assert_eq!(waited, None);
        assert_eq!(signs.within(None, async { 7 }).await, Some(7), "what is there is taken");
    }
}
