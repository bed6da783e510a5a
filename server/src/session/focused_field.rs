//! Pure: the text field that has the focus: what the display knows of it, and what its page says.

use shared::session::TextField;

use crate::browser::FieldHint;

/// Both come by themselves, in any order.
#[derive(Debug, Default)]
pub struct FocusedField {
    of_display: Option<TextField>,
    of_page: Option<FieldHint>,
}

impl FocusedField {
    /// Whether text goes anywhere.
    pub fn is_there(&self) -> bool {
        self.of_display.is_some()
    }

    /// As viewers are told of it: where text goes says the display, and how an on-screen keyboard looks says the page.
    pub fn told(&self) -> Option<TextField> {
        let mut field = self.of_display.clone()?;
        if let Some(hint) = &self.of_page {
            if !hint.input_mode.is_empty() {
                field.input_mode.clone_from(&hint.input_mode);
            }
            field.enter_key_hint.clone_from(&hint.enter_key_hint);
            field.multiline |= hint.multiline;
        }
        Some(field)
    }

    /// Says whether viewers are to be told.
    pub fn set_of_display(&mut self, field: Option<TextField>) -> bool {
        let before = self.told();
        self.of_display = field;
        self.told() != before
    }

    /// Says whether viewers are to be told.
    pub fn set_of_page(&mut self, hint: Option<FieldHint>) -> bool {
        if self.of_page == hint {
            return false;
        }
        let before = self.told();
        self.of_page = hint;
        self.told() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field() -> TextField {
        TextField {
            caret: None,
            input_mode: "text".to_owned(),
            enter_key_hint: String::new(),
            secret: false,
            multiline: false,
            surrounding: None,
        }
    }

    #[test]
    fn the_page_says_how_the_keyboard_looks_in_either_order() {
        let hint = FieldHint {
            input_mode: "tel".to_owned(),
            enter_key_hint: "go".to_owned(),
            multiline: false,
        };
        let mut focused = FocusedField::default();
        assert!(!focused.set_of_page(Some(hint.clone())), "no field yet");
        assert!(focused.set_of_display(Some(field())));
        let first = focused.told();
        assert_eq!(
            first.as_ref().map(|field| field.input_mode.as_str()),
            Some("tel")
        );
        let mut focused = FocusedField::default();
        assert!(focused.set_of_display(Some(field())));
        assert!(focused.set_of_page(Some(hint)));
        assert_eq!(focused.told(), first);
        assert!(focused.set_of_page(None));
        assert_eq!(focused.told(), Some(field()));
    }
}
