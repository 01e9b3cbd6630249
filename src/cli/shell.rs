//! `bailiwick completions` and `bailiwick man`: the command line as shells and `man` know it.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::error::{Error, Result};
use clap::CommandFactory as _;
use clap_complete::Shell;

use super::Cli;
use super::output::print;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bailiwick completions bash > /etc/bash_completion.d/bailiwick\n  \
                        source <(bailiwick completions zsh)")]
pub(super) struct Completions {
    /// The shell.
    shell: Shell,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bailiwick man | man -l -\n  bailiwick man --folder /usr/local/share/man/man1")]
pub(super) struct Man {
    /// Write a page for each command into this folder, instead of the first page to standard output.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Prints the script by which a shell completes the command line.
pub(super) fn completions(args: &Completions) -> Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "bailiwick", &mut script);
    print(&String::from_utf8(script).map_err(Error::internal)?)
}

/// Prints the manual, or writes it into a folder.
pub(super) fn man(args: &Man) -> Result<ExitCode> {
    if let Some(folder) = &args.folder {
        let written = clap_mangen::generate_to(Cli::command(), folder);
        let unwritten = |error| Error::invalid(format!("cannot write to `{}`: {error}", folder.display()));
        written.map_err(unwritten)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).map_err(Error::internal)?;
    print(&String::from_utf8(page).map_err(Error::internal)?)
}
