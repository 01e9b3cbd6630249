//! The rules of all that one subject holds, for many questions in a row.

use std::collections::{HashMap, HashSet};

use ahash::RandomState;

use super::rules::RuleId;
use super::snapshot::Snapshot;

/// The number of looks at single holders after which a table of all rules is first considered.
const LOOKS: usize = 256;

/// The rules that a subject holds, found by their object. Each question looks at everything that
/// the subject holds; once these looks have cost as much as a table of all the rules, one is made, so
/// that many questions about a subject that holds very much cost by what is held and by how many they
/// are, not by the product.
pub(super) struct Held<'s> {
    snapshot: &'s Snapshot,
    /// Subject whose rules these are; `None` if no rule names the subject.
    pub(super) subject: Option<u32>,
    /// Number of looks so far: at holders, and at rules that went into the table.
    looks: usize,
    /// Number of looks at which a table is considered.
    limit: usize,
    table: Option<HashMap<u32, Vec<RuleId>, RandomState>>,
}

impl<'s> Held<'s> {
    /// Nothing is looked at yet.
    pub(super) fn new(snapshot: &'s Snapshot, subject: Option<u32>) -> Self {
        Self { snapshot, subject, looks: 0, limit: LOOKS, table: None }
    }

    /// Shows the rules on exactly this object pattern. One may come several times.
    pub(super) fn visit(&mut self, object: u32, mut on: impl FnMut(RuleId)) {
        let Some(subject) = self.subject else { return };
        if self.looks >= self.limit && self.table.is_none() {
            self.consider(subject);
        }
        if let Some(table) = &self.table {
            self.looks += 1;
            table.get(&object).into_iter().flatten().for_each(|id| on(*id));
            return;
        }
        let looks = &mut self.looks;
        self.snapshot.index.roles.visit(subject, |subject, own| {
            *looks += 1;
            own.on(object).for_each(|permission| on(RuleId { subject, permission: *permission }));
        });
    }

    /// Makes the table, unless there are more rules than were looked at so far.
    fn consider(&mut self, subject: u32) {
        let roles = &self.snapshot.index.roles;
        let mut holders: HashSet<u32, RandomState> = HashSet::default();
        roles.visit(subject, |holder, _| _ = holders.insert(holder));
        let own = || holders.iter().filter_map(|holder| Some((*holder, roles.own(*holder)?)));
        let rules = own().map(|(_, own)| own.len()).sum();
        if rules > self.looks {
            self.limit = rules;
            return;
        }
        let mut table: HashMap<u32, Vec<RuleId>, RandomState> = HashMap::default();
        for (subject, own) in own() {
            for permission in own.iter() {
                table.entry(permission.object).or_default().push(RuleId { subject, permission: *permission });
            }
        }
        self.looks += rules;
        self.table = Some(table);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::key::TenantKey;
    use crate::engine::{MODEL, Plan};
    use crate::policy::rule::{Rule, Subject};

    /// Dana in so many groups, each with a rule on an object of its own and one on `all/*`.
    fn snapshot(groups: usize) -> Snapshot {
        let rule = |line: String| Rule::try_from(line.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap();
        let rules = (0..groups).flat_map(|n| {
            [
                format!("g user:dana group:g{n}"),
                format!("p group:g{n} crm/{n} read allow"),
                format!("p group:g{n} all/* read allow"),
            ]
        });
        let plan = Arc::new(Plan::from_model(MODEL).unwrap());
        Snapshot::build(&plan, &TenantKey::parse("acme").unwrap(), 1, rules.map(rule))
    }

    #[test]
    fn many_questions_about_somebody_who_holds_much_cost_by_the_sum_and_find_the_same() {
        let mut looks = Vec::new();
        for groups in [500, 1000, 2000] {
            let snapshot = snapshot(groups);
            let dana = snapshot.number(&Subject::parse("user:dana").unwrap());
            let mut held = Held::new(&snapshot, dana);
            for _ in 0..2 {
                for n in 0..groups {
                    let object = snapshot.index.objects.find(&format!("crm/{n}"), "").unwrap();
                    let mut found = Vec::new();
                    held.visit(object, |id| found.push(id));
                    let one = snapshot.number(&Subject::parse(&format!("group:g{n}")).unwrap());
                    assert_eq!(found.iter().map(|id| Some(id.subject)).collect::<Vec<_>>(), [one], "{n} of {groups}");
                }
                let mut found = 0;
                held.visit(snapshot.index.objects.find("all/", "*").unwrap(), |_| found += 1);
                assert_eq!(found, groups);
            }
            assert!(held.looks < groups * 8, "{} looks for {groups} groups", held.looks);
            looks.push(held.looks);
        }
        assert!(looks[2] < looks[0] * 6, "they grow with the product: {looks:?}");
    }

    #[test]
    fn a_few_questions_make_no_table_of_very_many_rules() {
        let snapshot = snapshot(2000);
        let one = snapshot.number(&Subject::parse("group:g1").unwrap());
        let mut held = Held::new(&snapshot, one);
        (0..1000).for_each(|object| held.visit(object, |_| {}));
        assert!(held.looks <= LOOKS + 1002, "{}", held.looks);
        let dana = snapshot.number(&Subject::parse("user:dana").unwrap());
        let mut held = Held::new(&snapshot, dana);
        held.visit(1, |_| {});
        assert!(held.table.is_none());
    }
}
