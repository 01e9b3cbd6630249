//! The suites, in one program.

#[cfg(test)]
mod http;
