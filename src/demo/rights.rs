//! What each person of the demo may read, and why not, asked of the box as a browser asks.

use anyhow::{Context as _, Result, ensure};
use http::StatusCode;

use super::{manuals::Printed, people::PUPIL, reader::Reader};
use crate::store::BlobId;

/// Open to the whole school.
const FOR_ALL: &str = "geographie-seconde";
/// Given to this pupil.
const GIVEN: &str = "anglais-seconde";
/// Each with the words of the reason that the pupil must be told.
const REFUSED: [(&str, &str); 2] =
    [("philosophie-terminale", "d’autres personnes"), ("svt-terminale", "a pris fin le")];

fn blob(printed: &[Printed], slug: &str) -> Result<BlobId> {
    let one = printed.iter().find(|one| one.manual.slug == slug);
    Ok(one.with_context(|| format!("no manual {slug}"))?.written.sha256)
}

/// Without signing in nothing is read; signed in, what is theirs, and the rest with its reason.
pub async fn pupil_reads_what_is_theirs(pupil: &Reader, printed: &[Printed]) -> Result<String> {
    let given = blob(printed, GIVEN)?;
    let (status, _) = pupil.look(&format!("p/{given}/package")).await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "a stranger gets {status}");
    pupil.sign_in(PUPIL).await.context("the pupil signs in at the ENT")?;
    read_and_be_refused(pupil, printed).await?;
    Ok(format!("{} manuals are refused with their reason", REFUSED.len()))
}

/// The browser was closed, the ENT cannot be reached: the pass that the box gave it lets in, to the
/// very same manuals.
pub async fn pass_lets_in(pupil: &Reader, printed: &[Printed]) -> Result<String> {
    pupil.forget_session();
    let given = blob(printed, GIVEN)?;
    let (status, _) = pupil.look(&format!("p/{given}/package")).await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "without a session a browser gets {status}");
    ensure!(pupil.sign_in(PUPIL).await.is_err(), "the ENT answers through a link that is cut");
    pupil.enter_by_pass().await?;
    read_and_be_refused(pupil, printed).await?;
    Ok("the same manuals, the same refusals".to_owned())
}

/// What stays true whatever way the pupil came in.
async fn read_and_be_refused(pupil: &Reader, printed: &[Printed]) -> Result<()> {
    for slug in [FOR_ALL, GIVEN] {
        let name = blob(printed, slug)?;
        pupil.read_whole(&name).await.with_context(|| format!("the pupil reads {slug}"))?;
    }
    for (slug, words) in REFUSED {
        let name = blob(printed, slug)?;
        for path in [format!("p/{name}/package"), format!("p/{name}/manifest.json")] {
            let (status, said) = pupil.look(&path).await?;
            ensure!(status == StatusCode::FORBIDDEN, "{slug}: {path} answers {status}");
            ensure!(said.contains(words), "{slug}: the pupil is told “{}”", said.trim());
        }
    }
    Ok(())
}
