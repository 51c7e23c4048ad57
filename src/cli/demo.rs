//! `preau demo`: a whole school on this machine.

use std::path::PathBuf;

use clap::Args;
use preau::demo::{self, DemoOptions};

use super::exit::{Exit, fail};

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Tell the whole story alone, check each step, and end: 0 when every promise was kept.
    #[arg(long)]
    check: bool,
    /// Port of the pages on 127.0.0.1 [default: 8443, or any free one].
    #[arg(long)]
    port: Option<u16>,
    /// Keep the school in this folder [default: one that goes with the demo].
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Runs the demo until it is left.
pub fn show(arguments: DemoArguments) -> Exit {
    let DemoArguments { check, port, folder } = arguments;
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Software, format!("cannot start a runtime: {error}")),
    };
    let shown = runtime.block_on(demo::run(DemoOptions { check, port, folder }));
    // A read of standard input that nobody ends must not hold the program.
    runtime.shutdown_background();
    match shown {
        Ok(()) => Exit::Good,
        Err(error) => fail(Exit::Software, format!("the demo failed: {error:#}")),
    }
}
