//! Folders that only the server's own user may look into.

use std::io;
use std::path::Path;

const PRIVATE: u32 = 0o700;

/// Makes `folder`, with those above it, where it is missing. One that exists keeps its mode.
pub(crate) fn create_private(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), PRIVATE).create(folder)
}
