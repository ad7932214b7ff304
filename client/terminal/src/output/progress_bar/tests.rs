use super::*;

#[test]
fn a_long_name_keeps_both_its_ends() {
    assert_eq!(short("report.pdf", 10), "report.pdf");
    let long = short(&format!("begin{}end.pdf", "x".repeat(100)), 33);
    assert!(long.starts_with("begin") && long.ends_with("end.pdf"), "{long}");
    assert_eq!(long.chars().count(), 33);
    assert_eq!(short("a\u{1b}b", 3), "a␛b");
    assert_eq!(short("report.pdf", 9), "repo….pdf");
    assert_eq!(short("日本語.pdf", 9), "日本….pdf");
    assert_eq!(short("report.pdf", 3), "r…f");
    assert_eq!(short("report.pdf", 2), "");
    assert_eq!(short("report.pdf", 0), "");
}

/// A terminal of fixed width, with the text that was written last.
#[derive(Debug, Clone)]
struct FakeTerminal(Arc<Mutex<String>>, u16);

impl indicatif::TermLike for FakeTerminal {
    fn width(&self) -> u16 {
        self.1
    }

    fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> std::io::Result<()> {
        self.write_str(&format!("{text}\n"))
    }

    fn write_str(&self, text: &str) -> std::io::Result<()> {
        self.0.lock().unwrap().push_str(text);
        Ok(())
    }

    fn clear_line(&self) -> std::io::Result<()> {
        self.0.lock().unwrap().clear();
        Ok(())
    }

    fn flush(&self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The bar of the second of twelve files, in a terminal of this width.
fn shown(columns: u16) -> String {
    let terminal = FakeTerminal(Arc::default(), columns);
    let bytes = 12 * 1024 * 1024 * 1024;
    let drawn = Drawn::in_columns(Some(usize::from(columns)), bytes);
    let target = indicatif::ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    drawn.bar.set_draw_target(target);
    drawn.call("2/12 ", "photos/2024/summer/a long name of a picture.jpg");
    drawn.bar.set_position(bytes / 3);
    drawn.bar.tick();
    let shown = terminal.0.lock().unwrap().clone();
    anstream::adapter::strip_str(&shown).to_string()
}

#[test]
fn a_bar_is_one_row_and_tells_how_many_files_and_bytes_at_any_width() {
    for columns in [36, 40, 60, 79, 80, 100, 160] {
        let shown = shown(columns);
        let taken: usize = shown.chars().map(width).sum();
        assert!(taken <= columns.into(), "{columns}: {shown}");
        assert!(shown.starts_with("2/12 "), "{columns}: {shown}");
        assert!(shown.contains("4.00 GiB of 12.00 GiB"), "{columns}: {shown}");
        assert_eq!(shown.contains('━'), columns >= 80, "{columns}: {shown}");
        assert!(columns < 48 || shown.contains('…') && shown.contains('p'), "{shown}");
    }
}

#[test]
fn a_transfer_that_ends_early_leaves_no_bar() {
    let bar = TransferBar::default();
    let shared = Arc::clone(&bar.seen);
    shared.drawn.get_or_init(|| Drawn::of(10)).bar.inc(1);
    drop(bar);
    assert!(shared.drawn.get().is_some_and(|drawn| drawn.bar.is_finished()));
}
