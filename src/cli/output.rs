//! Standard output and standard input. Colours are always written, and removed again where no terminal shows them.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use crate::error::{Error, Result};
use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use secrecy::SecretString;
use serde_json::Value;

/// The style of a table's head, and of what a person looks for first.
pub(super) const STRONG: Style = Style::new().bold();
/// The style of remarks.
pub(super) const FAINT: Style = Style::new().dimmed();
/// The style of an allow or a gain.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// The style of a warning.
pub(super) const WARN: Style = AnsiColor::Yellow.on_default();
/// The style of a deny or a loss.
pub(super) const BAD: Style = AnsiColor::Red.on_default();

/// Prints the answer of a command. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<ExitCode> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::invalid(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Prints a value for programs, on one line.
pub(super) fn print_json(value: &Value) -> Result<ExitCode> {
    print(&format!("{value}\n"))
}

/// Prints a remark beside the answer, such as that there is more.
pub(super) fn note(text: &str) {
    say(&styled(FAINT, text));
}

/// Prints a line beside the answer.
pub(super) fn say(text: &str) {
    anstream::eprintln!("{text}");
}

/// Returns the text in a style.
pub(super) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Lays out rows under their heads, in columns as wide as their contents.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(heads).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let mut lines = table.lines();
    let head = lines.next().unwrap_or_default();
    let head = styled(STRONG, head.trim_end());
    lines.fold(head, |text, line| text + "\n" + line.trim_end()) + "\n"
}

/// Makes a bar that shows the progress of long work on a terminal, and nothing where there is none.
pub(super) fn progress(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::no_length().with_message(what);
    let style = ProgressStyle::with_template("{spinner} {msg}: {human_pos} ({per_sec}, {elapsed})");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Reads a password: typed unseen, or the first line of standard input. It is never an argument, because other users of
/// the machine see those.
pub(super) fn password_from_stdin() -> Result<SecretString> {
    let unread = |error| Error::invalid(format!("no password on standard input: {error}"));
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("password: ").map(Into::into).map_err(unread);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(unread)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}
