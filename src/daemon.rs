//! Wires every room, starts them, stops them. The only file that knows them all.
