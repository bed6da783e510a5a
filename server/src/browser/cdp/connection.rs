//! CDP messages ↔ the debugging pipe: calls are numbered, their responses find whoever waits, events go on.
//!
//! `chromiumoxide`'s own connection is a web socket, and its page handler attaches to every target with half a dozen
//! commands and an emulated viewport; only its typed protocol is used.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use chromiumoxide_cdp::cdp::CdpEventMessage;
use chromiumoxide_types::{CallId, Command, Message, MethodCall, MethodId, Response};
use tokio::sync::{mpsc, oneshot};

use super::event::{self, Event};
use super::{Pipe, TargetSession};
use crate::ids::random_token;
use crate::sync::lock;

/// Calls that wait to be written to the pipe; no viewer produces that many.
const CALL_QUEUE: usize = 256;

/// Events that wait for [`Control`](crate::browser::control::Control): Chrome sends bursts of them while a page loads.
const EVENT_QUEUE: usize = 1024;

/// Why a command had no effect.
#[derive(Debug, thiserror::Error)]
pub enum CdpError {
    #[error("the CDP call queue is full, or the connection is closed")]
    NotSent,
    #[error("Chrome closed the connection before it responded")]
    Closed,
    #[error("Chrome rejected the command: {0}")]
    Rejected(String),
    #[error("the CDP message does not match the protocol: {0}")]
    Unexpected(#[from] serde_json::Error),
}

struct Call {
    method: MethodId,
    session: Option<TargetSession>,
    params: serde_json::Value,
    reply: Option<oneshot::Sender<Response>>,
}

/// Sends commands. Dropping it ends the connection.
pub struct Connection {
    calls: mpsc::Sender<Call>,
    own_tab: String,
    paused: Arc<Mutex<Paused>>,
}

/// Who waits for a session's next `Fetch.RequestId`.
type Paused = HashMap<TargetSession, oneshot::Sender<String>>;

impl Connection {
    /// The second part are Chrome's events. The third drives the connection and must be polled; it ends when either side
    /// closes the pipe.
    pub fn open(
        pipe: Pipe,
    ) -> (
        Connection,
        mpsc::Receiver<Event>,
        impl Future<Output = ()> + use<>,
    ) {
        let (calls, queued) = mpsc::channel(CALL_QUEUE);
        let (events, received) = mpsc::channel(EVENT_QUEUE);
        let paused = Arc::default();
        let connection = Connection {
            calls,
            own_tab: format!("about:blank#{}", random_token()),
            paused: Arc::clone(&paused),
        };
        let on_event = Delivery {
            events,
            own_tab: connection.own_tab.clone(),
            paused,
        };
        (connection, received, drive(pipe, queued, on_event))
    }

    /// Where a tab begins that is ours, and no person's: its `Target.attachedToTarget` is no event. No page can guess it.
    pub(super) fn own_tab(&self) -> &str {
        &self.own_tab
    }

    /// The next `Fetch.requestPaused` of a session of our own, which is then no event.
    pub(super) fn next_paused(&self, session: &TargetSession) -> oneshot::Receiver<String> {
        let (request, received) = oneshot::channel();
        let mut paused = lock(&self.paused);
        paused.retain(|_, waits| !waits.is_closed());
        paused.insert(session.clone(), request);
        received
    }

    /// Sends a command and waits for its response.
    pub(super) async fn call<C: Command>(
        &self,
        session: Option<&TargetSession>,
        command: C,
    ) -> Result<C::Response, CdpError> {
        let (reply, response) = oneshot::channel();
        self.enqueue(session, command, Some(reply))?;
        let response = response.await.map_err(|_| CdpError::Closed)?;
        match (response.result, response.error) {
            (Some(result), _) => Ok(C::response_from_value(result)?),
            (None, Some(error)) => Err(CdpError::Rejected(error.message)),
            (None, None) => Err(CdpError::Rejected("the response is empty".to_owned())),
        }
    }

    /// Sends a command whose response is not needed; a rejection is logged.
    pub(super) fn send<C: Command>(
        &self,
        session: Option<&TargetSession>,
        command: C,
    ) -> Result<(), CdpError> {
        self.enqueue(session, command, None)
    }

    fn enqueue<C: Command>(
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
        self.calls.try_send(call).map_err(|_| CdpError::NotSent)
    }
}

/// Calls without a response yet, by their number.
type InFlight = HashMap<CallId, (MethodId, Option<oneshot::Sender<Response>>)>;

/// Where events go.
struct Delivery {
    events: mpsc::Sender<Event>,
    own_tab: String,
    paused: Arc<Mutex<Paused>>,
}

impl Delivery {
    /// Fails when nobody takes events any more.
    async fn deliver(&self, message: CdpEventMessage) -> Result<(), mpsc::error::SendError<Event>> {
        let Some(event) = event::from_cdp(message, &self.own_tab) else {
            return Ok(());
        };
        if let Event::RequestPaused { session, request } = &event
            && let Some(waits) = lock(&self.paused).remove(session)
        {
            // Whoever waited may have given up; the tab is closed then.
            let _ = waits.send(request.clone());
            return Ok(());
        }
        self.events.send(event).await
    }
}

/// Writes and reads side by side, so that a Chrome which is busy sending is still read from.
async fn drive(pipe: Pipe, mut calls: mpsc::Receiver<Call>, delivery: Delivery) {
    let Pipe {
        mut writer,
        mut reader,
    } = pipe;
    let in_flight = Mutex::new(InFlight::new());
    let write = async {
        let mut number = 0;
        while let Some(call) = calls.recv().await {
            number += 1;
            let id = CallId::new(number);
            lock(&in_flight).insert(id, (call.method.clone(), call.reply));
            let message = serde_json::to_vec(&MethodCall {
                id,
                method: call.method,
                session_id: call.session,
                params: call.params,
            });
            let sent = match message {
                Ok(message) => writer.send(message).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = sent {
                tracing::debug!(%error, "writing to Chrome's debugging pipe failed");
                return;
            }
        }
    };
    let read = async {
        let mut logged_unknown = false;
        loop {
            let message = match reader.next().await {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(error) => {
                    tracing::debug!(%error, "reading from Chrome's debugging pipe failed");
                    return;
                }
            };
            match serde_json::from_slice::<Message<CdpEventMessage>>(&message) {
                Ok(Message::Response(response)) => {
                    let call = lock(&in_flight).remove(&response.id);
                    on_response(call, response);
                }
                // Full: control is behind; Chrome waits, its pipe is the buffer.
                Ok(Message::Event(message)) => {
                    if delivery.deliver(message).await.is_err() {
                        return;
                    }
                }
                // A newer Chrome has messages that this version of the protocol does not know.
                Err(error) => {
                    if !logged_unknown {
                        logged_unknown = true;
                        tracing::debug!(%error, "ignoring an unknown CDP message, and all further ones");
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

fn on_response(call: Option<(MethodId, Option<oneshot::Sender<Response>>)>, response: Response) {
    match call {
        // Whoever asked may have timed out.
        Some((_, Some(reply))) => drop(reply.send(response)),
        Some((method, None)) => {
            if let Some(error) = response.error {
                tracing::debug!(%method, %error, "Chrome rejected a command");
            }
        }
        None => {}
    }
}
