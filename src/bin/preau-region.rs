//! `preau-region`: the region operator's command line.

fn main() {}
