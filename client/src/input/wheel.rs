//! The wheel over the picture → turns.

use std::rc::Rc;

use shared::message::ClientMessage;
use web_sys::WheelEvent;

use crate::dom::{Listener, listen};
use crate::input::InputTarget;
use crate::input::wheel_delta::WheelDelta;
use crate::stats::way::Act;

pub(super) fn listener(desk: &Rc<InputTarget>) -> Listener {
    let desk = desk.clone();
    listen(&desk.picture.clone(), "wheel", move |event: WheelEvent| {
        // Neither scroll nor zoom the viewer's own page.
        event.prevent_default();
        let Some(at) = desk.point(&event) else {
            return;
        };
        let turn = WheelDelta {
            delta_x: event.delta_x(),
            delta_y: event.delta_y(),
            delta_mode: event.delta_mode(),
            wheel_delta_y: js_sys::Reflect::get(&event, &"wheelDeltaY".into())
                .ok()
                .and_then(|delta| delta.as_f64()),
        };
        let (delta_x, delta_y) = turn.pixels(f64::from(desk.picture.client_height()));
        let message = ClientMessage::Wheel {
            at,
            delta_x,
            delta_y,
            notched: turn.is_notched(),
        };
        desk.act(Act::Wheel, &event, message);
    })
}
