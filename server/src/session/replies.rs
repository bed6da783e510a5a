//! Who waits for a session's answers: token → sender.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use shared::api::{Answer as SdpAnswer, Joined};
use shared::clipboard::ClipboardContent;
use shared::error::ApiError;
use shared::message::ServerMessage;
use tokio::sync::oneshot::Sender;

use super::Attached;
use super::action::Response;
use super::event::ReplyToken;
use crate::browser::Answer;
use crate::files::Upload;

/// One caller, by the type of what it is given. A caller that waits no more is no failure.
pub enum Caller {
    Join(Sender<Result<Joined, ApiError>>),
    Offer(Sender<Result<SdpAnswer, ApiError>>),
    Attach(Sender<Result<Attached, ApiError>>),
    Input(Sender<Result<Vec<ServerMessage>, ApiError>>),
    Answer(Sender<Result<Answer, ApiError>>),
    Thumbnail(Sender<Result<Bytes, ApiError>>),
    Clipboard(Sender<Result<Arc<ClipboardContent>, ApiError>>),
    /// A file, and its size in bytes.
    Download(Sender<Result<(File, u64), ApiError>>),
    Upload(Sender<Result<(Upload, File), ApiError>>),
    /// Gets its number.
    Drop(Sender<Result<u32, ApiError>>),
    Done(Sender<Result<(), ApiError>>),
}

impl Caller {
    /// Passes on what the session said.
    pub fn answer(self, response: Result<Response, ApiError>) {
        match (self, response) {
            (Caller::Join(caller), Ok(Response::Joined(joined))) => drop(caller.send(Ok(*joined))),
            (Caller::Input(caller), Ok(Response::Messages(messages))) => {
                drop(caller.send(Ok(messages)));
            }
            (Caller::Answer(caller), Ok(Response::Answered(answer))) => {
                drop(caller.send(Ok(answer)));
            }
            (Caller::Thumbnail(caller), Ok(Response::Thumbnail(jpeg))) => {
                drop(caller.send(Ok(jpeg)));
            }
            (Caller::Clipboard(caller), Ok(Response::Clipboard(content))) => {
                drop(caller.send(Ok(content)));
            }
            (Caller::Drop(caller), Ok(Response::Dropped(number))) => {
                drop(caller.send(Ok(number)));
            }
            (Caller::Done(caller), Ok(Response::Done)) => drop(caller.send(Ok(()))),
            (caller, Err(error)) => caller.refuse(error),
            (caller, Ok(_)) => caller.refuse(super::answered_otherwise()),
        }
    }

    fn refuse(self, error: ApiError) {
        match self {
            Caller::Join(caller) => drop(caller.send(Err(error))),
            Caller::Offer(caller) => drop(caller.send(Err(error))),
            Caller::Attach(caller) => drop(caller.send(Err(error))),
            Caller::Input(caller) => drop(caller.send(Err(error))),
            Caller::Answer(caller) => drop(caller.send(Err(error))),
            Caller::Thumbnail(caller) => drop(caller.send(Err(error))),
            Caller::Clipboard(caller) => drop(caller.send(Err(error))),
            Caller::Download(caller) => drop(caller.send(Err(error))),
            Caller::Upload(caller) => drop(caller.send(Err(error))),
            Caller::Drop(caller) => drop(caller.send(Err(error))),
            Caller::Done(caller) => drop(caller.send(Err(error))),
        }
    }
}

/// All who wait. Dropping it tells them that the session is gone.
#[derive(Default)]
pub struct Replies {
    next: u64,
    waiting: HashMap<ReplyToken, Caller>,
}

impl Replies {
    /// A caller begins to wait.
    pub fn enter(&mut self, caller: Caller) -> ReplyToken {
        let token = ReplyToken(self.next);
        self.next += 1;
        self.waiting.insert(token, caller);
        token
    }

    /// The caller waits no more: whoever takes it answers it.
    pub fn take(&mut self, token: ReplyToken) -> Option<Caller> {
        self.waiting.remove(&token)
    }

    /// Answers the caller.
    pub fn answer(&mut self, token: ReplyToken, response: Result<Response, ApiError>) {
        if let Some(caller) = self.take(token) {
            caller.answer(response);
        }
    }
}
