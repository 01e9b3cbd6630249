//! The data that every resolver works with: the platform, the caller, the loaders.

use async_graphql::{Context, Data};

use super::loaders::Loaders;
use crate::auth::caller::{Caller, RequestInfo};
use crate::error::{Error, ErrorCode, Result};
use crate::service::Platform;

/// Returns the platform and the caller, or a refusal if no user has signed in.
pub(super) fn caller<'a>(ctx: &Context<'a>) -> Result<(&'a Platform, &'a Caller)> {
    let caller = ctx
        .data_opt::<Caller>()
        .ok_or_else(|| Error::new(ErrorCode::Unauthenticated, "sign in first: send `Authorization: Bearer TOKEN`"))?;
    Ok((platform(ctx)?, caller))
}

/// Returns the platform, for the few operations that need no caller.
pub(super) fn platform<'a>(ctx: &Context<'a>) -> Result<&'a Platform> {
    ctx.data::<Platform>().map_err(|error| Error::internal(error.message))
}

/// Returns the request, for the few operations that need no caller. A transport that has not set the request cannot
/// run them.
pub(super) fn request(ctx: &Context<'_>) -> Result<RequestInfo> {
    ctx.data::<RequestInfo>().cloned().map_err(|error| Error::internal(error.message))
}

/// Returns the loaders of this operation.
pub(super) fn loaders<'a>(ctx: &Context<'a>) -> Result<&'a Loaders> {
    ctx.data::<Loaders>().map_err(|error| Error::internal(error.message))
}

/// Returns the data that an operation of this caller needs; the transport adds it to the request.
pub fn request_data(platform: &Platform, caller: Option<Caller>) -> Data {
    let mut data = Data::default();
    if let Some(caller) = caller {
        data.insert(Loaders::new(platform, &caller));
        data.insert(caller);
    }
    data
}
