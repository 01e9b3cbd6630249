//! The program `bailiwick`. All of it is in the library, which is compiled once for the program and the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    bailiwick::cli::main()
}
