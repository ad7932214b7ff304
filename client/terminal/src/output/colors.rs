//! The colours, and plain text where there are none.

use anstyle::{AnsiColor, Effects, Style};

/// Styles for the parts of a text. All of them are empty in a plain palette, so that the text is the
/// same either way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Palette {
    name: Style,
    quiet: Style,
    mark: Style,
    error: Style,
}

impl Palette {
    /// For a terminal.
    pub(crate) fn coloured() -> Self {
        Self {
            name: AnsiColor::Cyan.on_default(),
            quiet: Style::new().effects(Effects::DIMMED),
            mark: AnsiColor::Yellow.on_default().effects(Effects::BOLD),
            error: AnsiColor::Red.on_default().effects(Effects::BOLD),
        }
    }

    /// Coloured where standard output is a terminal that wants it. `NO_COLOR` is respected.
    pub(crate) fn of_standard_output() -> Self {
        match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => Self::default(),
            _ => Self::coloured(),
        }
    }

    /// Who speaks.
    pub(crate) fn name(&self, text: &str) -> String {
        paint(self.name, text)
    }

    /// What need not be read.
    pub(crate) fn quiet(&self, text: &str) -> String {
        paint(self.quiet, text)
    }

    /// What is new.
    pub(crate) fn mark(&self, text: &str) -> String {
        paint(self.mark, text)
    }

    /// What went wrong.
    pub(crate) fn error(&self, text: &str) -> String {
        paint(self.error, text)
    }
}

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
