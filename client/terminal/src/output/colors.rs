//! The colours of a text. A plain palette has none.

use anstyle::{AnsiColor, Effects, Style};

/// Styles for the parts of a text. In a plain palette all are empty, so the text stays the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Palette {
    name: Style,
    quiet: Style,
    mark: Style,
    error: Style,
}

impl Palette {
    /// Colours for a terminal.
    pub(crate) fn coloured() -> Self {
        Self {
            name: AnsiColor::Cyan.on_default(),
            quiet: Style::new().effects(Effects::DIMMED),
            mark: AnsiColor::Yellow.on_default().effects(Effects::BOLD),
            error: AnsiColor::Red.on_default().effects(Effects::BOLD),
        }
    }

    /// Coloured if standard output is a terminal that supports it. `NO_COLOR` is respected.
    pub(crate) fn of_standard_output() -> Self {
        match anstream::AutoStream::choice(&std::io::stdout()) {
            anstream::ColorChoice::Never => Self::default(),
            _ => Self::coloured(),
        }
    }

    /// The name of a speaker.
    pub(crate) fn name(&self, text: &str) -> String {
        paint(self.name, text)
    }

    /// Text of less interest.
    pub(crate) fn quiet(&self, text: &str) -> String {
        paint(self.quiet, text)
    }

    /// The mark of something new.
    pub(crate) fn mark(&self, text: &str) -> String {
        paint(self.mark, text)
    }

    /// The word before an error.
    pub(crate) fn error(&self, text: &str) -> String {
        paint(self.error, text)
    }
}

fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
