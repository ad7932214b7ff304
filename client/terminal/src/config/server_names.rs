//! The names of one server on this machine. State that is kept for a server lies under one of them.
//!
//! A server with several addresses has several names. People write them in any order, add one, or leave one out, and
//! find their sessions, waiting lines, cursors and uploads again. So each list that has led to a server is noted: a text
//! file with one server a line, its addresses with blanks between them. The state of a server lies under the first
//! address of its line. Servers are never joined by their key alone: a copy of a server may have the same key.

use std::io;
use std::path::{Path, PathBuf};

use qchat_client::{PinFile, Route, ServerAddress, ServerAddresses, UserName, private_file};

use crate::config::folders::{UserFolders, component};

/// The names of a server.
#[derive(Debug, Clone)]
pub(crate) struct ServerNames {
    /// The addresses that were given, and others that were given together with them before; never empty. New state is
    /// kept under the first.
    names: Vec<ServerAddress>,
    given: ServerAddresses,
    notes: Option<ServerNotes>,
}

/// The notes about servers.
#[derive(Debug, Clone)]
struct ServerNotes {
    /// The file with the lists.
    lists: PathBuf,
    /// The folder with the last good address of each server.
    routes: PathBuf,
}

/// The longest file of lists: some thousand servers.
const LISTS_BYTES_MAX: u64 = 1024 * 1024;

/// Longer than any note of a last good address.
const ROUTE_BYTES_MAX: u64 = 1024;

impl ServerNames {
    /// The given addresses alone.
    pub(crate) fn given(server: &ServerAddresses) -> Self {
        Self { names: server.iter().cloned().collect(), given: server.clone(), notes: None }
    }

    /// The given addresses, and those of earlier lists. Addresses are no longer one server if their keys in `pins`
    /// differ.
    pub(crate) fn find(
        server: &ServerAddresses,
        home: &UserFolders,
        pins: Option<&PinFile>,
    ) -> Self {
        let notes = ServerNotes { lists: home.server_lists(), routes: home.routes() };
        let is_meant = |list: &Vec<ServerAddress>| list.iter().any(|one| server.contains(one));
        let noted = notes.lists().into_iter().filter(is_meant).flatten();
        let mut names: Vec<ServerAddress> = Vec::new();
        for name in
            noted.filter(|name| !has_other_key(name, server, pins)).chain(server.iter().cloned())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Self { names, given: server.clone(), notes: Some(notes) }
    }

    /// The folder of the server in each place where its state may lie, below `folder`.
    pub(crate) fn folders(&self, folder: &Path) -> Vec<PathBuf> {
        self.names.iter().map(|name| folder.join(component(&name.to_string()))).collect()
    }

    /// The places for the state of a user, below `folder`.
    pub(crate) fn places(&self, folder: &Path, user: &UserName) -> Vec<PathBuf> {
        let folders = self.folders(folder).into_iter();
        folders.map(|folder| folder.join(component(user.as_str()))).collect()
    }

    /// The place of the state of a user: the first that exists, or else the one for new state.
    pub(crate) fn path_of(&self, folder: &Path, user: &UserName) -> PathBuf {
        existing(self.places(folder, user))
    }

    /// The last good address, if the server has several.
    pub(crate) fn last_route(&self) -> Option<Route> {
        let text = private_file::read_secret(&self.route_file()?, ROUTE_BYTES_MAX).ok()??;
        std::str::from_utf8(&text).ok()?.trim_end().parse().ok()
    }

    /// Notes that a connection was made at this address, and that the given addresses are one server. Waits for the
    /// disk only if that is news.
    pub(crate) fn note_route(&self, route: &Route) {
        if self.last_route().as_ref() == Some(route) {
            return;
        }
        // Without these notes the next run tries the addresses in the order of its list.
        if let Some(file) = self.route_file() {
            let _ = write(&file, &format!("{route}\n"));
        }
        if let Some(notes) = self.notes.as_ref().filter(|_| self.given.are_several()) {
            let _ = notes.add(&self.names);
        }
    }

    fn route_file(&self) -> Option<PathBuf> {
        let folder = &self.notes.as_ref()?.routes;
        self.folders(folder).into_iter().next()
    }
}

impl ServerNotes {
    fn lists(&self) -> Vec<Vec<ServerAddress>> {
        let text = private_file::read_secret(&self.lists, LISTS_BYTES_MAX).ok().flatten();
        let text = String::from_utf8(text.unwrap_or_default()).unwrap_or_default();
        // A damaged word costs its name alone.
        let list =
            |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        text.lines().map(list).collect()
    }

    /// Makes the names one server, and takes them out of other lists.
    fn add(&self, names: &[ServerAddress]) -> io::Result<()> {
        let _lock = private_file::lock(&self.lists)?;
        let mut lists = self.lists();
        if lists.iter().any(|list| list == names) {
            return Ok(());
        }
        for list in &mut lists {
            list.retain(|name| !names.contains(name));
        }
        lists.retain(|list| list.len() > 1);
        lists.push(names.to_vec());
        let line = |list: &Vec<ServerAddress>| {
            let words: Vec<_> = list.iter().map(ToString::to_string).collect();
            words.join(" ") + "\n"
        };
        write(&self.lists, &lists.iter().map(line).collect::<String>())
    }
}

/// The first of the paths that exists, or else the first one.
pub(crate) fn existing(paths: Vec<PathBuf>) -> PathBuf {
    let found = paths.iter().find(|path| path.exists()).cloned();
    found.or_else(|| paths.into_iter().next()).unwrap_or_default()
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    private_file::make_folder(path.parent().unwrap_or(Path::new(".")))?;
    private_file::replace(path, text)
}

/// Whether the keys of this address and of one of the server are pinned and differ.
fn has_other_key(name: &ServerAddress, server: &ServerAddresses, pins: Option<&PinFile>) -> bool {
    let pin = |address: &ServerAddress| pins.and_then(|pins| pins.lookup(address).ok().flatten());
    let Some(known) = pin(name) else { return false };
    server.iter().filter_map(pin).any(|given| !given.shares_key(&known))
}

#[cfg(test)]
mod tests;
