//! Fetching a package whole, from wherever the last try ended.
//!
//! A prefix is continued only under the strong entity tag it came with (`Range` + `If-Range`,
//! RFC 9110 §13.1.5): a 200, another tag or another length starts anew.

use tokio_util::sync::CancellationToken;

use super::{
    FetchError,
    exchange::{Facts, Reply, Span},
    sink::{Load, Sink, blocking, learn, restart},
    transfer::Job,
};
use crate::{
    net::client::Answer,
    store::{Incoming, Ticket},
};

/// Requests of one try: the first, and those after the origin answered with less than was asked
/// for, or with something else.
const MAX_REQUESTS: usize = 8;

/// Fetches everything that is missing; what came before an error is kept.
pub(super) async fn whole(job: &Job, stop: &CancellationToken) -> Result<Incoming, FetchError> {
    job.remote.check_size(job.wanted.offer.size)?;
    let mut incoming = open(job).await?;
    for _ in 0..MAX_REQUESTS {
        job.meter.set_done(incoming.len());
        job.meter.set_total(incoming.ticket().length.or(job.wanted.offer.size));
        if is_complete(&incoming) {
            return Ok(incoming);
        }
        let tag = incoming.ticket().etag.clone().filter(|_| !incoming.is_empty());
        let span = tag.as_ref().map(|_| Span::From(incoming.len()));
        let asked = job.remote.ask(span, tag.as_deref());
        let reply = stop.run_until_cancelled(asked).await.ok_or(FetchError::Stopped)??;
        let (answer, end) = match reply {
            Reply::Part(answer, (first, last), facts)
                if continues(incoming.ticket(), incoming.len(), first, &facts) =>
            {
                incoming = learn(incoming, job.ticket(&facts)).await?;
                (answer, Some(last + 1))
            }
            Reply::Part(..) | Reply::Unsatisfiable => {
                tracing::info!(holding = %job.wanted.key.holding, "the origin's copy changed, starting anew");
                incoming = restart(incoming, job.ticket(&Facts::default())).await?;
                continue;
            }
            Reply::Whole(answer, facts) => {
                check_length(job, facts.length)?;
                incoming = restart(incoming, job.ticket(&facts)).await?;
                (answer, incoming.ticket().length)
            }
        };
        let total = incoming.ticket().length;
        job.meter.set_total(total);
        incoming = fill(job, stop, incoming, answer, end).await?;
        match total {
            Some(expected) if incoming.len() < expected && end == total => {
                let got = incoming.len();
                return Err(FetchError::Short { url: (&job.remote.url).into(), got, expected });
            }
            Some(expected) if incoming.len() < expected => {}
            _ => return Ok(incoming),
        }
    }
    Err(FetchError::Changed { url: (&job.remote.url).into() })
}

/// Opens or resumes the transfer under what the feed says.
pub(super) async fn open(job: &Job) -> Result<Incoming, FetchError> {
    let (store, name, ticket) = (job.store.clone(), job.name(), job.ticket(&Facts::default()));
    blocking(move || store.incoming(&name, ticket)).await
}

/// All here since the last try? Only a hash can tell: a right size proves nothing.
fn is_complete(incoming: &Incoming) -> bool {
    let ticket = incoming.ticket();
    ticket.sha256.is_some() && ticket.length.is_some_and(|length| incoming.len() == length)
}

/// Does a part go on exactly where the prefix ends, of the same bytes?
fn continues(ticket: &Ticket, have: u64, first: u64, facts: &Facts) -> bool {
    let same = |kept: Option<u64>, said: Option<u64>| kept.zip(said).is_none_or(|(k, s)| k == s);
    first == have
        && same(ticket.length, facts.length)
        // A tag that is absent says nothing; one that is there must be the kept one.
        && facts.etag.as_ref().is_none_or(|said| Some(said) == ticket.etag.as_ref())
        && ticket.sha256.zip(facts.sha256).is_none_or(|(kept, said)| kept == said)
}

fn check_length(job: &Job, announced: Option<u64>) -> Result<(), FetchError> {
    match job.wanted.offer.size.zip(announced) {
        Some((expected, announced)) if expected != announced => {
            Err(FetchError::WrongLength { url: (&job.remote.url).into(), announced, expected })
        }
        _ => Ok(()),
    }
}

/// Reads one answer into the transfer, up to `end`.
async fn fill(
    job: &Job,
    stop: &CancellationToken,
    incoming: Incoming,
    answer: Answer,
    end: Option<u64>,
) -> Result<Incoming, FetchError> {
    let most = end.unwrap_or(job.remote.bounds.largest).saturating_sub(incoming.len());
    let sink = Sink::open(incoming, None, job.meter.clone());
    let pumped = stop.run_until_cancelled(pump(job, answer, most, &sink)).await;
    let (incoming, written) = sink.close().await?;
    job.meter.set_done(incoming.len());
    // The writer's error explains a pump that found it gone.
    written?;
    match pumped.ok_or(FetchError::Stopped)? {
        Ok(_) => Ok(incoming),
        Err(error @ FetchError::Overlong { .. }) if incoming.ticket().sha256.is_none() => {
            // With no hash to decide, a body that lies about its length leaves nothing to trust.
            restart(incoming, job.ticket(&Facts::default())).await?;
            job.meter.set_done(0);
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// Moves a body into the sink, at the mirror's pace; more than `most` bytes is an error.
pub(super) async fn pump(
    job: &Job,
    mut answer: Answer,
    most: u64,
    sink: &Sink,
) -> Result<u64, FetchError> {
    let mut came = 0_u64;
    while let Some(bytes) = answer.chunk().await? {
        job.meter.add_moved(bytes.len());
        came += bytes.len() as u64;
        if came > most {
            return Err(FetchError::Overlong { url: (&job.remote.url).into(), expected: most });
        }
        job.pace.pass(bytes.len() as u64).await;
        if sink.push(Load::Bytes(bytes)).await.is_err() {
            break;
        }
    }
    Ok(came)
}
