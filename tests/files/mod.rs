//! Sending and downloading files.

mod background_transfers;
mod bucket;
mod file_names;
mod file_refusals;
mod folders;
pub(crate) mod resume;
mod resume_after_cuts;
mod retention;
pub(crate) mod sending;
mod several_files;
mod torn_files;
