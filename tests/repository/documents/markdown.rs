//! The parts of a Markdown page that the tests look at. It knows the forms that these documents use, not all of
//! Markdown.

use std::path::{Path, PathBuf};

/// A page, taken apart.
#[derive(Default)]
pub(super) struct Document {
    /// Its path from the root of the repository.
    pub(super) path: PathBuf,
    /// The whole text.
    pub(super) text: String,
    /// The lines of code blocks, and the code in running text.
    pub(super) code: Vec<String>,
    /// Headings, paragraphs, items and cells, without code and emphasis.
    pub(super) prose: Vec<String>,
    /// The headings.
    pub(super) headings: Vec<String>,
    /// The rows of tables: the first cell of the table's head, and the cells of the row.
    pub(super) rows: Vec<(String, Vec<String>)>,
    /// The targets of links.
    pub(super) links: Vec<String>,
}

/// Stands in [`Document::prose`] for code.
const CODE: &str = "`code`";

/// The form of a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Blank,
    /// The line that begins or ends a fenced block.
    Fence,
    Code,
    Row,
    Comment,
    Heading,
    Item,
    Text,
}

/// The lines before a line, as far as its form depends on them.
#[derive(Default)]
struct Before {
    is_fenced: bool,
    is_indented: bool,
    is_blank: bool,
}

impl Before {
    fn form(&mut self, line: &str) -> Form {
        let text = line.trim_start();
        let is_fence = text.starts_with("```");
        let is_blank = text.is_empty();
        let is_deep = line.starts_with("    ");
        self.is_fenced ^= is_fence;
        self.is_indented = !self.is_fenced
            && (is_blank && self.is_indented || is_deep && (self.is_indented || self.is_blank));
        self.is_blank = is_blank;
        match text {
            _ if is_fence => Form::Fence,
            _ if is_blank => Form::Blank,
            _ if self.is_fenced || self.is_indented => Form::Code,
            _ if text.starts_with('|') => Form::Row,
            _ if text.starts_with("<!--") => Form::Comment,
            _ if text.starts_with('#') => Form::Heading,
            _ if without_marker(text) != text => Form::Item,
            _ => Form::Text,
        }
    }
}

impl Document {
    pub(super) fn read(root: &Path, file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        Self::parse(file.strip_prefix(root).unwrap(), &text)
    }

    fn parse(path: &Path, text: &str) -> Self {
        let mut page = Self { path: path.to_owned(), text: text.to_owned(), ..Self::default() };
        let mut before = Before { is_blank: true, ..Before::default() };
        let mut paragraph = String::new();
        let mut head = None;
        for line in text.lines() {
            let form = before.form(line);
            if form != Form::Text {
                page.end(&mut paragraph);
            }
            head = head.filter(|_| form == Form::Row);
            match form {
                Form::Blank | Form::Fence | Form::Comment => {}
                Form::Code => page.code.push(line.trim().to_owned()),
                Form::Row => head = Some(page.row(line, head)),
                Form::Heading => {
                    page.headings.push(without_marker(line).to_owned());
                    page.end(&mut line.to_owned());
                }
                Form::Item | Form::Text => paragraph = format!("{paragraph} {}", line.trim()),
            }
        }
        page.end(&mut paragraph);
        page
    }

    /// Takes a paragraph apart that has ended.
    fn end(&mut self, paragraph: &mut String) {
        let text = std::mem::take(paragraph);
        let text = without_marker(text.trim());
        if !text.is_empty() {
            let prose = self.without_code(text);
            self.prose.push(prose);
        }
    }

    /// Takes the row of a table apart, and returns the first cell of the table's head.
    fn row(&mut self, line: &str, head: Option<String>) -> String {
        let cells = line.trim().trim_matches('|').replace("\\|", "¦");
        let cells: Vec<_> = cells.split('|').map(|cell| cell.trim().replace('¦', "|")).collect();
        let is_rule = cells.iter().all(|cell| cell.chars().all(|part| "-: ".contains(part)));
        let head = head.unwrap_or_else(|| cells.first().cloned().unwrap_or_default());
        for (place, cell) in cells.iter().enumerate().filter(|_| !is_rule) {
            let prose = self.without_code(cell);
            // Such a column shows how not to write.
            if place > 0 || head != "instead of" {
                self.prose.push(prose);
            }
        }
        self.rows.push((head.clone(), cells));
        head
    }

    /// Keeps the code and the links of a text, and returns the rest.
    fn without_code(&mut self, text: &str) -> String {
        let mut prose = String::new();
        for (place, part) in text.split('`').enumerate() {
            if place % 2 == 1 {
                self.code.push(part.to_owned());
                prose.push_str(CODE);
            } else {
                let targets = part.split("](").skip(1);
                let targets = targets.filter_map(|rest| rest.split(')').next());
                self.links.extend(targets.map(String::from));
                prose.push_str(&part.replace('*', ""));
            }
        }
        prose
    }
}

/// A line without the marker of a list or a heading.
fn without_marker(line: &str) -> &str {
    let number = line.trim_start_matches(|digit: char| digit.is_ascii_digit());
    let numbered = number.strip_prefix(". ").filter(|_| number.len() < line.len());
    let marked = ["- ", "* ", "> "].iter().find_map(|marker| line.strip_prefix(marker));
    let heading = line.strip_prefix('#').map(|line| line.trim_start_matches('#').trim_start());
    numbered.or(marked).or(heading).unwrap_or(line)
}

#[test]
fn a_page_is_taken_apart() {
    let text = "# A title\n\nSome *text* with `code`\nand [a link](b.md#c). Two.\n\n- an item\n  of two lines\n\n\
                \x20   $ indented code\n\n```text\nfenced\n```\n| head | b |\n|---|---|\n| `x` | z |\n";
    let page = Document::parse(Path::new("x.md"), text);
    let prose =
        ["A title", "Some text with `code` and [a link](b.md#c). Two.", "an item of two lines"];
    assert_eq!(page.prose[..3], prose);
    assert_eq!(page.prose[3..5], ["head", "b"]);
    assert_eq!(page.headings, ["A title"]);
    assert_eq!(page.links, ["b.md#c"]);
    assert!(page.code.iter().any(|code| code == "$ indented code"));
    assert!(page.code.iter().any(|code| code == "fenced"));
    assert_eq!(page.rows[2].0, "head");
}
