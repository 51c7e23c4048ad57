//! `check-config`: are these files good? Of both command lines.

use std::{
    io::IsTerminal as _,
    path::{Path, PathBuf},
};

use preau::config::{Config, ConfigError, Finding};
use serde_json::{Value, json};

use super::exit::Exit;

/// Checks each file, read by `load`. The worst one decides on the exit code.
pub fn check(files: &[PathBuf], json: bool, load: fn(&Path) -> Checked) -> Exit {
    let checked: Vec<_> = files.iter().map(|file| (file, load(file))).collect();
    let exits = checked.iter().map(|(_, result)| exit_of(result));
    let exit = exits.max_by_key(|exit| *exit as u8).unwrap_or(Exit::Good);
    if json {
        let files: Vec<Value> = checked
            .iter()
            .map(|(file, result)| as_json(&file.display().to_string(), result))
            .collect();
        println!("{}", json!({"good": exit == Exit::Good, "files": files}));
        return exit;
    }
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for (file, result) in &checked {
        match result {
            Ok((config, report)) => {
                eprint!("{}", report.render(colours));
                let school = &config.school;
                let good = if report.has_set_aside() { "wrong, and the rest acts" } else { "good" };
                println!("{}: {good} ({} {})", file.display(), school.uai, school.name);
            }
            Err(error) => {
                eprint!("{}", error.render(colours));
                println!("{}: wrong", file.display());
            }
        }
    }
    exit
}

/// What came of one file.
pub type Checked = Result<(Config, preau::config::Report), ConfigError>;

/// A box starts with a file of which something is set aside; whoever wrote it is told all the same.
fn exit_of(checked: &Checked) -> Exit {
    match checked {
        Ok((_, report)) if report.has_set_aside() => Exit::Config,
        Ok(_) => Exit::Good,
        Err(error) => Exit::of_config(error),
    }
}

fn as_json(file: &str, result: &Checked) -> Value {
    let (findings, error): (&[Finding], _) = match result {
        Ok((_, report)) => (&report.findings, None),
        Err(error @ ConfigError::Invalid(_)) => (error.findings(), None),
        Err(error) => (&[], Some(error.to_string())),
    };
    let good = exit_of(result) == Exit::Good;
    json!({"file": file, "good": good, "findings": findings, "error": error})
}
