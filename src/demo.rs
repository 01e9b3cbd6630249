//! A tenant with lifelike data.

use crate::error::Result;
use crate::service::Platform;

/// Makes the tenant `demo`.
pub async fn load(_platform: &Platform) -> Result<String> {
    Ok(String::new())
}
