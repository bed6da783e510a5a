//! Pure: what a person or a script asks of Chrome → what Chrome is told, or why not.

use client::api::Control;
use shared::error::ApiError;
use shared::session::{SessionState, TabId};

use crate::browser::BrowserCommand;
use crate::browser::address::{self, AllowedUrl, allowed};

/// What is asked, checked.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Command(BrowserCommand),
    /// Chrome is wanted back.
    Restart,
    /// The person has followed a notification of that number, or put it away.
    AnswerNotification {
        number: u32,
        follow: bool,
    },
}

/// 400 for a place that is none, 404 for a tab that is not there, 409 for a dialog or a challenge that is not and for a
/// site that is not shown, 422 for an address that may not be opened.
pub fn order(control: Control, state: &SessionState, search_url: &str) -> Result<Order, ApiError> {
    let url = |url: &str| {
        allowed(url, search_url).map_err(|refused| ApiError::RefusedAddress(refused.to_string()))
    };
    Ok(Order::Command(match control {
        Control::Navigate { url: typed } => BrowserCommand::Navigate(url(&typed)?),
        Control::Back => BrowserCommand::Back,
        Control::Forward => BrowserCommand::Forward,
        Control::Reload => BrowserCommand::Reload,
        Control::Stop => BrowserCommand::Stop,
        Control::NewTab { url: typed } => BrowserCommand::NewTab(match typed {
            Some(typed) if !typed.trim().is_empty() => url(&typed)?,
            _ => AllowedUrl::blank(),
        }),
        Control::ActivateTab { tab } => BrowserCommand::Activate(known_tab(tab, state)?),
        Control::CloseTab { tab } => BrowserCommand::Close(known_tab(tab, state)?),
        Control::MoveTab { tab, to } => BrowserCommand::Move {
            tab: known_tab(tab, state)?,
            to: usize::try_from(to).unwrap_or(usize::MAX),
        },
        Control::AnswerDialog { .. } if state.dialog.is_none() => {
            return Err(ApiError::Conflict(
                "No dialog is open: it was answered already.".to_owned(),
            ));
        }
        Control::AnswerDialog {
            accept,
            text,
            silence,
        } => BrowserCommand::AnswerDialog {
            accept,
            text,
            silence,
        },
        Control::Authenticate { challenge, .. }
            if (state.auth_challenge.as_ref()).is_none_or(|open| open.number != challenge) =>
        {
            return Err(ApiError::Conflict(
                "Nobody asks for that any more: it was answered already.".to_owned(),
            ));
        }
        Control::Authenticate {
            challenge,
            credentials,
        } => BrowserCommand::Authenticate {
            challenge,
            credentials,
        },
        Control::SetPermission {
            origin,
            permission,
            state: wanted,
        } => {
            // Another site may have come meanwhile.
            let active = state.active_tab();
            if active.and_then(|tab| address::origin(&tab.url)) != Some(origin.clone()) {
                return Err(ApiError::Conflict(format!(
                    "The active tab does not show {origin}."
                )));
            }
            BrowserCommand::SetPermission {
                origin,
                permission,
                state: wanted,
            }
        }
        Control::SetLocation { location } if !location.is_valid() => {
            return Err(ApiError::BadRequest(
                "There is no such place: latitudes are from -90 to 90, longitudes from -180 to 180."
                    .to_owned(),
            ));
        }
        Control::SetLocation { location } => BrowserCommand::SetLocation(location),
        Control::ExitFullscreen => BrowserCommand::ExitFullscreen,
        Control::AnswerNotification {
            notification: number,
            follow,
        } => return Ok(Order::AnswerNotification { number, follow }),
        Control::Restart => return Ok(Order::Restart),
    }))
}

fn known_tab(tab: TabId, state: &SessionState) -> Result<TabId, ApiError> {
    match state.tabs.iter().any(|known| known.id == tab) {
        true => Ok(tab),
        false => Err(ApiError::NotFound("That tab is closed already.".to_owned())),
    }
}
