//! The needs of each operation, from the tables of `docs/PERMISSIONS.md`.

const PAGE: &str = include_str!("../../../docs/PERMISSIONS.md");

/// A row: the section that it stands in, and its two cells.
struct Row {
    section: &'static str,
    cells: [&'static str; 2],
}

/// The rows of all tables.
pub(super) struct Permissions(Vec<Row>);

impl Permissions {
    pub(super) fn read() -> Self {
        let (mut section, mut rows) = ("", Vec::new());
        for line in PAGE.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title;
            }
            let cells = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")?.split_once(" | "));
            if let Some((first, second)) = cells {
                rows.push(Row { section, cells: [first, second] });
            } else if let Some(first) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" | |")) {
                rows.push(Row { section, cells: [first, ""] });
            }
        }
        Self(rows)
    }

    /// Returns the needs of the operation, as a list.
    pub(super) fn needed(&self, operation: &str) -> String {
        let needs: Vec<_> = self.0.iter().filter_map(|row| row.need(operation)).collect();
        assert!(!needs.is_empty(), "docs/PERMISSIONS.md does not say what `{operation}` needs");
        let title = if needs.len() == 1 { "Needs" } else { "Needs any of" };
        format!("\n{title}:\n- {}\n", needs.join("\n- "))
    }
}

impl Row {
    fn need(&self, operation: &str) -> Option<String> {
        let [first, second] = self.cells;
        let name = format!("`{operation}`");
        match self.section {
            "Without a credential" => first.contains(&name).then(|| format!("no credential: {second}")),
            "With any credential" => {
                let what = clause(first, &name)?;
                let joined: Vec<_> = [what.as_str(), second].into_iter().filter(|text| !text.is_empty()).collect();
                Some(format!("any credential: {}", joined.join("; ")))
            }
            section => {
                let what = clause(second, &name)?;
                let place = match section {
                    "In the caller's tenant" => "",
                    "Agents" => ", of a supervisor",
                    "Operators" => ", in `platform`",
                    other => panic!("a section that nobody knows how to read: {other}"),
                };
                let colon = if what.is_empty() { "" } else { ": " };
                Some(format!("{first}{place}{colon}{what}"))
            }
        }
    }
}

/// Returns the clause of a cell that names the operation, with those after it that name none. A clause that does
/// nothing but list names leaves nothing.
fn clause(cell: &str, name: &str) -> Option<String> {
    let mut clauses = cell.split("; ").skip_while(|clause| !clause.contains(name));
    let first = clauses.next()?;
    let rest: Vec<_> = clauses.take_while(|clause| !clause.starts_with('`') && !clause.starts_with("of ")).collect();
    let bare = first.split(", ").all(|word| word.starts_with('`') && word.ends_with('`') && !word.contains(' '));
    let all: Vec<_> = (!bare || !rest.is_empty()).then_some(first).into_iter().chain(rest).collect();
    Some(all.join("; "))
}
