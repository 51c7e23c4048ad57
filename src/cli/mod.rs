//! What may be typed, and who answers it.

mod ask;
mod check_config;
mod demo;
mod exit;
mod filter;
mod filtering;
mod health;
mod health_box;
mod incidents;
mod link;
mod run;
mod show;
mod tables;
mod uplink;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use preau::{
    access::Revoke,
    config::{Config, DEFAULT_PATH},
    control::{incidents::IncidentAsk, protocol::Command as Words},
};

pub use self::exit::Exit;
use self::exit::fail;

/// The box that lends a school its digital manuals, with or without the Internet.
///
/// `preau run` is the daemon. `check-config`, `demo`, `health poll` and a part of `filter` need none;
/// every other command talks to it over its control socket.
#[derive(Debug, Parser)]
#[command(
    name = "preau",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        preau status                 how the box is, and what is on its way\n  \
        preau sync                   ask every source now, and wait until all is here\n  \
        preau import /media/usb      plan B: an order and its packages on a USB stick\n  \
        preau holdings               every book, and whether it is here\n  \
        preau filter test URL        may it be reached, and why?\n  \
        preau check-config my.toml   are these settings good?\n\n\
        Exit codes (sysexits.h): 0 good, 64 wrong command line, 65 wrong data, 66 no such input,\n\
        69 no daemon answers, 70 a bug, 73 cannot create, 74 disk error, 75 not all done, will be\n\
        tried again, 77 not allowed, 78 wrong settings."
)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Common {
    /// The school's settings [default: /etc/preau/preau.toml].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The daemon's control socket [default: what the settings say, or /run/preau/control.sock].
    #[arg(long, global = true, value_name = "SOCKET")]
    socket: Option<PathBuf>,
    /// One JSON value on standard output, for scripts; no progress is shown.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: mirror and lend until SIGTERM or SIGINT; SIGHUP reads the settings again.
    ///
    /// Everything is checked before a port is open. Listening sockets passed by systemd are used
    /// in place of `network.listen` and `control.socket`. The log goes to standard error;
    /// `PREAU_LOG` chooses its detail, as in `PREAU_LOG=debug` or `PREAU_LOG=info,preau::mirror=debug`.
    Run,
    /// Check settings and say where they are wrong: file, line, column, what was expected.
    CheckConfig {
        /// The file to check, such as /etc/preau/preau.toml.
        file: PathBuf,
    },
    /// How the box is: sources, books, transfers, room.
    Status,
    /// Ask every source now, and fetch what is missing.
    ///
    /// Waits until nothing is left that could move. Exit code 0: all is here. 75: something did
    /// not come and will be tried again; it is listed with the reason.
    Sync {
        /// Do not wait: the daemon goes on by itself.
        #[arg(long)]
        no_wait: bool,
        /// Fetch now, even outside the window of `mirror.window`.
        #[arg(long)]
        now: bool,
    },
    /// Plan B: read an order (commande.csv) and its packages from a folder or a USB stick.
    ///
    /// May be interrupted and repeated: what is there already is not read again. Lines that are
    /// refused are listed with the reason, and the exit code is then 65. The columns are described
    /// in docs/plan-b.md.
    #[command(after_help = "Example:\n  preau import /media/usb")]
    Import {
        /// The folder with the order.
        folder: PathBuf,
    },
    /// Every book of the school: is its package here, on its way, failed, or offered by nobody?
    Holdings,
    /// Look after the packages on disk.
    #[command(subcommand)]
    Store(StoreCommand),
    /// Look after who may come in.
    #[command(subcommand)]
    Access(AccessCommand),
    /// Who may go where on the Internet, when, and why; and the lists of sites by category.
    #[command(subcommand)]
    Filter(filter::FilterCommand),
    /// Run a whole demo school on this machine: GAR, distributor, twelve manuals, a link to cut.
    Demo(demo::DemoArguments),
    /// Look after the account of connections; `preau-region journal open` reads it, elsewhere.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// How the school's links and Wi-Fi are; incidents, tickets, availability.
    #[command(subcommand)]
    Health(health::HealthCommand),
    /// What the box measures, as Prometheus reads it; the same as /metrics.
    Metrics,
    /// How the reports to the region are: what waits, what was taken, what stands in the way.
    ///
    /// Exit code 75: something stands in the way.
    Uplink,
    /// Have the daemon read its settings again; a bad file leaves the old ones in force.
    Reload,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Read every package again and check its hash; damaged ones are fetched again (exit 65).
    Verify,
    /// Make the index anew from the sidecars beside the packages.
    Rebuild,
    /// How full the store is.
    Usage,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// What is kept, its room, its fingerprints, and what a person should see to.
    Status,
}

#[derive(Debug, Subcommand)]
enum AccessCommand {
    /// Take device passes back: of a lost device, of a person, or all of them.
    ///
    /// Sessions that they opened end at once, and keys of reading apps with those of a person or
    /// all. The next sign-in is at the ENT, which needs the Internet.
    #[command(after_help = "Examples:\n  \
        preau access revoke --person 7b1e4d20   the identifier that the person's own page shows\n  \
        preau access revoke --all               every device signs in at the ENT again")]
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct RevokeArguments {
    /// One pass, by its name.
    #[arg(long, value_name = "PASS")]
    pass: Option<String>,
    /// Everything of one person, by the identifier that the ENT gives.
    #[arg(long, value_name = "IDENTIFIER")]
    person: Option<String>,
    /// Everything of everybody.
    #[arg(long)]
    all: bool,
}

impl RevokeArguments {
    fn what(self) -> Revoke {
        match (self.pass, self.person) {
            (Some(pass), _) => Revoke::Pass(pass),
            (None, Some(person)) => Revoke::Person(person),
            (None, None) => Revoke::All,
        }
    }
}

/// Does what was typed.
pub fn carry_out(arguments: Arguments) -> Exit {
    let Arguments { common, command } = arguments;
    let words = match command {
        Command::Run => return run::run(common.config.as_deref().unwrap_or(default_path())),
        Command::CheckConfig { file } => {
            return check_config::check(&[file], common.json, Config::load);
        }
        Command::Filter(command) => return filter::carry_out(command, &common),
        Command::Demo(arguments) => return demo::show(arguments),
        Command::Health(health::HealthCommand::Poll { name }) => {
            return health::poll(name.as_deref(), &common);
        }
        Command::Health(health::HealthCommand::Wifi) => Words::Wifi,
        Command::Health(health::HealthCommand::Box) => Words::Machine,
        Command::Health(health::HealthCommand::Link) => Words::Links,
        Command::Health(health::HealthCommand::Throughput { link }) => Words::Throughput { link },
        Command::Health(health::HealthCommand::Incidents { all }) => {
            Words::Incidents { ask: IncidentAsk::Book { all } }
        }
        Command::Health(health::HealthCommand::Ticket { id, form }) => {
            return match socket(&common) {
                Ok(socket) => incidents::ticket(&socket, id, form.or_json(common.json)),
                Err(exit) => exit,
            };
        }
        Command::Health(health::HealthCommand::Availability { month }) => {
            Words::Incidents { ask: IncidentAsk::Availability { day: month.map(|month| month.0) } }
        }
        Command::Status => Words::Status,
        Command::Sync { no_wait, now } => Words::Sync { wait: !no_wait, ignore_window: now },
        Command::Import { folder } => match std::path::absolute(&folder) {
            Ok(folder) => Words::Import { folder },
            Err(error) => return fail(Exit::NoInput, format!("{}: {error}", folder.display())),
        },
        Command::Holdings => Words::Holdings,
        Command::Store(StoreCommand::Verify) => Words::Verify,
        Command::Store(StoreCommand::Rebuild) => Words::Rebuild,
        Command::Store(StoreCommand::Usage) => Words::Usage,
        Command::Access(AccessCommand::Revoke(arguments)) => {
            Words::Revoke { what: arguments.what() }
        }
        Command::Journal(JournalCommand::Status) => Words::Journal,
        Command::Metrics => Words::Metrics,
        Command::Uplink => Words::Uplink,
        Command::Reload => Words::Reload,
    };
    match socket(&common) {
        Ok(socket) => ask::ask(&socket, words, common.json),
        Err(exit) => exit,
    }
}

fn default_path() -> &'static Path {
    Path::new(DEFAULT_PATH)
}

/// Where the daemon is: as typed, or as its settings say. Settings that were not named and cannot
/// be read (they may be the daemon's own secret) leave the usual place.
fn socket(common: &Common) -> Result<PathBuf, Exit> {
    if let Some(socket) = &common.socket {
        return Ok(socket.clone());
    }
    match Config::load(common.config.as_deref().unwrap_or(default_path())) {
        Ok((config, _)) => Ok(config.control.socket),
        Err(error) if common.config.is_some() => {
            eprint!("{}", error.render(false));
            Err(Exit::of_config(&error))
        }
        Err(_) => Ok(preau::config::Control::default().socket),
    }
}
