//! The sender at work: one batch, one request, one answer at a time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::Notify, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::{
    Target,
    decide::{Asked, Course, Next, Said},
    parts::Parts,
    post::{Speech, body, post},
    spread,
};
use crate::{
    journal::{Clock, Watch},
    net::client::Client,
    store::StoreError,
    uplink::{
        collect::{MOST_AHEAD, Whose, heartbeat},
        message::{Series, count, milliseconds},
        spool::{Batch, Bounds, Fate, Spool},
        status::Figures,
    },
};

/// Of one request: some hundred kilobytes, which a slow link carries within seconds.
const BOUNDS: Bounds = Bounds { samples: 50_000, bytes: 512 << 10 };
/// The certificate is read again so often: the region renews it.
const CLIENT_FOR: Duration = Duration::from_secs(3600);

/// Sends what waits in a spool.
#[derive(Debug, Clone)]
pub struct Sender {
    target: Target,
    whose: Whose,
    spool: Arc<Mutex<Spool>>,
    wake: Arc<Notify>,
    clock: Clock,
    figures: Figures,
}

/// What is under way.
#[derive(Debug)]
enum Work {
    Nothing,
    /// A batch that was refused, while one value of now is tried.
    Suspected(Job),
    /// One that is halved.
    Halved(Job, Parts),
}

/// A batch without those samples whose moments cannot be true.
#[derive(Debug)]
struct Job {
    batch: Batch,
    clock: u64,
}

#[derive(Debug)]
struct State {
    watch: Watch,
    client: Option<(Client, tokio::time::Instant)>,
    speech: Speech,
    course: Course,
    work: Work,
}

/// When to go on.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Now,
    In(Duration),
    /// When something comes.
    Idle,
}

impl Sender {
    /// Sends what waits in `spool`, values of `whose`, once `clock` can be trusted.
    pub fn new(target: Target, whose: Whose, spool: Arc<Mutex<Spool>>, clock: Clock) -> Self {
        let (wake, figures) = (Arc::new(Notify::new()), Figures::default());
        Self { target, whose, spool, wake, clock, figures }
    }

    /// What is told of it all.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    /// Something was put in.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Sends until cancelled.
    pub async fn run(self, token: CancellationToken) {
        let mut state = State {
            watch: Watch::default(),
            client: None,
            speech: Speech::new(self.target.protocol),
            course: Course::default(),
            work: Work::Nothing,
        };
        let start = tokio::time::sleep(spread(&self.whose.uai, self.target.pace.start));
        let sending = async {
            start.await;
            loop {
                match Box::pin(self.turn(&mut state)).await {
                    Ok(Turn::Now) => {}
                    Ok(Turn::In(after)) => tokio::time::sleep(after).await,
                    Ok(Turn::Idle) => self.wake.notified().await,
                    Err(error) => {
                        tracing::error!(%error, "the spool cannot be read");
                        tokio::time::sleep(self.target.pace.hold).await;
                    }
                }
            }
        };
        let _ = token.run_until_cancelled(sending).await;
        self.with_spool(Spool::release).await;
    }

    async fn turn(&self, state: &mut State) -> Result<Turn, StoreError> {
        let Some(now) = self.trusted(state).await else {
            return Ok(Turn::In(self.target.pace.clock));
        };
        match std::mem::replace(&mut state.work, Work::Nothing) {
            Work::Nothing => self.batch(state, now).await,
            Work::Suspected(job) => self.probe(state, job, now).await,
            Work::Halved(job, parts) => self.part(state, job, parts).await,
        }
    }

    /// The moment, if the clock can be trusted.
    async fn trusted(&self, state: &mut State) -> Option<Timestamp> {
        let clock = self.clock.clone();
        let reading = spawn_blocking(move || clock.read()).await.ok()?;
        let doubt = state.watch.look(reading).doubt;
        self.figures.note_clock(doubt);
        (!doubt).then_some(reading.now)
    }

    async fn batch(&self, state: &mut State, now: Timestamp) -> Result<Turn, StoreError> {
        let Some(mut batch) =
            self.with_spool(|spool| spool.batch(BOUNDS)).await.transpose()?.flatten()
        else {
            return Ok(Turn::Idle);
        };
        let clock = without_future(&mut batch.series, now);
        let job = Job { batch, clock };
        if job.batch.series.is_empty() {
            return self.done(job, Fate::default()).await;
        }
        let said = self.ask(state, &job.batch.series).await;
        match self.next(state, Asked::Batch, said) {
            Next::Taken => {
                let sent = count(&job.batch.series);
                self.done(job, Fate { sent, ..Fate::default() }).await
            }
            Next::Probe => {
                state.work = Work::Suspected(job);
                Ok(Turn::Now)
            }
            Next::Halve => Ok(halve(state, job)),
            next => Ok(self.later(next).await),
        }
    }

    async fn probe(&self, state: &mut State, job: Job, now: Timestamp) -> Result<Turn, StoreError> {
        let said = self.ask(state, &[heartbeat(&self.whose, now)]).await;
        match self.next(state, Asked::Probe, said) {
            Next::Halve => Ok(halve(state, job)),
            Next::Older => {
                state.work = Work::Suspected(job);
                Ok(Turn::Now)
            }
            // Refused as well: it is not the batch's fault, which is read anew when there is an answer.
            next => Ok(self.later(next).await),
        }
    }

    async fn part(
        &self,
        state: &mut State,
        job: Job,
        mut parts: Parts,
    ) -> Result<Turn, StoreError> {
        let Some(part) = parts.next() else {
            let (sent, refused) = (parts.sent, parts.refused);
            tracing::warn!(sent, refused, "the region refused a part of a batch");
            return self.done(job, Fate { sent, refused, ..Fate::default() }).await;
        };
        let said = self.ask(state, part).await;
        let next = self.next(state, Asked::Part, said);
        match next {
            Next::Taken => parts.taken(),
            Next::Halve => parts.halve(),
            _ => {}
        }
        state.work = Work::Halved(job, parts);
        Ok(match next {
            Next::Again(after) | Next::Hold(after) => Turn::In(after),
            _ => Turn::Now,
        })
    }

    /// What was not taken waits in the spool again.
    async fn later(&self, next: Next) -> Turn {
        self.with_spool(Spool::release).await;
        match next {
            Next::Again(after) | Next::Hold(after) => Turn::In(after),
            _ => Turn::Now,
        }
    }

    async fn done(&self, job: Job, fate: Fate) -> Result<Turn, StoreError> {
        let fate = Fate { clock: job.clock, ..fate };
        let kept = self.with_spool(move |spool| spool.done(&job.batch, fate)).await;
        if let Some(Err(error)) = kept {
            tracing::warn!(%error, "what the region took is not remembered past a restart");
        }
        Ok(Turn::Now)
    }

    /// One request.
    async fn ask(&self, state: &mut State, series: &[Series]) -> Said {
        let (said, words) = match self.client(state) {
            Err(words) => (Said::Barred, words),
            Ok(client) => match body(series, state.speech.version) {
                Ok(body) => Box::pin(post(&client, &self.target, &mut state.speech, body)).await,
                // A batch of ours can always be packed; if not, it is as if it were refused.
                Err(error) => (Said::Refused, error.to_string()),
            },
        };
        if self.figures.note_answer(said, words.clone(), Timestamp::now()) {
            match said {
                Said::Taken => tracing::info!("the region takes values again"),
                Said::Barred => tracing::error!(why = words, "the region takes no values"),
                _ => tracing::warn!(why = words, "the region takes no values for now"),
            }
        }
        said
    }

    fn next(&self, state: &mut State, asked: Asked, said: Said) -> Next {
        let next = state.course.next(asked, said, &self.target.pace, rand::random());
        match next {
            Next::Older => state.speech.older(),
            // Whoever holds may have a certificate that was renewed meanwhile.
            Next::Hold(_) => state.client = None,
            _ => {}
        }
        next
    }

    fn client(&self, state: &mut State) -> Result<Client, String> {
        if let Some((client, at)) = &state.client
            && at.elapsed() < CLIENT_FOR
        {
            return Ok(client.clone());
        }
        let client = Client::new(self.target.client.clone()).map_err(|error| error.to_string())?;
        state.client = Some((client.clone(), tokio::time::Instant::now()));
        Ok(client)
    }

    /// On a thread that may wait for the disk. Nothing: the runtime stops.
    async fn with_spool<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Spool) -> T + Send + 'static,
    ) -> Option<T> {
        let (spool, figures) = (self.spool.clone(), self.figures.clone());
        let done = spawn_blocking(move || {
            let mut spool = spool.lock().unwrap_or_else(PoisonError::into_inner);
            let done = work(&mut spool);
            figures.note_spool(&spool);
            done
        });
        done.await.ok()
    }
}

fn halve(state: &mut State, mut job: Job) -> Turn {
    let parts = Parts::of(std::mem::take(&mut job.batch.series));
    state.work = Work::Halved(job, parts);
    Turn::Now
}

/// Leaves out what is too far ahead, and returns how much that was.
fn without_future(series: &mut Vec<Series>, now: Timestamp) -> u64 {
    let (latest, before) = (milliseconds(now + MOST_AHEAD), count(series));
    for one in series.iter_mut() {
        one.samples.retain(|sample| sample.timestamp <= latest);
    }
    series.retain(|one| !one.samples.is_empty());
    before - count(series)
}
