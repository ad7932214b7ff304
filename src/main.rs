//! The qchat program.

fn main() {}
