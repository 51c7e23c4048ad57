//! `preau`: the box's command line. What it says and which codes it ends with is in `cli`.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;
use tikv_jemallocator::Jemalloc;

/// The system's keeps what an evening's devices took all night, in an arena for each of several
/// threads; this one gives it back within seconds (`.cargo/config.toml` says how).
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    match cli::Arguments::try_parse() {
        Ok(arguments) => cli::carry_out(arguments).into(),
        Err(error) => {
            // Nothing better can be done when the terminal is gone.
            let _ = error.print();
            if error.use_stderr() { cli::Exit::Usage.into() } else { ExitCode::SUCCESS }
        }
    }
}
