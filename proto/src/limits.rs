//! The bounds that both sides keep, in one place.

/// The longest text of one message, in bytes of UTF-8.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The longest user or group name, in bytes.
pub const NAME_BYTES_MAX: usize = 32;

/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The longest original name of a file, in bytes: with the time stamp before it and a part file's
/// ending after it, it still fits into the 255 bytes that file systems give to a name.
pub const FILE_NAME_BYTES_MAX: usize = 200;

/// The longest name inside of a folder that is sent as a whole, in bytes: what file systems give to a name.
pub const FILE_NAME_IN_FOLDER_BYTES_MAX: usize = 255;

/// How many folders a file's path may have above its name. Deeper they were not made by people.
pub const FOLDERS_MAX: usize = 32;

/// The longest path of folders, in bytes, with the slashes between their names.
pub const FOLDER_PATH_BYTES_MAX: usize = 1024;

/// The longest request frame: a message, its names and some room to grow.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The longest request frame while nobody is signed in: the commands by which accounts are made and
/// people sign in, twice over.
pub const STRANGER_REQUEST_BYTES_MAX: usize = 4 * 1024;

/// How many bytes of messages or names a server puts into one page of a longer answer.
pub const PAGE_BYTES: usize = 256 * 1024;

/// The longest answer frame: a page, and the message that went over its end.
pub const ANSWER_BYTES_MAX: usize = PAGE_BYTES + 2 * MESSAGE_BYTES_MAX + 32 * 1024;

/// The longest list of users, groups, members or messages in one page.
pub const PAGE_ITEMS_MAX: usize = 2048;

/// The longest list of ranges in one request to mark messages as read.
pub const READ_RANGES_MAX: usize = 1024;

/// The longest list of cursors that watching may start with: the mailbox, and so many groups.
pub const CURSORS_MAX: usize = 1024;

/// How many sessions one user may have.
pub const SESSIONS_MAX: usize = 256;

/// How many candidates an ambiguous file name is answered with at the most.
pub const CANDIDATES_MAX: usize = 20;

/// The longest header of a file's stream, and of a block on it.
pub const FILE_HEADER_BYTES_MAX: usize = 64;

/// How many bytes a file's block has; the last one of a file may have fewer. A power of two, since a
/// block is a subtree of the file's BLAKE3 tree.
pub const BLOCK_BYTES: u64 = 1024 * 1024;

/// The largest file: a tebibyte, whose list of block values takes 32 MiB of memory.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * BLOCK_BYTES;

/// The longest list of block values in one answer: those of 8 GiB, in a quarter of a mebibyte.
pub const BLOCK_HASHES_MAX: usize = 8192;

/// How many runs of blocks one request can ask for.
pub const BLOCK_RANGES_MAX: usize = 256;
