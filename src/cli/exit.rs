//! Exit codes that scripts can tell apart: sysexits.h(3head).

use std::process::ExitCode;

use preau::config::ConfigError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[allow(dead_code, reason = "the region's command line needs some of them only")]
pub enum Exit {
    /// Done.
    Good = 0,
    /// `EX_USAGE`: the command line is wrong.
    Usage = 64,
    /// `EX_DATAERR`: what was given is wrong.
    Data = 65,
    /// `EX_NOINPUT`: what was named cannot be read.
    NoInput = 66,
    /// `EX_UNAVAILABLE`: no daemon answers, or a port is taken.
    Unavailable = 69,
    /// `EX_SOFTWARE`: a bug.
    Software = 70,
    /// `EX_CANTCREAT`: a file or socket cannot be made.
    CannotCreate = 73,
    /// `EX_IOERR`: the disk would not.
    Io = 74,
    /// `EX_TEMPFAIL`: not all done; it will be tried again.
    Temporary = 75,
    /// `EX_NOPERM`: not allowed.
    NoPermission = 77,
    /// `EX_CONFIG`: the configuration is wrong.
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// A file that cannot be read is told apart from one that is wrong.
    pub fn of_config(error: &ConfigError) -> Self {
        match error {
            ConfigError::Unreadable { source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                Self::NoPermission
            }
            ConfigError::Unreadable { .. } => Self::NoInput,
            ConfigError::TooLarge { .. } | ConfigError::Invalid(_) => Self::Config,
        }
    }
}

/// Says why on standard error.
#[allow(dead_code, reason = "the region's command line has reports only")]
pub fn fail(exit: Exit, why: impl std::fmt::Display) -> Exit {
    eprintln!("preau: {why}");
    exit
}
