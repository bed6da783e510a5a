//! Pure: what the address bar shows: the page's real address, unless the person is writing another.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Draft {
    /// Nothing of the person's own.
    #[default]
    None,
    Writing(String),
    /// Sent; shown until the page has another address, or has loaded.
    Sent {
        text: String,
        from_url: String,
    },
}

impl Draft {
    pub fn shown(&self, url: &str) -> String {
        match self {
            Draft::Writing(text) => text.clone(),
            Draft::Sent { text, from_url } if from_url == url => text.clone(),
            Draft::None | Draft::Sent { .. } => displayed(url).to_owned(),
        }
    }

    pub fn sent(text: &str, url: &str) -> Draft {
        Draft::Sent {
            text: text.to_owned(),
            from_url: url.to_owned(),
        }
    }

    /// The page has loaded: what was sent is answered. What is being written stays.
    pub fn settled(self) -> Draft {
        match self {
            Draft::Sent { .. } => Draft::None,
            other => other,
        }
    }
}

/// A blank page has an address that nobody wants to read or edit.
fn displayed(url: &str) -> &str {
    match url {
        "about:blank" | "chrome://newtab/" | "chrome://new-tab-page/" => "",
        url => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "https://old.example/";
    const NEW: &str = "https://new.example/";

    #[test]
    fn what_is_being_written_is_not_disturbed() {
        let draft = Draft::Writing("new.ex".to_owned());
        assert_eq!(draft.shown(OLD), "new.ex");
        assert_eq!(draft.shown(NEW), "new.ex");
        assert_eq!(draft.clone().settled(), draft);
    }

    #[test]
    fn what_was_sent_is_shown_until_the_page_moves() {
        let draft = Draft::sent("new.example", OLD);
        assert_eq!(draft.shown(OLD), "new.example");
        assert_eq!(draft.shown(NEW), NEW);
        assert_eq!(draft.settled().shown(OLD), OLD);
    }

    #[test]
    fn a_blank_page_has_no_address() {
        assert_eq!(Draft::None.shown("about:blank"), "");
    }
}
