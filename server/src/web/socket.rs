//! `GET /api/socket?session=…&viewer=…`: a web socket with pictures and messages, for viewers that only HTTP reaches.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde::Deserialize;
use shared::session::{SessionId, ViewerId};
use shared::socket::MAX_FROM_VIEWER;
use tokio::sync::mpsc::Receiver;
use tokio::time::{interval, timeout};

use super::errors::Refusal;
use crate::sessions::Sessions;
use crate::transport::SocketEnd;

/// Keeps proxies from closing a silent socket; most wait for a minute.
const PING_EVERY: Duration = Duration::from_secs(10);
/// Three pings without an answer: the viewer is gone, and nobody has closed the connection.
const SILENT_FOR: Duration = Duration::from_secs(30);
/// A viewer that is leaving may have a full window.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
pub struct Wanted {
    session: SessionId,
    viewer: ViewerId,
}

/// Refuses with a typed error before there is a socket, as server functions do.
pub async fn upgrade(
    State(sessions): State<Sessions>,
    Query(Wanted { session, viewer }): Query<Wanted>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refusal> {
    let (end, outgoing) = sessions.find(&session)?.attach(viewer).await?;
    Ok(upgrade
        .max_message_size(MAX_FROM_VIEWER)
        .max_frame_size(MAX_FROM_VIEWER)
        // Each message leaves at once: what waits is counted in the hub alone.
        .write_buffer_size(0)
        .on_upgrade(|socket| serve(socket, end, outgoing)))
}

/// Until the viewer leaves, is silent for too long, or the hub is done with it.
async fn serve(socket: WebSocket, end: SocketEnd, outgoing: Receiver<Bytes>) {
    let (sink, stream) = socket.split();
    // Beside each other: what a person does must not wait for a picture that the network is slow to take.
    tokio::select! {
        () = hear(stream, &end) => {}
        () = speak(sink, outgoing) => {}
    }
}

async fn hear(mut stream: SplitStream<WebSocket>, end: &SocketEnd) {
    while let Ok(Some(came)) = timeout(SILENT_FOR, stream.next()).await {
        let is_heard = match came {
            Ok(Message::Binary(bytes)) => end.on_message(bytes).await,
            // None of ours is text; it is answered like anything that cannot be read.
            Ok(Message::Text(_)) => end.on_message(Bytes::new()).await,
            Ok(Message::Ping(_) | Message::Pong(_)) => true,
            Ok(Message::Close(_)) => false,
            Err(error) => {
                tracing::debug!(%error, "a viewer's web socket failed");
                false
            }
        };
        if !is_heard {
            return;
        }
    }
}

async fn speak(mut sink: SplitSink<WebSocket, Message>, mut outgoing: Receiver<Bytes>) {
    let mut ping = interval(PING_EVERY);
    loop {
        let next = tokio::select! {
            next = outgoing.recv() => match next {
                Some(message) => Message::Binary(message),
                None => break,
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        if sink.send(next).await.is_err() {
            return;
        }
    }
    let goodbye = Message::Close(Some(CloseFrame {
        code: close_code::NORMAL,
        reason: "over".into(),
    }));
    // It may be gone already.
    let _ = timeout(GOODBYE_WITHIN, sink.send(goodbye)).await;
}
