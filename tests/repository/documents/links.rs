//! Links lead somewhere, and every page can be reached.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::markdown::Document;
use super::{check_none, documents, root};

/// The longest README, in bytes: two minutes of reading.
const README_BYTES_MAX: usize = 6_500;

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let documents = documents();
    let mut found = Vec::new();
    let mut links = 0;
    for document in &documents {
        for link in &document.links {
            links += 1;
            if let Some(wrong) = wrong(document, link, &documents) {
                found.push(format!("{}: {link}: {wrong}", document.path.display()));
            }
        }
    }
    check_none("links that lead nowhere", &found);
    assert!(links > 10, "only {links} links were found");
}

/// The mistake in a link, if there is one.
fn wrong(document: &Document, link: &str, documents: &[Document]) -> Option<&'static str> {
    if link.starts_with("https://") {
        return None;
    }
    let (path, heading) = link.split_once('#').unwrap_or((link, ""));
    let target = target(document, path);
    if !root().join(&target).exists() {
        return Some("no such file");
    }
    let page = documents.iter().find(|page| page.path == target);
    let is_there = |page: &Document| page.headings.iter().any(|text| anchor(text) == heading);
    let has_heading = heading.is_empty() || page.is_some_and(is_there);
    (!has_heading).then_some("no such heading")
}

/// The path of a link's target from the root of the repository.
fn target(document: &Document, path: &str) -> PathBuf {
    if path.is_empty() {
        return document.path.clone();
    }
    let mut target = document.path.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => assert!(target.pop(), "{path} leads out of the repository"),
            part => target.push(part),
        }
    }
    target
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = |part: &char| part.is_alphanumeric() || " -_".contains(*part);
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let documents = documents();
    let mut reached = BTreeSet::from([PathBuf::from("README.md")]);
    let mut waiting: Vec<_> = reached.iter().cloned().collect();
    while let Some(path) = waiting.pop() {
        let page = documents.iter().find(|page| page.path == path);
        for link in page.iter().flat_map(|page| page.links.iter().map(move |link| (page, link))) {
            let (page, link) = link;
            let path = target(page, link.split('#').next().unwrap_or_default());
            if !link.starts_with("https://") && reached.insert(path.clone()) {
                waiting.push(path);
            }
        }
    }
    let pages = documents.iter().map(|page| &page.path);
    let pages = pages.filter(|path| path.starts_with("docs") || path.components().count() == 1);
    let missed = pages.filter(|path| !reached.contains(*path));
    let missed: Vec<_> = missed.map(|path| path.display().to_string()).collect();
    check_none("pages without a link from the README", &missed);
}

#[test]
fn the_readme_is_read_in_two_minutes_and_has_the_two_commands_to_begin_with() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let bytes = readme.len();
    assert!(bytes <= README_BYTES_MAX, "README.md has {bytes} bytes; move text to docs/");
    for command in ["scripts/demo", "scripts/test"] {
        let line = format!("\n    {command}\n");
        assert!(readme.contains(&line), "README.md has no line {command:?}");
    }
}
