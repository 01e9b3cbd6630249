//! Bodies in parts, and operations with a file.

use serde_json::{Value, json};

use super::app::Client;
use super::operations::{Refusal, document, merged};

/// The type of the bodies that [`parts`] makes.
pub(crate) const MULTIPART: &str = "multipart/form-data; boundary=x-the-edge-x";

/// Makes a body of these parts, each with its name and content.
pub(crate) fn parts(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head = format!("--x-the-edge-x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x-the-edge-x--\r\n");
    body
}

/// Makes an operation with a file in the place of `input.file`.
pub(crate) fn with_file(name: &str, input: Value, file: &[u8]) -> Vec<u8> {
    let input = merged(input, json!({ "file": null }));
    let operations = json!({ "query": document(name), "variables": { "input": input } }).to_string();
    parts(&[("operations", operations.as_bytes()), ("map", br#"{"0": ["variables.input.file"]}"#), ("0", file)])
}

impl Client {
    /// Sends an avatar for this user, or for the caller; returns the whole payload.
    pub(crate) async fn send_avatar(&self, user: Option<&str>, file: &[u8]) -> Value {
        let body = with_file("UserSetAvatar", json!({ "user": user }), file);
        let (status, answer) = self.send(MULTIPART, body).await;
        assert_eq!((status, &answer["errors"]), (200, &Value::Null), "{answer:#}");
        answer["data"]["userSetAvatar"].clone()
    }

    /// Sets an avatar, and returns its address.
    pub(crate) async fn set_avatar(&self, user: Option<&str>, file: &[u8]) -> String {
        let payload = self.send_avatar(user, file).await;
        assert_eq!(payload["userErrors"], json!([]));
        payload["user"]["avatarUrl"].as_str().unwrap().to_owned()
    }

    /// Returns the refusal of an avatar.
    pub(crate) async fn refuse_avatar(&self, user: Option<&str>, file: &[u8]) -> Refusal {
        let payload = self.send_avatar(user, file).await;
        let error = &payload["userErrors"][0];
        (error["code"].as_str().unwrap().to_owned(), error["field"][0].as_str().unwrap_or_default().to_owned())
    }
}
