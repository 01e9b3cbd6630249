//! Deletion of what has run out.

use crate::error::Result;
use crate::service::Platform;
use crate::service::access::password::BETWEEN_LINKS_SECONDS;

impl Platform {
    /// Deletes, of all tenants, the sessions and links that have run out, and the revisions that need
    /// not be kept: by the clock of the database, since that of one instance may be anywhere. Events that wait
    /// still for their places in the audit log get them.
    pub async fn delete_expired(&self) -> Result<()> {
        let now = self.system().now().await?;
        let sessions = self.system().delete_expired_sessions(now).await?;
        // Those that were used tell for a while yet when the last one was made.
        let links = self.system().delete_expired_password_resets(now.plus_seconds(-BETWEEN_LINKS_SECONDS)).await?;
        let revisions = match self.parts.revisions_kept_seconds {
            Some(kept) => self.system().compact_revisions(now.plus_seconds(-kept)).await?,
            None => 0,
        };
        self.place_all().await?;
        // An older version that runs beside this one writes names without their sort keys.
        self.system().fill_sort_keys().await?;
        let now = now.to_rfc3339();
        if sessions + links + revisions > 0 {
            tracing::info!(sessions, links, revisions, now, "deleted what has run out by the database's clock");
        } else {
            tracing::debug!(now, "nothing has run out by the database's clock");
        }
        Ok(())
    }
}
