//! The findings of a run: one row for each number, kept as JSON, so that the report can be written again without
//! measuring again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::machine::Machine;

/// The result of anything here. Any fault ends the run: a benchmark with a fault is worth nothing.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// One number, measured several times.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The name of the measurement, such as `core.random`.
    pub(crate) case: String,
    /// The engine that was measured: `Bailiwick`, a floor or a peer.
    pub(crate) of: String,
    /// Number of rules or tenants.
    pub(crate) scale: usize,
    /// The unit of the numbers.
    pub(crate) unit: Unit,
    /// The median of the rounds.
    pub(crate) median: f64,
    /// The lower quartile.
    pub(crate) low: f64,
    /// The upper quartile.
    pub(crate) high: f64,
    /// Number of rounds or samples.
    pub(crate) samples: usize,
}

/// Units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Unit {
    /// Nanoseconds.
    #[serde(rename = "ns")]
    Nanoseconds,
    /// Requests a second.
    #[serde(rename = "requests/s")]
    PerSecond,
    /// Bytes.
    #[serde(rename = "bytes")]
    Bytes,
    /// Percent.
    #[serde(rename = "%")]
    Percent,
}

impl Row {
    /// Makes the row of these measurements; `None` if there are none.
    pub(crate) fn of(case: &str, of: &str, scale: usize, unit: Unit, mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (median, low, high) = (quantile(&values, 0.5)?, quantile(&values, 0.25)?, quantile(&values, 0.75)?);
        let samples = values.len();
        Some(Self { case: case.to_owned(), of: of.to_owned(), scale, unit, median, low, high, samples })
    }
}

/// Returns the value below which the share `at` of the ordered `values` is.
pub(crate) fn quantile(values: &[f64], at: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    values.get(crate::random::as_usize((crate::random::as_f64(last) * at).round())).copied()
}

/// The findings of one part of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Findings {
    /// The machine, and the time of the run.
    pub(crate) machine: Machine,
    /// The numbers.
    pub(crate) rows: Vec<Row>,
    /// Remarks on the numbers, such as where a peer stops.
    pub(crate) notes: Vec<String>,
}

impl Findings {
    /// Makes findings without a number, on this machine.
    pub(crate) fn new() -> Self {
        Self { machine: Machine::here(), rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds the row of these measurements.
    pub(crate) fn add(&mut self, case: &str, of: &str, scale: usize, unit: Unit, values: Vec<f64>) {
        self.rows.extend(Row::of(case, of, scale, unit, values));
    }

    /// Returns the row of this case.
    pub(crate) fn get(&self, case: &str, of: &str, scale: usize) -> Option<&Row> {
        self.rows.iter().find(|row| row.case == case && row.of == of && row.scale == scale)
    }

    fn path(folder: &Path, part: &str) -> PathBuf {
        folder.join(format!("{part}.json"))
    }

    /// Writes the findings of a part, a line for each number, so that a change of one number changes one line.
    pub(crate) fn write(&self, folder: &Path, part: &str) -> Result<()> {
        let rows: Vec<String> = self.rows.iter().map(serde_json::to_string).collect::<std::result::Result<_, _>>()?;
        let text = format!(
            "{{\n\"machine\": {},\n\"notes\": {},\n\"rows\": [\n{}\n]\n}}\n",
            serde_json::to_string_pretty(&self.machine)?,
            serde_json::to_string_pretty(&self.notes)?,
            rows.join(",\n")
        );
        fs::create_dir_all(folder)?;
        Ok(fs::write(Self::path(folder, part), text)?)
    }

    /// Reads the findings of a part in an earlier run; `None` when it never ran.
    pub(crate) fn read(folder: &Path, part: &str) -> Result<Option<Self>> {
        let path = Self::path(folder, part);
        if !path.is_file() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&fs::read_to_string(path)?)?))
    }
}
