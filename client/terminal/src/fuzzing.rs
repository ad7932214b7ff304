//! The entry points of the fuzzers.

mod kept;
mod lines;
mod texts;

pub use kept::kept;
pub use lines::line;
#[cfg(test)]
pub(crate) use texts::check_is_safe;
pub use texts::text;
