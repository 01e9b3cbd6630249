//! Profiles that were configured under another catalogue, or by an older program.

use super::{Association, Profile, ProfileSection};
use crate::domain::catalogue::{Catalogue, Section};

impl Profile {
    /// Brings what was configured under another catalogue, or by an older program, to what the catalogue
    /// has: sections that took the place of another are as that one was (R9). It gives nothing new.
    pub fn conform(&mut self, catalogue: &Catalogue) {
        for (former, successors) in catalogue.successors() {
            let Some(was) = self.sections.remove(former) else { continue };
            for section in successors {
                self.sections.entry(section.key.clone()).or_insert_with(|| was.clone());
            }
        }
        for (key, own) in &mut self.sections {
            if let Some(section) = catalogue.section(key.as_str()) {
                own.conform(section);
            }
        }
        self.sections.retain(|_, own| *own != ProfileSection::default());
    }
}

impl ProfileSection {
    fn conform(&mut self, section: &Section) {
        self.rights = self.rights.filter(|_| !section.download).map(|rights| rights.intersection(section.rights));
        if !section.holds_resources {
            self.association = Association::none();
        }
    }
}
