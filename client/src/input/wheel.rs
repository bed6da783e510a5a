//! The wheel over the picture → deltas.

use std::rc::Rc;

use shared::message::ClientMessage;
use web_sys::WheelEvent;

use crate::dom::{Listener, listen};
use crate::input::InputTarget;
use crate::input::wheel_delta::WheelDelta;
use crate::stats::input_trace::InputKind;

pub(super) fn listener(target: &Rc<InputTarget>) -> Listener {
    let target = target.clone();
    listen(
        &target.picture.clone(),
        "wheel",
        move |event: WheelEvent| {
            // Neither scroll nor zoom the viewer's own page.
            event.prevent_default();
            let Some(at) = target.point(&event) else {
                return;
            };
            let wheel = WheelDelta {
                delta_x: event.delta_x(),
                delta_y: event.delta_y(),
                delta_mode: event.delta_mode(),
                wheel_delta_y: js_sys::Reflect::get(&event, &"wheelDeltaY".into())
                    .ok()
                    .and_then(|delta| delta.as_f64()),
            };
            let (delta_x, delta_y) = wheel.pixels(f64::from(target.picture.client_height()));
            let message = ClientMessage::Wheel {
                at,
                delta_x,
                delta_y,
                notched: wheel.is_notched(),
            };
            target.act(InputKind::Wheel, &event, message);
        },
    )
}
