//! The form of a world.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

type Map<T> = BTreeMap<String, T>;
type List = Vec<String>;

/// A tenant, and the facts that hold in it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct World {
    /// The purpose of the world.
    pub(super) about: String,
    /// The rules that it shows: `R13`.
    pub(super) rules: BTreeSet<String>,
    /// The modules of the licence at the end; all when absent.
    pub(super) licence: Option<List>,
    /// Settings that differ from the defaults.
    pub(super) settings: Option<Value>,
    /// Keys by section.
    #[serde(default)]
    pub(super) resources: Map<List>,
    /// Keys by section, of those that are protected.
    #[serde(default)]
    pub(super) protected: Map<List>,
    /// The objects in a container, by the container's object.
    #[serde(default)]
    pub(super) members: Map<List>,
    /// Keys of the items that are linked to an owner, by the owner's object and the items' section.
    #[serde(default)]
    pub(super) links: Map<Map<List>>,
    #[serde(default)]
    pub(super) profiles: Map<Profile>,
    #[serde(default)]
    pub(super) roles: Map<Role>,
    #[serde(default)]
    pub(super) groups: Map<Group>,
    #[serde(default)]
    pub(super) users: Map<User>,
    /// The steps that follow: an operation's name and its input. A version that is left out is the present one.
    #[serde(default)]
    pub(super) then: Vec<Map<Value>>,
    /// The operations that are refused in the end: a name and its input, and `with` the code and the field of the
    /// refusal. They change nothing.
    #[serde(default)]
    pub(super) refused: Vec<Map<Value>>,

    /// Exactly what a user may do on an object, of all actions there are: `read link`.
    pub(super) may: Map<Map<String>>,
    /// The reason of a deny, by `action object`.
    #[serde(default)]
    pub(super) why: Map<Map<String>>,
    /// Exactly the rules behind a decision, and what is held on the way to each, by `action object`:
    /// `deny group:fence custom:fenced`.
    #[serde(default)]
    pub(super) explained: Map<Map<List>>,
    /// The obligations of an allow, by `action object`: `MASK contacts 4`, or nothing.
    #[serde(default)]
    pub(super) obliged: Map<Map<String>>,
    /// Exactly what is in a user's menu: `voice: queues realtime`, with entries in brackets.
    #[serde(default)]
    pub(super) menu: Map<List>,
    /// Flags of a section in the menu, of those that the section has and the user may: `edit delete`.
    #[serde(default)]
    pub(super) flags: Map<Map<String>>,
    #[serde(default)]
    pub(super) home: Map<String>,
    /// The state of a module for a profile.
    #[serde(default)]
    pub(super) states: Map<Map<String>>,
    /// The lists of items that a user gets for an owner.
    #[serde(default)]
    pub(super) lists: Map<Vec<ItemList>>,
    /// The contact Anna Rossi, +39 02 1234-5678, anna.rossi@example.com, as a user sees it, by data view.
    #[serde(default)]
    pub(super) contact: Map<Map<List>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// `R`, `RE`, `RD` or `RED`.
    #[serde(rename = "type")]
    pub(super) permission_type: String,
    #[serde(default)]
    pub(super) mask: bool,
    /// The modules that are switched on.
    #[serde(default)]
    pub(super) switched: List,
    /// The modules' overrides.
    #[serde(default)]
    pub(super) overrides: Map<String>,
    #[serde(default)]
    pub(super) sections: Map<Section>,
}

/// An enabled, visible and inheriting section, with an empty list, where nothing else is said.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Section {
    /// Not enabled.
    #[serde(default)]
    pub(super) closed: bool,
    #[serde(default)]
    pub(super) hidden: bool,
    pub(super) rights: Option<String>,
    #[serde(default)]
    pub(super) automatic: bool,
    #[serde(default)]
    pub(super) list: List,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Role {
    #[serde(default)]
    pub(super) permissions: List,
    /// `allow read voice/queues/*`
    #[serde(default)]
    pub(super) grants: List,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Group {
    #[serde(default)]
    pub(super) roles: List,
    #[serde(default)]
    pub(super) permissions: List,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    /// USER when absent.
    pub(super) base: Option<String>,
    pub(super) profile: Option<String>,
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) groups: List,
    #[serde(default)]
    pub(super) disabled: bool,
}

/// A list of items as a form shows it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ItemList {
    /// The object whose list it is; on creation its section.
    pub(super) owner: String,
    /// The section of the items.
    pub(super) items: String,
    /// Keys of the items that an asking host claims to be linked beside those that are stored.
    #[serde(default)]
    pub(super) claimed: List,
    /// Items that the user sees: `sales`, `sales linked`, `sales linked locked`.
    pub(super) sees: List,
}
