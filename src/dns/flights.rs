//! One question to the resolvers for all who ask the same at once. What comes is kept, whether who
//! asked first still waits or not.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use super::{
    cache::{Kept, Key},
    upstream::Unanswered,
};

/// Questions under way at once; of more, nobody at the box could have so many devices.
const MAX_FLIGHTS: usize = 4096;

/// What came: an answer and the seconds that it counts, or why there is none.
pub type Outcome = Result<(Kept, u32), Unanswered>;
/// Where it will be heard of.
pub type Heard = watch::Receiver<Option<Outcome>>;

/// The questions under way.
#[derive(Debug, Clone, Default)]
pub struct Flights(Arc<Mutex<HashMap<Key, Heard>>>);

/// A place for who asks.
#[derive(Debug)]
pub enum Place {
    /// Another asks already.
    Waiting(Heard),
    /// To ask, and to tell the others.
    Asking(Flight, Heard),
    /// Too many ask.
    Full,
}

/// A question under way; it is over when this is dropped.
#[derive(Debug)]
pub struct Flight {
    flights: Flights,
    key: Key,
    tell: watch::Sender<Option<Outcome>>,
}

impl Flights {
    /// Who asks this.
    pub fn board(&self, key: &Key) -> Place {
        let mut all = self.all();
        if let Some(heard) = all.get(key) {
            return Place::Waiting(heard.clone());
        }
        if all.len() >= MAX_FLIGHTS {
            return Place::Full;
        }
        let (tell, heard) = watch::channel(None);
        all.insert(key.clone(), heard.clone());
        Place::Asking(Flight { flights: self.clone(), key: key.clone(), tell }, heard)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Heard>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Flight {
    /// Tells all who wait.
    pub fn land(self, outcome: Outcome) {
        // Nobody may be left who waits.
        let _ = self.tell.send(Some(outcome));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.flights.all().remove(&self.key);
    }
}

/// Waits for what comes.
pub async fn landed(mut heard: Heard) -> Outcome {
    match heard.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or(Err(Unanswered::Silent)),
        // Who asked panicked.
        Err(_) => Err(Unanswered::Silent),
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::RecordType;

    use super::*;
    use crate::dns::{answer::Answer, testing::question};

    #[tokio::test]
    async fn who_asks_the_same_at_once_hears_the_same_and_later_ones_ask_anew() {
        let flights = Flights::default();
        let key = Key::new(&question("a.example", RecordType::A), false, false);
        let Place::Asking(flight, first) = flights.board(&key) else { panic!("nobody asks yet") };
        let Place::Waiting(second) = flights.board(&key) else { panic!("it is asked") };
        let answer = Answer::of(vec![], 7).encoded(&question("a.example", RecordType::A));
        let kept = Kept { message: answer.unwrap(), is_plain: true };
        flight.land(Ok((kept, 7)));
        for heard in [first, second] {
            assert_eq!(landed(heard).await.unwrap().1, 7);
        }
        let Place::Asking(flight, heard) = flights.board(&key) else { panic!("it is over") };
        drop(flight);
        assert_eq!(landed(heard).await.unwrap_err(), Unanswered::Silent);
    }

    #[test]
    fn no_more_questions_are_under_way_than_there_is_room_for() {
        let flights = Flights::default();
        let key =
            |n: usize| Key::new(&question(&format!("n{n}.example"), RecordType::A), false, false);
        let under_way: Vec<_> = (0..MAX_FLIGHTS).map(|n| flights.board(&key(n))).collect();
        assert!(matches!(flights.board(&key(MAX_FLIGHTS)), Place::Full));
        drop(under_way);
        assert!(matches!(flights.board(&key(MAX_FLIGHTS)), Place::Asking(..)));
    }
}
