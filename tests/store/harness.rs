//! Runs a case on both databases, each fresh.

use bailiwick::store::Store;
use tempfile::TempDir;

use crate::common::servers::PostgresServer;

/// A fresh database with its schema.
pub(super) struct Fresh {
    pub(super) store: Store,
    pub(super) url: String,
    _folder: Option<TempDir>,
}

impl Fresh {
    pub(super) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        Self { _folder: Some(folder), ..Self::at(url).await }
    }

    pub(super) async fn postgres() -> Self {
        Self::at(PostgresServer::shared().create_database().await).await
    }

    /// Returns another database of the same kind, still without a schema.
    pub(super) async fn empty(&self) -> String {
        if self.url.starts_with("sqlite") {
            return format!("{}-empty", self.url);
        }
        PostgresServer::shared().create_database().await
    }

    async fn at(url: String) -> Self {
        let store = Store::connect(&url, 8).await.unwrap();
        store.migrate().await.unwrap();
        Self { store, url, _folder: None }
    }
}

/// Makes two tests of an `async fn(Fresh)`: `sqlite` and `postgres`, in a module of its name.
macro_rules! both_stores {
    ($($name:ident,)+) => {
        $(mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(super::Fresh::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(super::Fresh::postgres().await).await;
            }
        })+
    };
}
pub(super) use both_stores;
