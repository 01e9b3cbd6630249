//! Standard output and standard input.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::process::ExitCode;

use bailiwick::error::{Error, Result};
use secrecy::SecretString;

/// Prints what was asked for. A reader that has seen enough (`| head`) is no failure.
pub(super) fn print(text: &str) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::invalid(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The first line of standard input. A password is never an argument: other users of the machine
/// see those.
pub(super) fn password_from_stdin() -> Result<SecretString> {
    let input = std::io::stdin();
    if input.is_terminal() {
        eprint!("password (shown as you type): ");
    }
    let mut line = String::new();
    input.read_line(&mut line).map_err(|error| Error::invalid(format!("no password on standard input: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned().into())
}
