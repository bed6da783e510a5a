//! Pure: what passes between the clipboards of the page and of the person, and what does not.

use std::sync::Arc;

use shared::clipboard::{ClipboardContent, ClipboardPolicy, MOST_INLINE};
use shared::message::ServerMessage;

use crate::display::Copied;

/// What the page has copied last.
#[derive(Debug)]
pub struct SessionClipboard {
    policy: ClipboardPolicy,
    number: Option<u64>,
    content: Option<Arc<ClipboardContent>>,
}

impl SessionClipboard {
    pub fn new(policy: ClipboardPolicy) -> SessionClipboard {
        SessionClipboard {
            policy,
            number: None,
            content: None,
        }
    }

    /// The display's newest. Gives what whoever acts is told, if that is news.
    pub fn on_copied(&mut self, copied: Option<Copied>) -> Option<ServerMessage> {
        let Copied { number, content } = copied?;
        if self.number.replace(number) == Some(number) {
            return None;
        }
        self.content = None;
        let refused = |reason: String| Some(ServerMessage::Refused { reason });
        match content {
            Err(sentence) => refused(sentence),
            Ok(_) if !self.policy.out_of_page => refused(
                "What the page has copied stays there: this server does not pass it on.".to_owned(),
            ),
            Ok(content) => {
                self.content = Some(Arc::clone(&content));
                let inline = (content.bytes() <= MOST_INLINE).then(|| (*content).clone());
                Some(ServerMessage::Copied(inline))
            }
        }
    }

    /// What the page has copied last; a sentence if there is nothing to have.
    pub fn content(&self) -> Result<Arc<ClipboardContent>, String> {
        if !self.policy.out_of_page {
            return Err("This server does not pass on what pages copy.".to_owned());
        }
        let nothing = || "The page has copied nothing.".to_owned();
        self.content.clone().ok_or_else(nothing)
    }

    /// What the page is offered to paste; a sentence if it is not.
    pub fn paste(&mut self, content: ClipboardContent) -> Result<Arc<ClipboardContent>, String> {
        if !self.policy.into_page {
            return Err("This server takes nothing from your clipboard.".to_owned());
        }
        if content.is_empty() {
            return Err("There is nothing to paste: neither text, HTML nor a picture.".to_owned());
        }
        content.check(self.policy.limits)?;
        // It takes the place of what the page has copied.
        self.content = None;
        Ok(Arc::new(content))
    }

    /// Chrome is gone, and what it has copied with it.
    pub fn forget(&mut self) {
        (self.number, self.content) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use shared::clipboard::ClipboardLimits;

    use super::*;

    const POLICY: ClipboardPolicy = ClipboardPolicy {
        into_page: true,
        out_of_page: true,
        limits: ClipboardLimits {
            text: 100_000,
            png: 100_000,
        },
    };

    fn copied(number: u64, text: &str) -> Option<Copied> {
        Some(Copied {
            number,
            content: Ok(Arc::new(ClipboardContent::of_text(text))),
        })
    }

    #[test]
    fn what_is_copied_is_told_once_and_what_is_long_is_fetched() {
        let mut clipboard = SessionClipboard::new(POLICY);
        let told = clipboard.on_copied(copied(1, "a"));
        let inline = ServerMessage::Copied(Some(ClipboardContent::of_text("a")));
        assert_eq!(told, Some(inline));
        assert_eq!(clipboard.on_copied(copied(1, "a")), None);
        let long = "x".repeat(MOST_INLINE + 1);
        let told = clipboard.on_copied(copied(2, &long));
        assert_eq!(told, Some(ServerMessage::Copied(None)));
        let content = clipboard.content().expect("is there");
        assert_eq!(*content, ClipboardContent::of_text(long));
    }

    #[test]
    fn each_direction_is_switched_off_by_itself() {
        let mut out = SessionClipboard::new(ClipboardPolicy {
            into_page: false,
            ..POLICY
        });
        assert!(out.paste(ClipboardContent::of_text("a")).is_err());
        out.on_copied(copied(1, "a"));
        assert!(out.content().is_ok());
        let mut into = SessionClipboard::new(ClipboardPolicy {
            out_of_page: false,
            ..POLICY
        });
        assert!(into.paste(ClipboardContent::of_text("a")).is_ok());
        let told = into.on_copied(copied(1, "a"));
        assert!(matches!(told, Some(ServerMessage::Refused { .. })));
        assert!(into.content().is_err());
    }

    #[test]
    fn what_is_pasted_or_too_large_is_no_longer_what_was_copied() {
        let mut clipboard = SessionClipboard::new(POLICY);
        clipboard.on_copied(copied(1, "a"));
        let long = ClipboardContent::of_text("x".repeat(100_001));
        assert!(clipboard.paste(long).is_err());
        assert!(clipboard.paste(ClipboardContent::default()).is_err());
        assert!(clipboard.content().is_ok());
        clipboard
            .paste(ClipboardContent::of_text("b"))
            .expect("fits");
        assert!(clipboard.content().is_err());
        clipboard.on_copied(copied(2, "c"));
        let told = clipboard.on_copied(Some(Copied {
            number: 3,
            content: Err("Too large.".to_owned()),
        }));
        assert!(matches!(told, Some(ServerMessage::Refused { .. })));
        assert!(clipboard.content().is_err(), "never the stale one");
    }
}
