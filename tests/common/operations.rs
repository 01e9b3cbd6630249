//! The operation documents of the project, and the short calls by which tests run them.

use serde_json::{Value, json};

use super::app::{Client, PASSWORD};

/// Returns the document of this name in `graphql/operations`.
pub(crate) fn document(name: &str) -> String {
    let path = format!("{}/graphql/operations/{name}.graphql", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The refusal of a mutation: its code, and the path of the field.
pub(crate) type Refusal = (String, String);

/// Makes a refusal from texts.
pub(crate) fn refusal(code: &str, field: &str) -> Refusal {
    (code.to_owned(), field.to_owned())
}

impl Client {
    /// Returns the one field of a query that must succeed.
    pub(crate) async fn get(&self, name: &str, variables: Value) -> Value {
        let data = self.data(&document(name), variables).await;
        data.as_object().unwrap().values().next().unwrap().clone()
    }

    /// Returns the payload of a mutation that must not be refused.
    pub(crate) async fn make(&self, name: &str, input: Value) -> Value {
        let payload = self.get(name, json!({ "input": input })).await;
        assert_eq!(payload["userErrors"], json!([]), "{name} {input}");
        payload
    }

    /// Returns the refusal of a mutation.
    pub(crate) async fn refuse(&self, name: &str, input: Value) -> Refusal {
        let variables = json!({ "input": input });
        self.refused(&document(name), variables).await
    }

    /// Returns the whole answer to an operation.
    pub(crate) async fn answer(&self, name: &str, variables: Value) -> Value {
        self.ask(&document(name), variables).await
    }

    /// Returns the code by which a whole operation fails.
    pub(crate) async fn fail(&self, name: &str, variables: Value) -> String {
        self.failed(&document(name), variables).await
    }

    /// Returns the revision of the tenant's policy.
    pub(crate) async fn revision(&self) -> i64 {
        self.get("Tenant", json!({})).await["policyRevision"].as_i64().unwrap()
    }

    /// Returns the tenant's rules, sorted.
    pub(crate) async fn rules(&self) -> Vec<String> {
        let policy = self.get("Policy", json!({})).await;
        let mut rules: Vec<_> = policy["csv"].as_str().unwrap().lines().map(str::to_owned).collect();
        rules.sort();
        rules
    }

    /// Creates a user with the usual password; `more` is added to the input.
    pub(crate) async fn add_user(&self, username: &str, base_role: &str, more: Value) -> Value {
        let email = format!("{username}@example.com");
        let mut input = json!({ "username": username, "fullName": username, "email": email, "baseRole": base_role });
        if base_role != "SERVICE" {
            input["password"] = json!(PASSWORD);
        }
        self.make("UserCreate", merged(input, more)).await["user"].clone()
    }

    /// Creates a user and signs them in.
    pub(crate) async fn new_user(&self, tenant: &str, username: &str, base_role: &str, more: Value) -> Self {
        self.add_user(username, base_role, more).await;
        let mut stranger = self.clone();
        stranger.token = None;
        stranger.signed_in(tenant, username, PASSWORD).await
    }

    /// Creates a MANAGER whose role grants these pairs of object and action alone, and signs them in.
    pub(crate) async fn new_delegate(&self, tenant: &str, username: &str, pairs: &[(&str, &str)]) -> Self {
        let grants: Vec<_> =
            pairs.iter().map(|(object, action)| json!({ "object": object, "action": action })).collect();
        let role = json!({ "key": username, "name": username, "permissions": [], "grants": grants });
        self.make("RoleCreate", role).await;
        self.new_user(tenant, username, "MANAGER", json!({ "customRole": username })).await
    }

    /// Creates a SERVICE and gives it an API key.
    pub(crate) async fn new_service(&self, username: &str) -> Self {
        self.add_user(username, "SERVICE", json!({})).await;
        let key = self.make("ApiKeyGenerate", json!({ "user": username })).await;
        self.with_token(key["token"].as_str().unwrap())
    }

    /// Registers resources of a section, each named as its key.
    pub(crate) async fn register(&self, section: &str, keys: &[&str]) -> Value {
        let resources: Vec<_> = keys.iter().map(|key| json!({ "key": key, "name": key })).collect();
        self.make("ResourceRegister", json!({ "section": section, "resources": resources })).await
    }

    /// Makes a profile.
    pub(crate) async fn add_profile(&self, name: &str, permission_type: &str) -> Value {
        self.make("ProfileCreate", json!({ "name": name, "permissionType": permission_type })).await["profile"].clone()
    }

    /// Saves sections of a module of a profile at its present version.
    pub(crate) async fn save_sections(&self, profile: &str, module: &str, sections: Value) -> Value {
        let version = self.get("Profile", json!({ "key": profile })).await["version"].clone();
        let input = json!({ "profile": profile, "module": module, "version": version, "sections": sections });
        self.make("ProfileSaveModule", input).await
    }

    /// Returns whether the caller may do it themselves.
    pub(crate) async fn can(&self, action: &str, object: &str) -> bool {
        self.get("ViewerCan", json!({ "action": action, "object": object })).await["can"].as_bool().unwrap()
    }
}

/// Returns an input with more fields.
pub(crate) fn merged(mut input: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("not an object: {more}") };
    input.as_object_mut().unwrap().extend(more);
    input
}

/// Returns the input that saves a section: enabled and visible, with this list.
pub(crate) fn open(section: &str, resources: &[&str]) -> Value {
    json!({ "section": section, "enabled": true, "visible": true, "association": "MANUAL", "resources": resources })
}

/// Returns the input that saves a section: enabled and visible, with all its resources.
pub(crate) fn automatic(section: &str) -> Value {
    json!({ "section": section, "enabled": true, "visible": true, "association": "AUTOMATIC" })
}

/// Returns the keys of a list of things.
pub(crate) fn keys(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap().to_owned()).collect()
}
