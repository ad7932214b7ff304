//! The names of objects: `PREFIX/<user>/<id>/` for an upload, and below it its cells and its block list.

use data_encoding::HEXLOWER;
use object_store::path::Path;
use qchat_proto::{BlockHash, ClientId, Digest};

use super::cell::Tag;
use crate::files::upload_key::UploadKey;

/// The beginning of the name of a block list.
const LIST: &str = "blocks-";

/// The name of the mark of a removal.
const REMOVAL: &str = "removal";

/// The name of the object that tells people what lies below the prefix.
const NOTE: &str = "README.txt";

/// An object of an upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UploadObject {
    /// A cell of this index, whose blocks have these hashes.
    Cell(u64, Tag),
    /// The block list of the file with this digest.
    BlockList(Digest),
    /// The mark of a server that removes the upload.
    Removal,
}

/// The path that all objects of an upload are below.
pub(super) fn upload_path(prefix: &Path, key: &UploadKey) -> Path {
    Path::from(format!("{prefix}/{}/{}", key.user, HEXLOWER.encode(&key.id.0)))
}

/// The path of an object of an upload.
pub(super) fn path(prefix: &Path, key: &UploadKey, object: UploadObject) -> Path {
    let upload = upload_path(prefix, key);
    Path::from(match object {
        UploadObject::Cell(index, tag) => {
            format!("{upload}/{index:08x}-{}", HEXLOWER.encode(&tag.0))
        }
        UploadObject::BlockList(digest) => format!("{upload}/{LIST}{}", HEXLOWER.encode(&digest.0)),
        UploadObject::Removal => format!("{upload}/{REMOVAL}"),
    })
}

/// The path of the object that tells people what lies below the prefix.
pub(super) fn note_path(prefix: &Path) -> Path {
    Path::from(format!("{prefix}/{NOTE}"))
}

/// The upload and the object that a path names; `None` if it names something else.
pub(super) fn parse(prefix: &Path, path: &Path) -> Option<(UploadKey, UploadObject)> {
    let mut parts = path.prefix_match(prefix)?;
    let (user, id, name) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let id = HEXLOWER.decode(id.as_ref().as_bytes()).ok()?.try_into().ok()?;
    let key = UploadKey { user: user.as_ref().parse().ok()?, id: ClientId(id) };
    let hash = |hex: &str| HEXLOWER.decode(hex.as_bytes()).ok()?.try_into().ok();
    let object = match name.as_ref() {
        REMOVAL => UploadObject::Removal,
        name => match name.strip_prefix(LIST) {
            Some(digest) => UploadObject::BlockList(Digest(hash(digest)?)),
            None => {
                let (index, tag) = name.split_once('-')?;
                UploadObject::Cell(u64::from_str_radix(index, 16).ok()?, Tag(hash(tag)?))
            }
        },
    };
    Some((key, object))
}

/// The content of a block list: a version, then the hashes.
pub(super) fn encode_list(hashes: &[BlockHash]) -> Vec<u8> {
    [VERSION].into_iter().chain(hashes.iter().flat_map(|hash| hash.0)).collect()
}

/// The hashes in a block list; `None` if it is no block list.
pub(super) fn decode_list(bytes: &[u8]) -> Option<Vec<BlockHash>> {
    let (&VERSION, hashes) = bytes.split_first()? else { return None };
    let (hashes, rest) = hashes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.iter().copied().map(BlockHash).collect())
}

/// The version of the block lists.
const VERSION: u8 = 1;

#[cfg(test)]
mod tests;
