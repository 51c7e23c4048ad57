//! `preau-region journal`: a pair of keys, and what copied journals say to who has the private one.

use std::{
    fs::{self, OpenOptions},
    io::{self, IsTerminal as _, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};
use preau::journal::{
    Identity, Record, Refused, Row, new_identity,
    read::{ReadError, Report, read},
};

use crate::exit::{Exit, fail};

/// A file with a private key is far smaller.
const MAX_IDENTITY_BYTES: u64 = 64 * 1024;

#[derive(Debug, Subcommand)]
pub enum JournalCommand {
    /// Make a pair of keys: the private one into a file, the public one on standard output.
    ///
    /// The public key goes into each box's `journal.region_key`. Whoever has the private one reads
    /// every journal that was sealed to it: keep it off every box, and a copy in a safe.
    Keygen {
        /// The file to make; one that is there already is left alone.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Open copied journals: verify their chain, and print what answers the question, as CSV.
    ///
    /// Exit code 0: the chain holds. 65: it does not; what does not hold is said on standard error,
    /// and the rows of such files are marked.
    #[command(after_help = "Example:\n  \
        preau-region journal open --identity region.key --from 2026-11-03T10:00 \\\n    \
        --to 2026-11-03T10:15 --address 198.51.100.7 copie/connections > reponse.csv")]
    Open(OpenArguments),
}

#[derive(Debug, Args)]
pub struct OpenArguments {
    /// A copy of `journal/connections` (or `journal/refusals`, with --refusals).
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// The file with the region's private key.
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// From this moment on: 2026-11-03, 2026-11-03T10:00 (in --zone), or 2026-11-03T09:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    from: Option<String>,
    /// Until this moment, which is not in it any more.
    #[arg(long, value_name = "MOMENT")]
    to: Option<String>,
    /// Only what concerns this address: the device's, or the destination's.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// Only this session or pass.
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
    /// The log of refusals, which names no device.
    #[arg(long, conflicts_with_all = ["address", "session"])]
    refusals: bool,
    /// The journal's fingerprint, as `preau journal status` showed it when the journal began.
    #[arg(long, value_name = "SHA256")]
    fingerprint: Option<String>,
    /// Time zone of moments, typed and printed.
    #[arg(long, value_name = "ZONE", default_value = "Europe/Paris")]
    zone: String,
}

pub fn carry_out(command: JournalCommand) -> Exit {
    match command {
        JournalCommand::Keygen { file } => keygen(&file),
        JournalCommand::Open(arguments) => open(&arguments).unwrap_or_else(|exit| exit),
    }
}

fn keygen(path: &Path) -> Exit {
    let (public, private) = new_identity();
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| {
        file.write_all(private.as_bytes())?;
        file.sync_all()
    });
    match written {
        Ok(()) => {
            println!("{public}");
            Exit::Good
        }
        Err(error) => fail(Exit::CannotCreate, format!("{}: {error}", path.display())),
    }
}

/// What is asked for.
struct Wanted {
    from: Timestamp,
    to: Timestamp,
    zone: TimeZone,
}

fn open(arguments: &OpenArguments) -> Result<Exit, Exit> {
    let identity = identity(&arguments.identity)?;
    let zone = TimeZone::get(&arguments.zone)
        .map_err(|_| fail(Exit::Usage, format!("--zone: `{}` is not known", arguments.zone)))?;
    let moment = |text: &Option<String>, none| match text {
        None => Ok(none),
        Some(text) => moment(text, &zone).ok_or_else(|| {
            fail(Exit::Usage, format!("`{text}`: a moment such as 2026-11-03T10:00 was expected"))
        }),
    };
    let from = moment(&arguments.from, Timestamp::MIN)?;
    let to = moment(&arguments.to, Timestamp::MAX)?;
    let wanted = Wanted { from, to, zone };
    // Excel reads UTF-8 only after this mark.
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mark = if io::stdout().is_terminal() { "" } else { "\u{feff}" };
    let begun = out.write_all(mark.as_bytes());
    begun.map_err(|error| fail(Exit::Io, error))?;
    let mut table = csv::WriterBuilder::new().delimiter(b';').from_writer(out);
    let report = if arguments.refusals {
        refusals(arguments, &identity, &wanted, &mut table)
    } else {
        connections(arguments, &identity, &wanted, &mut table)
    };
    let report = report.map_err(|error| fail(exit_of(&error), error))?;
    table.flush().map_err(|error| fail(Exit::Io, error))?;
    Ok(tell(&report, arguments.fingerprint.as_deref()))
}

type Table<'a> = csv::Writer<io::BufWriter<io::StdoutLock<'a>>>;

fn connections(
    arguments: &OpenArguments,
    identity: &Identity,
    wanted: &Wanted,
    table: &mut Table<'_>,
) -> Result<Report, ReadError> {
    let head = [
        "debut",
        "fin",
        "adresse_poste",
        "port_poste",
        "session",
        "profil",
        "adresse_destination",
        "port_destination",
        "nom_destination",
        "octets_montants",
        "octets_descendants",
        "verdict",
        "horloge",
        "chaine",
    ];
    table.write_record(head).map_err(|error| ReadError::Told(error.into()))?;
    let address = arguments.address.map(|address| address.to_canonical());
    run(&arguments.folder, identity, |row: Record, holds| {
        let lasted = jiff::SignedDuration::from_secs(i64::from(row.lasted));
        let begun = row.at.checked_sub(lasted).unwrap_or(row.at);
        // A connection counts wherever a part of it lies within.
        let within = row.at >= wanted.from && begun < wanted.to;
        let concerned = address
            .is_none_or(|address| row.device.ip() == address || row.destination == Some(address));
        let session = arguments.session.as_deref();
        if !within || !concerned || session.is_some_and(|name| row.session.as_deref() != Some(name))
        {
            return Ok(());
        }
        let port = |port: u16| if port == 0 { String::new() } else { port.to_string() };
        table.write_record([
            &wanted.say(begun),
            &wanted.say(row.at),
            &row.device.ip().to_string(),
            &port(row.device.port()),
            row.session.as_deref().unwrap_or_default(),
            row.profile.as_deref().unwrap_or_default(),
            &row.destination.map(|address| address.to_string()).unwrap_or_default(),
            &port(row.port),
            row.name.as_deref().unwrap_or_default(),
            &row.up.to_string(),
            &row.down.to_string(),
            row.verdict.in_french(),
            clock(row.doubt),
            chain(holds),
        ])?;
        Ok(())
    })
}

fn refusals(
    arguments: &OpenArguments,
    identity: &Identity,
    wanted: &Wanted,
    table: &mut Table<'_>,
) -> Result<Report, ReadError> {
    let head = ["moment", "pseudonyme", "profil", "categorie", "domaine", "horloge", "chaine"];
    table.write_record(head).map_err(|error| ReadError::Told(error.into()))?;
    run(&arguments.folder, identity, |row: Refused, holds| {
        if row.at < wanted.from || row.at >= wanted.to {
            return Ok(());
        }
        table.write_record([
            &wanted.say(row.at),
            &format!("{:016x}", row.pseudonym),
            row.profile.as_deref().unwrap_or_default(),
            row.category.as_deref().unwrap_or_default(),
            &row.domain,
            clock(row.doubt),
            chain(holds),
        ])?;
        Ok(())
    })
}

fn run<R: Row>(
    folder: &Path,
    identity: &Identity,
    each: impl FnMut(R, bool) -> io::Result<()>,
) -> Result<Report, ReadError> {
    read(folder, identity, Timestamp::now(), each)
}

impl Wanted {
    fn say(&self, moment: Timestamp) -> String {
        moment.to_zoned_datetime(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }
}

fn clock(doubt: bool) -> &'static str {
    if doubt { "incertaine" } else { "synchronisée" }
}

fn chain(holds: bool) -> &'static str {
    if holds { "intacte" } else { "rompue" }
}

/// Says what holds and what does not.
fn tell(report: &Report, fingerprint: Option<&str>) -> Exit {
    for name in &report.fingerprints {
        eprintln!("journal {name}");
    }
    let head = report.head_at.map_or_else(String::new, |at| format!(", head of {at}"));
    eprintln!(
        "{} files, {} rows, {} lost by the box, {} files purged at their term{head}",
        report.files, report.rows, report.lost, report.purged
    );
    for finding in &report.findings {
        eprintln!("{}: {}", finding.file, finding.fault);
    }
    let same =
        |wanted: &str| report.fingerprints.iter().any(|one| one.eq_ignore_ascii_case(wanted));
    if fingerprint.is_some_and(|wanted| !same(wanted.trim())) {
        return fail(Exit::Data, "this is not the journal of that fingerprint");
    }
    if report.findings.is_empty() {
        eprintln!("the chain holds");
        Exit::Good
    } else {
        fail(Exit::Data, "the chain does not hold")
    }
}

fn identity(path: &Path) -> Result<Identity, Exit> {
    let unreadable = |error: io::Error| {
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::NoPermission,
            _ => Exit::NoInput,
        };
        fail(exit, format!("{}: {error}", path.display()))
    };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_IDENTITY_BYTES {
        return Err(fail(Exit::Data, format!("{}: no file of a private key", path.display())));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    text.parse().map_err(|error| fail(Exit::Data, format!("{}: {error}", path.display())))
}

fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    let local = text.parse::<DateTime>().ok();
    let local = local.or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)))?;
    zone.to_timestamp(local).ok()
}

fn exit_of(error: &ReadError) -> Exit {
    match error {
        ReadError::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
            Exit::NoPermission
        }
        ReadError::Io { .. } | ReadError::None(_) => Exit::NoInput,
        ReadError::Kind(_) | ReadError::Seal { .. } => Exit::Data,
        ReadError::Told(_) => Exit::Io,
    }
}
