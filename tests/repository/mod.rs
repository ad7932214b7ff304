//! Rules of the repository itself.

mod layers;
mod readme;
