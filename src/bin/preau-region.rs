//! `preau-region`: the region operator's command line.

#[path = "../cli/check_config.rs"]
mod check_config;
#[path = "../cli/exit.rs"]
mod exit;
#[path = "../cli/region_journal.rs"]
mod journal;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// For the region that runs many boxes.
#[derive(Debug, Parser)]
#[command(
    name = "preau-region",
    version,
    arg_required_else_help = true,
    after_help = "Example:\n  preau-region check-config boxes/*/preau.toml\n\n\
        Exit codes (sysexits.h): 0 all good, 64 wrong command line, 65 wrong data, 66 a file cannot\n\
        be read, 73 cannot create, 74 disk error, 77 a file may not be read, 78 a file is wrong."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check boxes' preau.toml before they are sent out: file, line, column, what was expected.
    CheckConfig {
        /// The files to check.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// One JSON value on standard output, for scripts.
        #[arg(long)]
        json: bool,
    },
    /// The account of connections that boxes keep, sealed to the region's key.
    #[command(subcommand)]
    Journal(journal::JournalCommand),
}

fn main() -> ExitCode {
    match Arguments::try_parse() {
        Ok(Arguments { command: Command::CheckConfig { files, json } }) => {
            check_config::check(&files, json, preau::config::Config::load_alone).into()
        }
        Ok(Arguments { command: Command::Journal(command) }) => journal::carry_out(command).into(),
        Err(error) => {
            // Nothing better can be done when the terminal is gone.
            let _ = error.print();
            if error.use_stderr() { exit::Exit::Usage.into() } else { ExitCode::SUCCESS }
        }
    }
}
