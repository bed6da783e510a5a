//! Text that no key types → the focused text field; what Chrome tells of that field → the viewer.

use shared::geometry::Scale;
use shared::session::{SurroundingText, TextField};
use smithay::{
    reexports::{
        wayland_protocols::wp::text_input::zv3::server::{
            zwp_text_input_manager_v3::{self, ZwpTextInputManagerV3},
            zwp_text_input_v3::{self, ContentHint, ContentPurpose, ZwpTextInputV3},
        },
        wayland_server::{
            Client, DataInit, Dispatch, DisplayHandle, GlobalDispatch, New, Resource, WEnum,
            backend::ClientId, protocol::wl_surface::WlSurface,
        },
    },
    utils::{Logical, Rectangle},
};
use tokio::sync::watch;

use super::{DisplayState, compositor::Compositor, pixel_space::picture_from_page, scene::Scene};

/// smithay's own text input wants another client as the input method; here the display itself is it.
pub struct TextInputs {
    inputs: Vec<TextInput>,
    focus: Option<WlSurface>,
}

struct TextInput {
    resource: ZwpTextInputV3,
    /// How often Chrome has committed; `done` repeats it.
    serial: u32,
    pending: Pending,
    /// `None` while no text field has the focus.
    current: Option<Field>,
    /// A composition stands in the field. Each `done` without it would end it.
    composing: bool,
}

impl TextInput {
    /// Chrome keeps the composition that it has unless it is told of an empty one.
    fn done_without_composition(&mut self) {
        self.composing = false;
        self.resource.preedit_string(Some(String::new()), 0, 0);
        self.resource.done(self.serial);
    }
}

#[derive(Clone, Default)]
struct Field {
    /// Within the focused surface.
    caret: Option<Rectangle<i32, Logical>>,
    hint: Option<ContentHint>,
    purpose: Option<ContentPurpose>,
    surrounding: Option<SurroundingText>,
}

#[derive(Clone, Default)]
struct Pending {
    enabled: Option<bool>,
    field: Field,
}

/// Chrome makes one per seat.
const MOST_INPUTS: usize = 16;
/// A Wayland message holds 4096 bytes with its header.
const MOST_BYTES: usize = 3000;

impl TextInputs {
    pub fn new(handle: &DisplayHandle) -> TextInputs {
        handle.create_global::<Compositor, ZwpTextInputManagerV3, ()>(1, ());
        TextInputs {
            inputs: Vec::new(),
            focus: None,
        }
    }

    /// The keyboard went to another surface.
    pub fn focus(&mut self, focus: Option<WlSurface>) {
        if self.focus == focus {
            return;
        }
        for input in &mut self.inputs {
            if let Some(before) = self.focus.as_ref().filter(|surface| surface.is_alive()) {
                input.resource.leave(before);
            }
            // Leaving disables the field; Chrome enables it again after the next enter.
            input.current = None;
            input.composing = false;
            if let Some(surface) = &focus {
                input.resource.enter(surface);
            }
        }
        self.focus = focus;
    }

    /// Puts `text` where the caret is, in the place of what was being composed.
    pub fn commit(&mut self, text: &str) {
        for input in self.focused() {
            for piece in pieces(text, MOST_BYTES) {
                input.resource.commit_string(Some(piece.to_owned()));
                input.done_without_composition();
            }
        }
    }

    /// Shows `text` as being composed, with the caret before that byte of it; an empty one cancels.
    pub fn compose(&mut self, text: &str, caret: usize) {
        let caret = i32::try_from(text.floor_char_boundary(caret)).unwrap_or(0);
        let text = &text[..text.floor_char_boundary(MOST_BYTES)];
        for input in self.focused() {
            input.composing = !text.is_empty();
            input
                .resource
                .preedit_string(Some(text.to_owned()), caret, caret);
            input.resource.done(input.serial);
        }
    }

    /// Puts `text` in the place of so many bytes around the caret.
    pub fn replace(&mut self, before: u32, after: u32, text: &str) {
        for input in self.focused() {
            input.resource.delete_surrounding_text(before, after);
            let mut rest = pieces(text, MOST_BYTES).into_iter();
            if let Some(first) = rest.next() {
                input.resource.commit_string(Some(first.to_owned()));
            }
            input.done_without_composition();
            for piece in rest {
                input.resource.commit_string(Some(piece.to_owned()));
                input.done_without_composition();
            }
        }
    }

    fn focused(&mut self) -> impl Iterator<Item = &mut TextInput> {
        let inputs = self.inputs.iter_mut();
        inputs.filter(|input| input.current.is_some())
    }

    /// Tells what is known of the focused text field, if that is news.
    pub fn publish(&self, scene: &Scene, scale: Scale, state: &watch::Sender<DisplayState>) {
        let field = self.field(scene, scale);
        state.send_if_modified(|state| {
            let changed = state.text_field != field;
            state.text_field = field;
            changed
        });
    }

    fn field(&self, scene: &Scene, scale: Scale) -> Option<TextField> {
        let field = self
            .inputs
            .iter()
            .find_map(|input| input.current.as_ref())?;
        let hint = field.hint.unwrap_or(ContentHint::None);
        let purpose = field.purpose.unwrap_or(ContentPurpose::Normal);
        let secret = ContentHint::HiddenText | ContentHint::SensitiveData;
        // Chrome tells the caret within the window, whose geometry may not begin at the picture's corner.
        let focus = self.focus.as_ref();
        let origin = focus.and_then(|surface| scene.origin(surface));
        let origin = origin.unwrap_or_default();
        let caret = field.caret.map(|caret| {
            let x = caret.loc.x.saturating_add(origin.x);
            let y = caret.loc.y.saturating_add(origin.y);
            let place = picture_from_page(scale, Rectangle::new((x, y).into(), caret.size));
            [
                place.left,
                place.top,
                place.right.saturating_sub(place.left),
                place.bottom.saturating_sub(place.top),
            ]
        });
        let is_secret = matches!(purpose, ContentPurpose::Password | ContentPurpose::Pin)
            || hint.intersects(secret);
        Some(TextField {
            caret,
            input_mode: input_mode(purpose).to_owned(),
            secret: is_secret,
            surrounding: field.surrounding.clone().filter(|_| !is_secret),
            enter_key_hint: String::new(),
            multiline: hint.contains(ContentHint::Multiline),
        })
    }
}

fn input_mode(purpose: ContentPurpose) -> &'static str {
    match purpose {
        ContentPurpose::Digits | ContentPurpose::Pin => "numeric",
        ContentPurpose::Number => "decimal",
        ContentPurpose::Phone => "tel",
        ContentPurpose::Url => "url",
        ContentPurpose::Email => "email",
        _ => "text",
    }
}

/// Cuts between characters, each piece at most `most` bytes (and at least one character).
fn pieces(text: &str, most: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > most {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(most.max(4)));
        pieces.push(piece);
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

impl GlobalDispatch<ZwpTextInputManagerV3, ()> for Compositor {
    fn bind(
        _state: &mut Self,
        _handle: &DisplayHandle,
        _client: &Client,
        manager: New<ZwpTextInputManagerV3>,
        _data: &(),
        init: &mut DataInit<'_, Self>,
    ) {
        init.init(manager, ());
    }
}

impl Dispatch<ZwpTextInputManagerV3, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        _manager: &ZwpTextInputManagerV3,
        request: zwp_text_input_manager_v3::Request,
        _data: &(),
        _handle: &DisplayHandle,
        init: &mut DataInit<'_, Self>,
    ) {
        if let zwp_text_input_manager_v3::Request::GetTextInput { id, .. } = request {
            let resource = init.init(id, ());
            let inputs = &mut state.text_inputs;
            if inputs.inputs.len() >= MOST_INPUTS {
                return;
            }
            if let Some(surface) = &inputs.focus {
                resource.enter(surface);
            }
            inputs.inputs.push(TextInput {
                resource,
                serial: 0,
                pending: Pending::default(),
                current: None,
                composing: false,
            });
        }
    }
}

impl Dispatch<ZwpTextInputV3, ()> for Compositor {
    fn request(
        state: &mut Self,
        _client: &Client,
        resource: &ZwpTextInputV3,
        request: zwp_text_input_v3::Request,
        _data: &(),
        _handle: &DisplayHandle,
        _init: &mut DataInit<'_, Self>,
    ) {
        let inputs = &mut state.text_inputs.inputs;
        let Some(input) = inputs.iter_mut().find(|input| input.resource == *resource) else {
            return;
        };
        match request {
            zwp_text_input_v3::Request::Enable => {
                // Enabling forgets everything told before.
                input.pending = Pending {
                    enabled: Some(true),
                    field: Field::default(),
                };
            }
            zwp_text_input_v3::Request::Disable => input.pending.enabled = Some(false),
            zwp_text_input_v3::Request::SetContentType { hint, purpose } => {
                input.pending.field.hint = value(hint);
                input.pending.field.purpose = value(purpose);
            }
            zwp_text_input_v3::Request::SetCursorRectangle {
                x,
                y,
                width,
                height,
            } => {
                // smithay's sizes are never negative, whatever a client says.
                let size = (width.max(0), height.max(0));
                let caret = Rectangle::new((x, y).into(), size.into());
                input.pending.field.caret = Some(caret);
            }
            zwp_text_input_v3::Request::SetSurroundingText {
                text,
                cursor,
                anchor,
            } => {
                let within = |byte: i32| u32::try_from(byte).unwrap_or(0).min(text.len() as u32);
                input.pending.field.surrounding = Some(SurroundingText {
                    caret: within(cursor),
                    anchor: within(anchor),
                    text,
                });
            }
            zwp_text_input_v3::Request::Commit => {
                input.serial = input.serial.wrapping_add(1);
                let enabled = input.pending.enabled.take();
                if enabled.unwrap_or(input.current.is_some()) {
                    input.current = Some(input.pending.field.clone());
                } else {
                    input.current = None;
                    input.composing = false;
                }
                // Until it knows that all it committed has arrived, Chrome keeps what it would tell next to itself. While it
                // composes, the next step of the composition says so.
                if !input.composing {
                    input.resource.done(input.serial);
                }
                state
                    .text_inputs
                    .publish(&state.scene, state.geometry().scale, &state.state);
            }
            _ => {}
        }
    }

    fn destroyed(state: &mut Self, _client: ClientId, resource: &ZwpTextInputV3, _data: &()) {
        let inputs = &mut state.text_inputs.inputs;
        inputs.retain(|input| input.resource != *resource);
        state
            .text_inputs
            .publish(&state.scene, state.geometry().scale, &state.state);
    }
}

fn value<T>(told: WEnum<T>) -> Option<T> {
    told.into_result().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pieces_fit_and_add_up(text in "\\PC{0,60}", most in 4..20usize) {
            let pieces = pieces(&text, most);
            prop_assert!(pieces.iter().all(|piece| piece.len() <= most));
            prop_assert_eq!(pieces.concat(), text);
        }
    }
}
