//! Rules of the repository itself.

mod documents;
mod layers;
