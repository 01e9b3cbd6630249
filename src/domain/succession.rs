//! Sections that became others. Where a catalogue says of sections what they were `formerly`, all that was configured
//! of that one goes on to each of them, so that a new catalogue takes nothing away from any user, and gives nothing but
//! the same under other names.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::catalogue::{Catalogue, Section};
use super::key::{Object, ObjectPattern, SectionKey};
use super::resource::Resource;
use super::role::Grant;
use super::tenant::TenantState;

impl TenantState {
    /// Hands on what is configured of sections that the catalogue has no more. The result depends on the state and the
    /// catalogue alone. Versions stay: no user who read a thing before changes another than they saw.
    pub fn succeed_sections(&mut self, catalogue: &Catalogue) {
        let successors = catalogue.successors();
        for (former, sections) in &successors {
            self.hand_on_members(catalogue, former, sections);
            self.hand_on_resources(former, sections);
            self.hand_on_grants(former, sections);
        }
        let is_left = |sections: &SectionKey| successors.contains_key(sections);
        self.profiles.change(|profile| profile.sections.keys().any(is_left), |profile| profile.conform(catalogue));
    }

    fn hand_on_resources(&mut self, former: &SectionKey, sections: &[&Section]) {
        let left: Vec<Resource> = self.resources_in(former).cloned().collect();
        for resource in left {
            self.resources.remove(&resource.object());
            for section in sections.iter().filter(|section| section.holds_resources) {
                let mut copy = Resource { section: section.key.clone(), ..resource.clone() };
                if sections.len() > 1 {
                    copy.id = id_in(&section.key, resource.id);
                }
                if section.members.is_none() {
                    copy.members.clear();
                }
                if !self.resources.contains_key(&copy.object()) {
                    self.resources.insert(copy.object(), copy);
                }
            }
        }
    }

    /// Lets containers hold the successors of what they held.
    fn hand_on_members(&mut self, catalogue: &Catalogue, former: &SectionKey, sections: &[&Section]) {
        let is_left = |member: &Object| member.as_resource().is_some_and(|(section, _)| section == *former);
        self.resources.change(
            |resource| resource.members.iter().any(is_left),
            |resource| {
                let holds = catalogue.section(resource.section.as_str()).and_then(|spec| spec.members.as_ref());
                let held = sections.iter().filter(|section| Some(&section.key) == holds);
                let held: BTreeSet<&SectionKey> = held.map(|section| &section.key).collect();
                let (left, mut members): (BTreeSet<Object>, BTreeSet<Object>) =
                    std::mem::take(&mut resource.members).into_iter().partition(is_left);
                for key in left.iter().filter_map(|member| Some(member.as_resource()?.1)) {
                    members.extend(held.iter().map(|section| Object::resource(section, &key)));
                }
                resource.members = members;
            },
        );
    }

    fn hand_on_grants(&mut self, former: &SectionKey, sections: &[&Section]) {
        self.roles.change(
            |role| role.grants.iter().any(|grant| grant.below(former).is_some()),
            |role| {
                let grants = std::mem::take(&mut role.grants).into_iter();
                role.grants = grants.flat_map(|grant| successors_of(former, sections, grant)).collect();
            },
        );
    }
}

/// Returns the grant on each successor; itself, when it is on something else.
fn successors_of(former: &SectionKey, sections: &[&Section], grant: Grant) -> Vec<Grant> {
    let Some(rest) = grant.below(former) else { return vec![grant] };
    let object = |section: &&Section| ObjectPattern::parse(&format!("{}{rest}", section.key)).ok();
    sections.iter().filter_map(object).map(|object| Grant { object, ..grant.clone() }).collect()
}

/// Returns the internal id of a resource in one of the sections that its own became: always the same, so that
/// states of the past come to the same.
fn id_in(section: &SectionKey, resource: Uuid) -> Uuid {
    let digest = Sha256::new().chain_update(resource).chain_update(section.as_str()).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    Builder::from_custom_bytes(bytes).into_uuid()
}
