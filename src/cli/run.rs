//! `preau run`: the daemon, from its settings to its exit code.

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    time::Duration,
};

use preau::{
    access::AccessError,
    config::{Config, Report, Severity},
    control::socket::SocketError,
    daemon::{self, DaemonError},
    net::listen::{self, ListenError},
    store::StoreError,
};
use tracing_subscriber::EnvFilter;

use super::exit::{Exit, fail};

/// Threads for work on the disk; more would only wait for one another.
const MAX_BLOCKING_THREADS: usize = 16;
/// What still blocks on the disk after the drain is left after this long.
const LAST_WAIT: Duration = Duration::from_secs(1);
/// Unless `PREAU_LOG` says otherwise. The libraries of DNS and SNMP warn of each message that is broken:
/// who sends them would write the log.
const WHAT_IS_LOGGED: &str = "info,hickory_proto=off,hickory_net=off,async_snmp=off";

/// Runs until a signal ends it.
pub fn run(file: &Path) -> Exit {
    log();
    let (config, report) = match Config::load(file) {
        Ok(loaded) => loaded,
        Err(error) => {
            eprint!("{}", error.render(io::stderr().is_terminal()));
            return Exit::of_config(&error);
        }
    };
    say_warnings(&report);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Software, format!("no runtime: {error}")),
    };
    let ended = serve(&runtime, config, file);
    runtime.shutdown_timeout(LAST_WAIT);
    match ended {
        // A drain that was cut is logged; it is no failure to be started again for.
        Ok(_drained) => Exit::Good,
        Err(error) => fail(exit(&error), error),
    }
}

fn serve(
    runtime: &tokio::runtime::Runtime,
    config: Config,
    file: &Path,
) -> Result<bool, DaemonError> {
    let built = daemon::build(config, Some(file))?;
    runtime.block_on(async {
        let bound = built.bind(listen::inherited()?)?;
        Box::pin(bound.run()).await
    })
}

/// To standard error; the journal puts its own time on each line.
fn log() {
    let filter =
        EnvFilter::try_from_env("PREAU_LOG").unwrap_or_else(|_| EnvFilter::new(WHAT_IS_LOGGED));
    let to_stderr = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(false)
        .with_ansi(io::stderr().is_terminal());
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        to_stderr.without_time().init();
    } else {
        to_stderr.init();
    }
}

/// What is set aside is the filter's complaint, told with its others.
fn say_warnings(report: &Report) {
    for finding in report.findings.iter().filter(|one| one.severity == Severity::Warning) {
        tracing::warn!(line = finding.line, key = finding.key, "{}", finding.message);
    }
}

fn exit(error: &DaemonError) -> Exit {
    match error {
        DaemonError::Listen(ListenError::Bind { source, .. }) => match source.kind() {
            io::ErrorKind::PermissionDenied => Exit::NoPermission,
            io::ErrorKind::AddrNotAvailable => Exit::Config,
            _ => Exit::Unavailable,
        },
        DaemonError::Store(StoreError::Io { source, .. })
        | DaemonError::Control(SocketError::Io { source, .. })
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Exit::NoPermission
        }
        DaemonError::Listen(_)
        | DaemonError::Store(StoreError::InUse { .. })
        | DaemonError::Control(SocketError::InUse { .. }) => Exit::Unavailable,
        DaemonError::Store(StoreError::Newer { .. })
        | DaemonError::Access(AccessError::Key { .. }) => Exit::Data,
        DaemonError::Store(_)
        | DaemonError::Access(AccessError::Store(_))
        | DaemonError::Journal(_)
        | DaemonError::Uplink(_) => Exit::Io,
        DaemonError::Control(SocketError::NoGroup { .. })
        | DaemonError::Access(_)
        | DaemonError::Account(_)
        | DaemonError::Anchors(_)
        | DaemonError::CacheRules(_)
        | DaemonError::Engines(_)
        | DaemonError::Resolvers(_)
        | DaemonError::RegionKey(_)
        | DaemonError::Wifi(_)
        | DaemonError::Links(_)
        | DaemonError::Post(_)
        | DaemonError::Certificate(_)
        | DaemonError::Acme(_)
        | DaemonError::NoHttpsSocket
        | DaemonError::Catalogue(_)
        | DaemonError::Mirror(_)
        | DaemonError::Library(_) => Exit::Config,
        DaemonError::Control(_) => Exit::CannotCreate,
        DaemonError::Signals(_) | DaemonError::Tls(_) | DaemonError::Task(_) => Exit::Software,
    }
}
