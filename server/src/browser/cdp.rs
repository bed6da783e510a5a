//! The one door to Chrome's DevTools protocol: commands out, their answers and events back.
//!
//! `chromiumoxide`'s own page handler is left out: it attaches to every target with half a dozen commands and an
//! emulated viewport; and so is its connection, which is a web socket. Its typed protocol is used.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chromiumoxide::cdp::CdpEventMessage;
use chromiumoxide::types::{CallId, Command, Message, MethodCall, MethodId, Response};
use tokio::sync::{mpsc, oneshot};

use super::pipe::Pipe;

/// Commands that wait for the task; a person cannot produce that many.
const COMMAND_QUEUE: usize = 256;

/// Events that wait for the browser's task: Chrome reports in bursts while a page loads.
const EVENT_QUEUE: usize = 1024;

#[derive(Debug, thiserror::Error)]
pub enum CdpError {
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
    /// The second part are Chrome's events, the third drives the connection and must be polled; it ends when either side
    /// hangs up.
    pub fn over(
        pipe: Pipe,
    ) -> (
        Cdp,
        mpsc::Receiver<CdpEventMessage>,
        impl Future<Output = ()> + use<>,
    ) {
        let (calls, waiting) = mpsc::channel(COMMAND_QUEUE);
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        (Cdp { calls }, received, drive(pipe, waiting, events))
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

/// Answers that are waited for, by the number of their call.
type Waiting = HashMap<CallId, (MethodId, Option<oneshot::Sender<Response>>)>;

/// The connection's task: commands and answers apart, so that a Chrome which is busy talking is still listened to.
async fn drive(pipe: Pipe, mut calls: mpsc::Receiver<Call>, events: mpsc::Sender<CdpEventMessage>) {
    let Pipe {
        mut commands,
        mut answers,
    } = pipe;
    let waiting = Mutex::new(Waiting::new());
    // A panic while holding it leaves nothing half done.
    let waiting = || waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let write = async {
        let mut number = 0;
        while let Some(call) = calls.recv().await {
            number += 1;
            let id = CallId::new(number);
            waiting().insert(id, (call.method.clone(), call.reply));
            let message = serde_json::to_vec(&MethodCall {
                id,
                method: call.method,
                session_id: call.session,
                params: call.params,
            });
            let sent = match message {
                Ok(message) => commands.send(message).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = sent {
                tracing::debug!(%error, "a command does not reach Chrome");
                return;
            }
        }
    };
    let read = async {
        let mut told_of_unknown = false;
        loop {
            let message = match answers.next().await {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "the control connection broke");
                    return;
                }
            };
            match serde_json::from_slice(&message) {
                Ok(Message::Response(response)) => {
                    let waited = waiting().remove(&response.id);
                    answer(waited, response);
                }
                // Full: the browser's task is behind; Chrome waits, its pipe is the buffer.
                Ok(Message::Event(event)) => {
                    if events.send(event).await.is_err() {
                        return;
                    }
                }
                // A newer Chrome says things this protocol version does not know.
                Err(error) => {
                    if !told_of_unknown {
                        told_of_unknown = true;
                        tracing::debug!(%error, "an unknown message from Chrome is skipped, and so are further ones");
                    }
                }
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}

fn answer(waiting: Option<(MethodId, Option<oneshot::Sender<Response>>)>, response: Response) {
    match waiting {
        // Nobody waits any longer: fine.
        Some((_, Some(reply))) => drop(reply.send(response)),
        Some((method, None)) => {
            if let Some(error) = response.error {
                tracing::debug!(%method, %error, "Chrome refused a command");
            }
        }
        None => {}
    }
}
