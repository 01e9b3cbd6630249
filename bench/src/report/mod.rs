//! The document and its plots, from the findings of all parts: nothing is measured here.

mod decisions;
mod goals;
mod plot;
mod words;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::result::{Findings, Result, Row};
use crate::{Part, Place, http, progress};
use goals::Goal;
use plot::Bar;
use words::{count, measured};

/// The findings of all parts that have run.
pub(crate) struct Found(Vec<(Part, Findings)>);

impl Found {
    fn read(folder: &Path) -> Result<Self> {
        let mut found = Vec::new();
        for part in Part::MEASURED {
            found.extend(Findings::read(folder, part.name())?.map(|findings| (part, findings)));
        }
        Ok(Self(found))
    }

    fn part(&self, part: Part) -> Option<&Findings> {
        self.0.iter().find(|(of, _)| *of == part).map(|(_, findings)| findings)
    }

    fn get(&self, part: Part, case: &str, of: &str, scale: usize) -> Option<&Row> {
        self.part(part)?.get(case, of, scale)
    }
}

/// Writes the document, its plots, and the README's table.
pub(crate) fn write(place: &Place) -> Result<()> {
    let found = Found::read(&place.results)?;
    let goals = table_of(&goals::all(&found));
    fs::create_dir_all(&place.plots)?;
    let mut text = format!("{HEAD}{goals}");
    if let Some(core) = found.part(Part::Core) {
        text.push_str(&decisions::section(core, &place.plots)?);
    }
    for (part, title, about) in SECTIONS {
        if let Some(findings) = found.part(part) {
            let _ = write!(text, "\n## {title}\n\n{about}\n");
            if part == Part::Http {
                text.push_str(&throughput(findings, &place.plots)?);
            }
            text.push_str(&table(findings));
        }
    }
    text.push_str(&machines(&found));
    fs::write(&place.document, text)?;
    if let Some(readme) = &place.readme {
        let text = fs::read_to_string(readme)?;
        let shown = table_of(goals::all(&found).iter().filter(|goal| SHOWN.contains(&goal.what.as_str())));
        fs::write(readme, replaced(&text, &shown).ok_or("the README has no place for the table")?)?;
    }
    print!("{goals}");
    progress(&format!("wrote {}", place.document.display()));
    Ok(())
}

/// The goals that the README shows.
const SHOWN: [&str; 4] = [
    "decision in process, repeated, 1\u{2009}000\u{2009}000 rules",
    "random, 100\u{2009}000 rules",
    "COMMIT answered → enforced in another process, p50",
    "requests of others during: guessing names",
];

const HEAD: &str = "\
# Benchmarks

`make bench` measures all of this and writes this file. Each number stands beside what it cannot be
faster than (its floor) or beside others that do the same (its peers), measured in turns in the same
run: machines are noisy, so that ratios mean something and bare numbers little. Numbers are medians,
with the quartiles in brackets.

## Goals

";

const SECTIONS: [(Part, &str, &str); 5] = [
    (
        Part::Memory,
        "Memory",
        "By how much a process grows that reads the rules tenant by tenant and lays them out, what its\n\
         allocator keeps of the reading included.",
    ),
    (
        Part::Http,
        "Decisions over HTTP",
        "The server has one core, the load the other; 64 connections stay open, each sending one request after\n\
         the other, of 4\u{2009}096 different ones. Ours is the product's own router; both floors run in the same\n\
         process and runtime. The plain floor parses AuthZEN's body, looks one key up and answers in its shape;\n\
         the GraphQL floor executes the same documents by a schema with one static field, and nothing else. It\n\
         parses each, which the product does with new ones only.\n\
         Every answer was compared with the engine's before. `http` is how many requests were answered for each\n\
         second that the server had its core, `http.busy` for how much of the time it had it: below 100 % the\n\
         load, or others on the machine, were the limit.\n\n\
         Beside the build before connections came through a loop of our own and documents were brought into one\n\
         form (1d5856d), the medians of several runs in turns: an AuthZEN evaluation 0.98 × as many for each second\n\
         of the core, a GraphQL decision 1.01 × by API key and 1.03 × by session (0.68 × and 0.72 × as long as a\n\
         document that came again was validated and brought into its form again), `/healthz` 0.90 ×.",
    ),
    (
        Part::Change,
        "Changes",
        "Two instances in two processes, over one PostgreSQL and one Redis: from the answer of COMMIT in one\n\
         until the other decides by it. The floor, in turns with it: a bare message to that process, and one\n\
         indexed select there. A change of one rule puts a user into a group or takes it out, by the use case;\n\
         its floor is one commit of one row in the same database. SQLite is as the product opens it, PostgreSQL as\n\
         it is installed: both wait for the disk.",
    ),
    (
        Part::Start,
        "Start",
        "From the start of a process until `/readyz` says yes, with one tenant in the database and with 100\u{2009}000\n\
         of ten rules each. The first load of a large tenant is its first use by an instance; its floor reads\n\
         the same rows, and every text in them, in one statement.",
    ),
    (
        Part::Attack,
        "Attacks",
        "A host application goes on asking, a connection for each request, while strangers and users of another\n\
         tenant do their worst from another address: for each attack its quiet median, its median and worst while\n\
         the attack lasts, how many requests were not answered rightly (each counts as 10 s), and by how much\n\
         the server has grown. `over` is how many attack at once. Every attack has a server and a database of its\n\
         own. `--beside` attacks another build in turns with this one. Nested grants are asked for as lists and as\n\
         pages: each build refuses one of the two.",
    ),
];

fn table_of<'g>(goals: impl IntoIterator<Item = &'g Goal>) -> String {
    let mut text = "| what | measured | beside | goal | |\n|---|---|---|---|---|\n".to_owned();
    for Goal { what, measured, beside, aim, verdict } in goals {
        let _ = writeln!(text, "| {what} | {measured} | {beside} | {aim} | {verdict} |");
    }
    text
}

/// Formats a number with its spread.
fn spread(row: &Row) -> String {
    let number = |value| measured(value, row.unit);
    if row.samples == 1 || row.low >= row.high {
        return number(row.median);
    }
    format!("{} ({} – {})", number(row.median), number(row.low), number(row.high))
}

/// Lays out all numbers of a part.
fn table(findings: &Findings) -> String {
    let mut text = "\n| case | over | who | | samples |\n|---|---|---|---|---|\n".to_owned();
    for row in &findings.rows {
        let Row { case, of, scale, samples, .. } = row;
        let _ = writeln!(text, "| {case} | {} | {of} | {} | {samples} |", count(*scale), spread(row));
    }
    text.push_str(&notes(findings));
    text
}

fn notes(findings: &Findings) -> String {
    let notes: Vec<String> = findings.notes.iter().map(|note| format!("- {note}\n")).collect();
    if notes.is_empty() { String::new() } else { format!("\n{}", notes.concat()) }
}

/// Plots the throughput of the APIs over HTTP.
fn throughput(findings: &Findings, plots: &Path) -> Result<String> {
    let rows = findings.rows.iter().filter(|row| row.case == http::THROUGHPUT);
    let bar = |row: &Row| Bar {
        name: row.of.clone(),
        value: row.median,
        text: measured(row.median, row.unit),
        ours: !row.of.starts_with("floor"),
    };
    let title = "Requests for each second of one core";
    fs::write(plots.join("http.svg"), plot::bars(title, &rows.map(bar).collect::<Vec<_>>()))?;
    Ok(format!("\n![{title}](benchmarks/http.svg)\n"))
}

/// Returns the text with another table between its marks.
fn replaced(text: &str, table: &str) -> Option<String> {
    const MARKS: [&str; 2] = ["<!-- written by make bench -->\n", "<!-- until here -->"];
    let (before, rest) = text.split_once(MARKS[0])?;
    let (_, after) = rest.split_once(MARKS[1])?;
    Some(format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1]))
}

fn machines(found: &Found) -> String {
    let columns = ["part", "when (UTC)", "processor", "cores", "memory", "kernel", "rustc", "commit"];
    let mut text = format!("\n## Machine\n\n| {} |\n|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
    for (part, findings) in &found.0 {
        let it = &findings.machine;
        let (cores, memory) = (it.cores, it.memory);
        let _ = writeln!(
            text,
            "| {} | {} | {} | {cores} | {memory} GiB | {} | {} | {} |",
            part.name(),
            it.at,
            it.processor,
            it.kernel,
            it.rustc,
            it.commit
        );
    }
    if let Some((_, findings)) = found.0.first() {
        let version = |(name, version): &(String, String)| format!("{name} {version}");
        let versions: Vec<String> = findings.machine.versions.iter().map(version).collect();
        let _ = writeln!(text, "\nVersions: {}.", versions.join(", "));
    }
    text.push_str(BUILD);
    text
}

const BUILD: &str = "
Built with the profile `bench`: as a release is (`opt-level` 3), but with 16 code generation units and
without link-time optimisation over all crates, which builds in a third of the time. The product's
releases have `lto = \"thin\"`. The numbers of the last run are in `bench/results`; `make bench
ARGS=report` draws this file from them again.
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = "a\n<!-- written by make bench -->\nold\n<!-- until here -->\nb\n";
        assert_eq!(replaced(text, "new\n").as_deref(), Some(text.replace("old", "new").as_str()));
        assert_eq!(replaced("a", "new"), None);
    }
}
