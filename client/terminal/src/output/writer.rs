//! The streams for results and errors, and their format.

use std::io::{self, Write};

use jiff::Zoned;

use crate::error::{CommandError, CommandResult};
use crate::outcome::{LateResult, Outcome, RenamedFile, TransferRow};
use crate::output::colors::Palette;
use crate::output::terminal_width::columns;
use crate::output::text::{self, RenderOptions};
use crate::output::wrap::fold;
use crate::output::{json, sanitize};

/// The format of results.
#[derive(Debug, Clone)]
pub(crate) enum OutputFormat {
    /// For people.
    Text(Palette),
    /// For scripts.
    Json,
}

/// The streams for results and errors.
pub struct Output {
    results: Box<dyn Write + Send>,
    errors: Box<dyn Write + Send>,
    form: OutputFormat,
    /// The widths of the terminals behind the streams, if they are terminals.
    columns: StreamColumns,
}

#[derive(Debug, Clone, Copy, Default)]
struct StreamColumns {
    results: Option<usize>,
    errors: Option<usize>,
}

impl Output {
    /// Plain text for people. Both streams may lead to the same place.
    pub fn plain(
        results: impl Write + Send + 'static,
        errors: impl Write + Send + 'static,
    ) -> Self {
        Self::new(results, errors, OutputFormat::Text(Palette::default()))
    }

    /// Coloured text for people.
    pub fn coloured(
        results: impl Write + Send + 'static,
        errors: impl Write + Send + 'static,
    ) -> Self {
        Self::new(results, errors, OutputFormat::Text(Palette::coloured()))
    }

    pub(crate) fn standard(form: OutputFormat) -> Self {
        let columns =
            StreamColumns { results: columns(io::stdout()), errors: columns(io::stderr()) };
        Self { columns, ..Self::new(io::stdout(), io::stderr(), form) }
    }

    fn new(
        results: impl Write + Send + 'static,
        errors: impl Write + Send + 'static,
        form: OutputFormat,
    ) -> Self {
        Self {
            results: Box::new(results),
            errors: Box::new(errors),
            form,
            columns: StreamColumns::default(),
        }
    }

    /// Sets the width at which lines are wrapped.
    pub(crate) fn set_columns(&mut self, columns: Option<usize>) {
        self.columns = StreamColumns { results: columns, errors: columns };
    }

    /// Writes the result of the line that began with the word `command`, and flushes it.
    ///
    /// # Errors
    /// The result cannot be written. A remark that cannot be written is no error, because nobody could be told.
    pub(crate) fn report(
        &mut self,
        command: &str,
        result: &CommandResult<Outcome>,
    ) -> io::Result<()> {
        match (&self.form, result) {
            (OutputFormat::Json, _) => {
                let object = json::report(command, result);
                writeln!(self.results, "{object}")?;
            }
            (OutputFormat::Text(palette), Ok(outcome)) => {
                let text = text::outcome(outcome, &options(palette, self.columns.results));
                let remarks = text::remarks(outcome, &options(palette, self.columns.errors));
                self.results.write_all(text.as_bytes())?;
                // A terminal shows both streams: the remarks belong below the result.
                self.results.flush()?;
                self.remark(&remarks);
            }
            (OutputFormat::Text(palette), Err(failure)) => {
                let text = text::failure(failure, &options(palette, self.columns.errors));
                self.remark(&text);
            }
        }
        self.results.flush()
    }

    /// Announces renamed files before they are sent: one line for each, or one object for all.
    pub(crate) fn renamed(&mut self, renamed: &[RenamedFile]) {
        let text = match &self.form {
            OutputFormat::Json => json::renamed(renamed) + "\n",
            OutputFormat::Text(_) => text::renamed(renamed, self.columns.errors),
        };
        self.remark(&text);
    }

    /// Writes the result of a line that was typed earlier.
    pub(crate) fn late(&mut self, sent: &LateResult) {
        let palette = self.palette();
        let text = text::late(sent, &options(&palette, self.columns.errors));
        self.remark(&text);
    }

    /// Writes the list of transfers.
    pub(crate) fn transfers(&mut self, rows: &[TransferRow]) {
        self.remark(&text::transfers(rows, self.columns.errors));
    }

    /// Writes a notice to the stream for errors, in both formats.
    pub(crate) fn notice(&mut self, text: &str) {
        let line = fold(&sanitize::line(text), self.columns.errors);
        self.remark(&format!("{line}\n"));
    }

    /// Writes an error that belongs to no line.
    pub(crate) fn failure(&mut self, failure: &CommandError) {
        let palette = self.palette();
        let text = text::failure(failure, &options(&palette, self.columns.errors));
        self.remark(&text);
    }

    fn palette(&self) -> Palette {
        match &self.form {
            OutputFormat::Text(palette) => palette.clone(),
            OutputFormat::Json => Palette::default(),
        }
    }

    /// Ignores an error, because nobody could be told.
    fn remark(&mut self, text: &str) {
        let _ = self.errors.write_all(text.as_bytes()).and_then(|()| self.errors.flush());
    }
}

fn options(palette: &Palette, columns: Option<usize>) -> RenderOptions {
    RenderOptions { palette: palette.clone(), columns, now: Zoned::now() }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Output").field("form", &self.form).finish_non_exhaustive()
    }
}
