//! `preau`: the box's command line.

fn main() {}
