//! A tenant that is slow to read keeps the sweep from no other, and is named.

use bailiwick::domain::key::TenantKey;

use super::sweeping;
use crate::common::app::{Choices, Client, Database, Instance, eventually};
use crate::common::log::Log;
use crate::common::tables::Tables;

/// Number of other tenants.
const OTHERS: usize = 6;
/// A script that makes each read of the log of the tenant `slow` last until it is not wanted any more.
const SLOW: &str = "CREATE TABLE is_slow (tenant uuid); \
    INSERT INTO is_slow SELECT id FROM tenants WHERE key = 'slow'; \
    CREATE FUNCTION read_of(tenant_id uuid) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$ BEGIN \
        WHILE EXISTS (SELECT 1 FROM is_slow WHERE tenant = tenant_id) LOOP PERFORM pg_sleep(0.05); END LOOP; \
        RETURN true; END $$; \
    ALTER TABLE revisions RENAME TO all_revisions; \
    CREATE VIEW revisions AS SELECT * FROM all_revisions WHERE read_of(tenant_id)";

async fn revision(instance: &Instance, tenant: &str) -> u64 {
    let key = TenantKey::parse(tenant).unwrap();
    instance.policies.get_by_key(&key).await.unwrap().unwrap().policy().counters.revision
}

#[tokio::test]
async fn a_tenant_that_is_slow_to_read_keeps_the_sweep_from_no_other() {
    let (log, _guard) = Log::start();
    let database = Database::postgres().await;
    let (one, other) = (Instance::start(&database, Choices::default()).await, sweeping(&database).await);
    let mut admins: Vec<(String, Client)> = Vec::new();
    for key in std::iter::once("slow".to_owned()).chain((0..OTHERS).map(|n| format!("other-{n}"))) {
        let admin = one.tenant(&key).await;
        assert_eq!(revision(&other, &key).await, revision(&one, &key).await);
        admins.push((key, admin));
    }
    let tables = Tables::of(&database).await;
    tables.run(SLOW).await;
    let before = revision(&other, "slow").await;
    for (key, admin) in &admins {
        admin.register("voice/queues", &["sales"]).await;
        if key == "slow" {
            eventually("the log names it", async || {
                log.text().lines().any(|line| line.contains("slow to read") && line.contains("tenant=slow"))
            })
            .await;
        }
    }
    for (key, _) in admins.iter().skip(1) {
        eventually("the others are there", async || revision(&other, key).await == revision(&one, key).await).await;
    }
    assert_eq!(revision(&other, "slow").await, before, "its own read goes on");
    tables.run("DELETE FROM is_slow").await;
    eventually("it is there as well", async || revision(&other, "slow").await > before).await;
}
