//! The isolated world of a page's frame, in which our own script runs: installed, and asked.

use chromiumoxide_cdp::cdp::browser_protocol::page;
use chromiumoxide_cdp::cdp::js_protocol::runtime;
use serde::Serialize;

use super::{CdpError, Connection, TargetSession};
use crate::browser::page_script::{BINDING, SOURCE, WORLD};

/// `Runtime.addBinding` for one execution context. The one in `chromiumoxide_cdp` names contexts, which Chrome heeds only
/// once `Runtime.enable` has it report every message to the console.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct AddBinding {
    name: &'static str,
    execution_context_id: runtime::ExecutionContextId,
}

impl chromiumoxide_types::Method for AddBinding {
    fn identifier(&self) -> chromiumoxide_types::MethodId {
        runtime::AddBindingParams::IDENTIFIER.into()
    }
}

impl chromiumoxide_types::Command for AddBinding {
    type Response = runtime::AddBindingReturns;
}

/// The world of one document of a frame.
#[derive(Clone, Copy, Debug)]
pub struct World(runtime::ExecutionContextId);

impl From<i64> for World {
    /// Of a `Runtime.ExecutionContextId`.
    fn from(context: i64) -> World {
        World(runtime::ExecutionContextId::new(context))
    }
}

/// The world of a frame; made when there is none. `frame` is a `Page.FrameId`; a page's main frame has the page's own id.
async fn world(cdp: &Connection, session: &TargetSession, frame: &str) -> Result<World, CdpError> {
    let mut create = page::CreateIsolatedWorldParams::new(frame.to_owned());
    create.world_name = Some(WORLD.to_owned());
    let created = cdp.call(Some(session), create).await?;
    Ok(World(created.execution_context_id))
}

/// The script runs in that frame from now on, until it shows another document.
pub async fn install(
    cdp: &Connection,
    session: &TargetSession,
    frame: &str,
) -> Result<(), CdpError> {
    let World(context) = world(cdp, session, frame).await?;
    let binding = AddBinding {
        name: BINDING,
        execution_context_id: context,
    };
    cdp.call(Some(session), binding).await?;
    let mut evaluate = runtime::EvaluateParams::new(SOURCE);
    evaluate.context_id = Some(context);
    cdp.call(Some(session), evaluate).await?;
    Ok(())
}

/// Calls a function of the script in that frame, with those arguments; gives what it returned, if that was a text.
pub async fn call(
    cdp: &Connection,
    session: &TargetSession,
    frame: &str,
    function: &str,
    arguments: &[serde_json::Value],
) -> Result<Option<String>, CdpError> {
    let world = world(cdp, session, frame).await?;
    let returned = run(cdp, session, world, function, arguments).await?;
    Ok(text(returned))
}

/// The same of a function that returns an object.
pub async fn object(
    cdp: &Connection,
    session: &TargetSession,
    frame: &str,
    function: &str,
    arguments: &[serde_json::Value],
) -> Result<Option<runtime::RemoteObjectId>, CdpError> {
    let world = world(cdp, session, frame).await?;
    let returned = run(cdp, session, world, function, arguments).await?;
    Ok(returned.object_id)
}

/// Calls a function without arguments of the script in that world, as [`call`].
pub async fn call_in(
    cdp: &Connection,
    session: &TargetSession,
    world: World,
    function: &str,
) -> Result<Option<String>, CdpError> {
    Ok(text(run(cdp, session, world, function, &[]).await?))
}

/// The same, as [`object`].
pub async fn object_in(
    cdp: &Connection,
    session: &TargetSession,
    world: World,
    function: &str,
) -> Result<Option<runtime::RemoteObjectId>, CdpError> {
    Ok(run(cdp, session, world, function, &[]).await?.object_id)
}

fn text(returned: runtime::RemoteObject) -> Option<String> {
    Some(returned.value?.as_str()?.to_owned())
}

async fn run(
    cdp: &Connection,
    session: &TargetSession,
    World(context): World,
    function: &str,
    arguments: &[serde_json::Value],
) -> Result<runtime::RemoteObject, CdpError> {
    let arguments = arguments.iter().map(ToString::to_string);
    let arguments: Vec<_> = arguments.collect();
    let expression = format!("farpane.{function}({})", arguments.join(","));
    let mut evaluate = runtime::EvaluateParams::new(expression);
    evaluate.context_id = Some(context);
    evaluate.await_promise = Some(true);
    let returned = cdp.call(Some(session), evaluate).await?;
    Ok(returned.result)
}
