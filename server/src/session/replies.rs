//! Who waits for a session's answers: token → sender.

use std::collections::HashMap;

use shared::api::{Answer, Joined};
use shared::error::ApiError;
use shared::message::ServerMessage;
use tokio::sync::oneshot::Sender;

use super::Attached;
use super::action::Response;
use super::event::ReplyToken;

/// One caller, by the type of what it is given. A caller that waits no more is no failure.
pub enum Caller {
    Join(Sender<Result<Joined, ApiError>>),
    Offer(Sender<Result<Answer, ApiError>>),
    Attach(Sender<Result<Attached, ApiError>>),
    Input(Sender<Result<Vec<ServerMessage>, ApiError>>),
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
            (Caller::Done(caller), Ok(Response::Done)) => drop(caller.send(Ok(()))),
            (caller, Err(error)) => caller.refuse(error),
            (caller, Ok(_)) => caller.refuse(ApiError::Internal(
                "The session answered something else than it was asked.".to_owned(),
            )),
        }
    }

    fn refuse(self, error: ApiError) {
        match self {
            Caller::Join(caller) => drop(caller.send(Err(error))),
            Caller::Offer(caller) => drop(caller.send(Err(error))),
            Caller::Attach(caller) => drop(caller.send(Err(error))),
            Caller::Input(caller) => drop(caller.send(Err(error))),
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
