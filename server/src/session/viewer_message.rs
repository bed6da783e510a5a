//! Pure: a viewer's message, whichever way it came → what it means.

use std::time::Instant;

use shared::clipboard::ClipboardContent;
use shared::geometry::Viewport;
use shared::input::TouchPhase;
use shared::latency::Measurement;
use shared::message::{ClientMessage, ServerMessage, Stamped};
use shared::session::ViewerId;

use super::latency::is_tentative;
use super::stale_input::is_too_late;
use super::viewers::Viewer;
use crate::display::SeatEvent;
use crate::input::GeometryHistory;
use crate::latency_trace::{InputTrace, clock_micros};

/// What a message means.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// It is answered, and nothing else.
    Answer(ServerMessage),
    /// What waits for this viewer is to be dropped.
    SkipToLive,
    /// Chrome should draw so much later, in microseconds.
    DelayDrawing(i32),
    /// Its window has this size.
    Resize(Viewport),
    /// The viewer is to be told where text fields are.
    WatchTextFields,
    /// What the viewer is about to paste.
    Paste(ClipboardContent),
    /// Measurements that are accepted.
    Report(Vec<Measurement>),
    /// Something the person does now; nothing at all for the seat if it changes nothing.
    Act(Vec<SeatEvent>),
    /// Comes by itself, such as a move: nobody need react to it but the seat.
    Follow(Vec<SeatEvent>),
    /// Too late to be carried out.
    Stale,
}

/// Where and when messages are accepted.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub history: &'a GeometryHistory,
    /// A text field of the page has the focus.
    pub in_text_field: bool,
    /// Where the server's clock begins.
    pub epoch: Instant,
}

/// The one place where a viewer's message is accepted. `id` is the viewer's.
pub fn accept(
    viewer: &mut Viewer,
    id: &ViewerId,
    stamped: Stamped,
    context: Context<'_>,
    now: Instant,
) -> Meaning {
    let Stamped {
        input,
        sent_micros,
        message,
    } = stamped;
    let received_micros = clock_micros(now, context.epoch);
    let message = match message {
        ClientMessage::Ping { number } => {
            return Meaning::Answer(ServerMessage::Pong {
                number,
                server_micros: received_micros,
                accepted: viewer.accepted(),
            });
        }
        ClientMessage::SkipToLive => return Meaning::SkipToLive,
        ClientMessage::VsyncOffset { micros } => return Meaning::DelayDrawing(micros),
        ClientMessage::Viewport(viewport) => return Meaning::Resize(viewport),
        ClientMessage::WatchTextFields => return Meaning::WatchTextFields,
        ClientMessage::Paste(content) => return Meaning::Paste(content),
        ClientMessage::LatencyReport { measurements } => {
            return Meaning::Report(viewer.accept_report(measurements, now));
        }
        other => other,
    };
    if message.expires() && is_too_late(sent_micros, received_micros) {
        return Meaning::Stale;
    }
    if message.is_counted() {
        viewer.count_accepted();
    }
    let translated = viewer
        .input
        .translate(&message, context.history, context.in_text_field, now);
    let mut events = match translated {
        Ok(events) => events,
        Err(refused) => {
            return Meaning::Answer(ServerMessage::Refused {
                reason: refused.to_string(),
            });
        }
    };
    if let (Some(input), Some(tentative), false) =
        (input, is_tentative(&message), events.is_empty())
    {
        events.push(SeatEvent::Trace(InputTrace {
            viewer: id.clone(),
            input,
            tentative,
            received_at: now,
        }));
    }
    match message {
        // Moves come by themselves, held keys are only repeated, and who goes elsewhere, or has just come, lets go of
        // everything.
        ClientMessage::ReleaseAll
        | ClientMessage::PointerMove { .. }
        | ClientMessage::PointerMotion { .. }
        | ClientMessage::HeldKeys { .. }
        | ClientMessage::Touch {
            phase: TouchPhase::Move,
            ..
        } => Meaning::Follow(events),
        _ => Meaning::Act(events),
    }
}
