//! `preau`: the box's command line. What it says and which codes it ends with is in `cli`.

mod cli;

use std::process::ExitCode;

use clap::Parser as _;

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
