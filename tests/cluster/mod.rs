//! The cluster that `scripts/cluster` runs on this machine. The Python beside this file is the script.

mod script;
