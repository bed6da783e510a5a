//! The one door to Chrome's DevTools protocol: commands out, their answers and events back.
//!
//! `chromiumoxide`'s own page handler is left out: it attaches to every target with half a dozen commands and an
//! emulated viewport. Its typed protocol and its connection are used.

use std::collections::HashMap;

use chromiumoxide::cdp::CdpEventMessage;
use chromiumoxide::conn::Connection;
use chromiumoxide::error::CdpError as ConnectionError;
use chromiumoxide::types::{CallId, Command, Message, MethodId, Response};
use futures::StreamExt;
use tokio::sync::{mpsc, oneshot};

/// Commands that wait for the task; a person cannot produce that many.
const COMMAND_QUEUE: usize = 256;

/// Events that wait for the browser's task: Chrome reports in bursts while a page loads.
const EVENT_QUEUE: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum CdpError {
    #[error("the control connection to Chrome cannot be made: {0}")]
    Connect(#[source] ConnectionError),
    #[error("Chrome hung up")]
    Closed,
    #[error("Chrome refused: {0}")]
    Refused(String),
    #[error("Chrome answered something else than the protocol says: {0}")]
    Unexpected(#[from] serde_json::Error),
}

/// CDP `Target.SessionID`: which page a command is for.
pub type TargetSession = String;

struct Call {
    method: MethodId,
    session: Option<TargetSession>,
    params: serde_json::Value,
    reply: Option<oneshot::Sender<Response>>,
}

/// Sends commands. Dropping it ends the connection.
pub struct Cdp {
    calls: mpsc::Sender<Call>,
}

impl Cdp {
    /// `url` is what Chrome prints: `ws://127.0.0.1:PORT/devtools/browser/ID`. The second part drives the connection and
    /// must be polled; it ends when either side hangs up.
    pub async fn connect(
        url: &str,
    ) -> Result<
        (
            Cdp,
            mpsc::Receiver<CdpEventMessage>,
            impl Future<Output = ()> + use<>,
        ),
        CdpError,
    > {
        let connection = Connection::<CdpEventMessage>::connect(url)
            .await
            .map_err(CdpError::Connect)?;
        let (calls, waiting) = mpsc::channel(COMMAND_QUEUE);
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        Ok((Cdp { calls }, received, drive(connection, waiting, events)))
    }

    /// Sends a command and waits for its answer.
    pub async fn call<C: Command>(
        &self,
        session: Option<&TargetSession>,
        command: C,
    ) -> Result<C::Response, CdpError> {
        let (reply, answer) = oneshot::channel();
        self.send(session, command, Some(reply))?;
        let response = answer.await.map_err(|_| CdpError::Closed)?;
        match (response.result, response.error) {
            (Some(result), _) => Ok(C::response_from_value(result)?),
            (None, Some(error)) => Err(CdpError::Refused(error.message)),
            (None, None) => Err(CdpError::Refused("an empty answer".to_owned())),
        }
    }

    /// Sends a command whose answer nobody needs.
    pub fn tell<C: Command>(
        &self,
        session: Option<&TargetSession>,
        command: C,
    ) -> Result<(), CdpError> {
        self.send(session, command, None)
    }

    fn send<C: Command>(
        &self,
        session: Option<&TargetSession>,
        command: C,
        reply: Option<oneshot::Sender<Response>>,
    ) -> Result<(), CdpError> {
        let call = Call {
            method: command.identifier(),
            session: session.cloned(),
            params: serde_json::to_value(command)?,
            reply,
        };
        self.calls.try_send(call).map_err(|_| CdpError::Closed)
    }
}

/// The connection's task.
async fn drive(
    mut connection: Connection<CdpEventMessage>,
    mut calls: mpsc::Receiver<Call>,
    events: mpsc::Sender<CdpEventMessage>,
) {
    let mut waiting: HashMap<CallId, (MethodId, Option<oneshot::Sender<Response>>)> =
        HashMap::new();
    let mut told_of_unknown = false;
    loop {
        tokio::select! {
            call = calls.recv() => {
                let Some(call) = call else { return };
                let method = call.method.clone();
                match connection.submit_command(call.method, call.session.map(Into::into), call.params) {
                    Ok(id) => { waiting.insert(id, (method, call.reply)); }
                    Err(error) => tracing::warn!(%method, %error, "a command cannot be written"),
                }
            }
            message = connection.next() => match message {
                None => return,
                Some(Ok(Message::Response(response))) => {
                    let Some((method, reply)) = waiting.remove(&response.id) else { continue };
                    match reply {
                        // Nobody waits any longer: fine.
                        Some(reply) => drop(reply.send(response)),
                        None => if let Some(error) = response.error {
                            tracing::debug!(%method, %error, "Chrome refused a command");
                        }
                    }
                }
                // Full: the browser's task is behind; Chrome waits, its pipe is the buffer.
                Some(Ok(Message::Event(event))) => if events.send(event).await.is_err() { return },
                // A newer Chrome says things this protocol version does not know.
                Some(Err(ConnectionError::InvalidMessage(_, error))) => if !told_of_unknown {
                    told_of_unknown = true;
                    tracing::debug!(%error, "an unknown message from Chrome is skipped, and so are further ones");
                },
                Some(Err(error)) => {
                    tracing::debug!(%error, "the control connection broke");
                    return;
                }
            }
        }
    }
}
