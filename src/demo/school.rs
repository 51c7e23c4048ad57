//! The demo school’s settings.
