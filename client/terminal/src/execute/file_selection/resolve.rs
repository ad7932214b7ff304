//! Finds on the disk the files that a line names.

use std::path::{Path, PathBuf};

use glob::MatchOptions;
use qchat_client::{CallError, Code, LocalFileReason};

use crate::command::{FileArguments, FileWord};
use crate::error::{CommandError, CommandResult};

/// How many files one line may send.
pub(super) const FILES_MAX: usize = 10_000;

/// The rules of shells: a `*` matches no `/`, and no name that begins with a dot.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// The paths that exist, in the order of the line. Relative names begin in `folder`.
///
/// # Errors
/// [`CommandError`]: a name does not exist, no file matches a pattern, or too many do.
pub(super) fn resolve(files: &FileArguments, folder: Option<&Path>) -> CommandResult<Vec<PathBuf>> {
    let whole = placed(folder, &files.whole());
    match files {
        // A name may hold spaces, and characters that are those of a pattern.
        FileArguments::Rest(_) if exists(&whole) => Ok(vec![whole]),
        FileArguments::Rest(rest) => resolve_words(folder, &FileWord::split(rest), whole),
        FileArguments::Arguments(arguments) => {
            let paths = arguments.iter().map(|name| placed(folder, Path::new(name)));
            let paths: Vec<_> = paths.collect();
            match paths.iter().find(|path| !exists(path)) {
                None => Ok(paths),
                Some(_) if exists(&whole) => Ok(vec![whole]),
                Some(path) => Err(missing(path.clone())),
            }
        }
    }
}

/// The same files by their absolute paths, as the rest of a line that runs later and from another folder.
/// If a name does not exist yet, the whole text counts as one name.
///
/// # Errors
/// [`CommandError`]: a name cannot be written into a line.
pub(crate) fn absolute_names(files: &FileArguments) -> CommandResult<String> {
    let paths = match resolve(files, None) {
        Ok(paths) => paths,
        Err(error) if files.has_pattern() => return Err(error),
        Err(_) => vec![files.whole()],
    };
    let names: Result<Vec<_>, _> = paths.iter().map(|path| absolute_name(path)).collect();
    let names = names?;
    match names.as_slice() {
        // Only the outer pair of quotes is removed, so quotes inside the name do no harm.
        [name] => Ok(format!("\"{name}\"")),
        names if names.iter().any(|name| name.contains('"')) => Err(CommandError::refused(
            Code::LocalFile,
            "a name with a quote in it can only wait alone",
        )),
        names => Ok(format!("\"{}\"", names.join("\" \""))),
    }
}

fn absolute_name(path: &Path) -> CommandResult<String> {
    let local = |why: String| refused(path, &why);
    let path = std::path::absolute(path).map_err(|error| local(error.to_string()))?;
    let path = path.to_str().ok_or_else(|| local("its folder's name is not UTF-8".to_owned()))?;
    Ok(path.to_owned())
}

/// Resolves each word. If already the first one does not exist, the error names the whole text.
fn resolve_words(
    folder: Option<&Path>,
    words: &[FileWord],
    whole: PathBuf,
) -> CommandResult<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let path = placed(folder, &word.path());
        if exists(&path) {
            paths.push(path);
        } else if word.is_pattern() {
            paths.extend(matching(&path)?);
        } else {
            return Err(missing(if index == 0 { whole } else { path }));
        }
    }
    Ok(paths)
}

/// The regular files that match a pattern, sorted. A folder has to be named.
fn matching(pattern: &Path) -> CommandResult<Vec<PathBuf>> {
    let local = |why: &str| refused(pattern, why);
    let text = pattern.to_str().ok_or_else(|| local("this is not UTF-8"))?;
    let paths = glob::glob_with(text, MATCHING).map_err(|wrong| local(wrong.msg))?;
    // A file that cannot be read does not match.
    let files = paths.filter_map(Result::ok).filter(|path| path.is_file());
    // One more than may be sent is enough to see that there are too many.
    let files: Vec<_> = files.take(FILES_MAX + 1).collect();
    match files.is_empty() {
        true => Err(local("no file fits this pattern")),
        false => Ok(files),
    }
}

fn refused(path: &Path, why: &str) -> CommandError {
    CommandError::refused(Code::LocalFile, format!("{}: {why}", path.display()))
}

fn missing(path: PathBuf) -> CommandError {
    CallError::LocalFile { path, reason: LocalFileReason::Missing }.into()
}

/// If a path cannot even be examined, the error is reported when the file is opened.
fn exists(path: &Path) -> bool {
    path.try_exists().unwrap_or(true)
}

fn placed(folder: Option<&Path>, path: &Path) -> PathBuf {
    folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
}
