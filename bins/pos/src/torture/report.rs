//! What a torture came to.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{check::Finding, faults::Counts, plan::Kind};
use crate::Role;

/// What a torture came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What decided about faults and baskets.
    pub seed: u64,
    /// The command that does it again.
    pub again: String,
    /// For how long faults were injected.
    pub seconds: u64,
    /// Tills.
    pub clients: usize,
    /// From the end of the faults until everything was ready, answered and worked off.
    pub settled_s: f64,
    /// Sales acknowledged.
    pub acknowledged: u64,
    /// Sales in the books.
    pub recorded: u64,
    /// What the tills were answered, by status or kind of failure.
    pub answers: BTreeMap<String, u64>,
    /// Faults by part and kind.
    pub faults: BTreeMap<String, BTreeMap<Kind, u64>>,
    /// What was checked.
    pub findings: Vec<Finding>,
    /// Where the data is kept, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
}

impl Report {
    /// Whether nothing was violated.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations() == 0
    }

    fn violations(&self) -> u64 {
        self.findings.iter().map(|finding| finding.violations).sum()
    }
}

/// The counts, by the names of the parts, with zeros for what did not happen.
pub(super) fn by_name(counts: &Counts) -> BTreeMap<String, BTreeMap<Kind, u64>> {
    let count = |role: Role, kind| counts.get(&role).and_then(|kinds| kinds.get(&kind)).copied().unwrap_or_default();
    let kinds = |role: Role| Kind::ALL.into_iter().map(move |kind| (kind, count(role, kind))).collect();
    Role::ALL.into_iter().map(|role| (role.name().to_owned(), kinds(role))).collect()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seconds, clients, acknowledged, recorded, settled_s, .. } = self;
        writeln!(f, "{clients} tills, {seconds} s of faults, settled {settled_s:.1} s later")?;
        writeln!(f, "{acknowledged} sales acknowledged, {recorded} recorded")?;
        let answers: Vec<String> = self.answers.iter().map(|(name, count)| format!("{count} × {name}")).collect();
        writeln!(f, "answers: {}\n", answers.join(", "))?;
        writeln!(f, "{:<17}{:>9}{:>9}{:>9}", "faults", Kind::ALL[0].name(), Kind::ALL[1].name(), Kind::ALL[2].name())?;
        for (role, kinds) in &self.faults {
            write!(f, "{role:<17}")?;
            for kind in Kind::ALL {
                write!(f, "{:>9}", kinds.get(&kind).copied().unwrap_or_default())?;
            }
            writeln!(f)?;
        }
        writeln!(f, "\n{:<14}{:>9}{:>12}", "findings", "checked", "violations")?;
        for Finding { name, rule, checked, violations, examples } in &self.findings {
            writeln!(f, "{name:<14}{checked:>9}{violations:>12}  {rule}")?;
            for example in examples {
                writeln!(f, "{:>37}{example}", "")?;
            }
        }
        let verdict = match self.violations() {
            0 => "clean: no violation".to_owned(),
            count => format!("NOT CLEAN: {count} violations"),
        };
        writeln!(f, "\n{verdict}\nseed {}; again: {}", self.seed, self.again)?;
        match &self.kept {
            Some(folder) => writeln!(f, "kept: {} (log, and data for `pos up --data`)", folder.display()),
            None => Ok(()),
        }
    }
}
