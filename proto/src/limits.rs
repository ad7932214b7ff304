//! The limits that both sides keep.

/// The longest text of one message, in bytes of UTF-8.
pub const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The longest user or group name, in bytes.
pub const NAME_BYTES_MAX: usize = 32;

/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The longest original name of a file, in bytes. With a timestamp and the additions
/// of a partial file, the name fits into the 255 bytes that file systems allow.
pub const FILE_NAME_BYTES_MAX: usize = 200;

/// The longest name inside a folder that is sent as a whole, in bytes: the limit of file systems.
pub const FILE_NAME_IN_FOLDER_BYTES_MAX: usize = 255;

/// The most folders in the path of a file. People do not nest folders deeper.
pub const FOLDERS_MAX: usize = 32;

/// The longest path of folders, in bytes, with the slashes between the names.
pub const FOLDER_PATH_BYTES_MAX: usize = 1024;

/// The longest request frame: a message, its names, and a reserve for later versions.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The longest request frame while nobody is signed in: twice the largest command that registers or signs
/// in.
pub const SIGNED_OUT_REQUEST_BYTES_MAX: usize = 4 * 1024;

/// The bytes of messages or names that a server puts into one page of a longer answer.
pub const PAGE_BYTES: usize = 256 * 1024;

/// The longest answer frame: a page, and the message that exceeded it.
pub const ANSWER_BYTES_MAX: usize = PAGE_BYTES + 2 * MESSAGE_BYTES_MAX + 32 * 1024;

/// The longest list of users, groups, members or messages in one page.
pub const PAGE_ITEMS_MAX: usize = 2048;

/// The longest list of ranges in one request to mark messages as read.
pub const READ_RANGES_MAX: usize = 1024;

/// The longest list of cursors in one `Watch`: the mailbox and 1,023 groups.
pub const CURSORS_MAX: usize = 1024;

/// The most sessions of one user.
pub const SESSIONS_MAX: usize = 256;

/// The most candidates in the refusal of an ambiguous file name.
pub const CANDIDATES_MAX: usize = 20;

/// The longest header frame on the stream of a file.
pub const FILE_HEADER_BYTES_MAX: usize = 64;

/// The bytes of a block; the last block of a file may have fewer. A power of two, since a block is a
/// subtree of the BLAKE3 tree of the file.
pub const BLOCK_BYTES: u64 = 1024 * 1024;

/// The largest file: a tebibyte, whose list of block hashes takes 32 MiB of memory.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024 * BLOCK_BYTES;

/// The longest list of block hashes in one answer: those of 8 GiB, in 256 KiB.
pub const BLOCK_HASHES_MAX: usize = 8192;

/// The most ranges of blocks in one request.
pub const BLOCK_RANGES_MAX: usize = 256;
