//! Catalogues beside the built-in one.

use bailiwick::config::catalogue::parse;
use bailiwick::domain::catalogue::Catalogue;

/// The text of the built-in catalogue.
pub(crate) const BUILT_IN: &str = include_str!("../../catalogue/contact-center.yaml");

/// The built-in catalogue as it was before the extracted reports were divided.
pub(crate) fn undivided() -> Catalogue {
    let mut lines = BUILT_IN.lines();
    let mut text = String::new();
    while let Some(line) = lines.next() {
        if line.ends_with("key: custom-extracted-reports") {
            lines.by_ref().take(3).for_each(drop);
        } else if !line.trim_start().starts_with("formerly:") {
            text.push_str(&line.replace("key: default-extracted-reports", "key: extracted-reports"));
            text.push('\n');
        }
    }
    parse(&text, "undivided.yaml").unwrap()
}
