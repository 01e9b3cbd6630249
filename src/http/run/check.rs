//! Validation without running anything: the library validates and runs in one go, so the schema here
//! ends each operation where it would begin.

use std::sync::{Arc, OnceLock};

use async_graphql::async_trait::async_trait;
use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute};
use async_graphql::{Response, Value};

use super::shape::Shape;

/// Ends operations before they run, and reads the schema's types at the first.
#[derive(Clone, Default)]
pub(super) struct NeverRuns(Arc<OnceLock<Arc<Shape>>>);

impl NeverRuns {
    /// Returns the types of the schema, once an operation has come this far.
    pub(super) fn shape(&self) -> Option<Arc<Shape>> {
        self.0.get().cloned()
    }
}

impl ExtensionFactory for NeverRuns {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

#[async_trait]
impl Extension for NeverRuns {
    /// Answers with nothing, in place of running.
    async fn execute(&self, ctx: &ExtensionContext<'_>, _name: Option<&str>, _next: NextExecute<'_>) -> Response {
        self.0.get_or_init(|| Arc::new(Shape::of(&ctx.schema_env.registry)));
        Response::new(Value::Null)
    }
}
