//! Pure: the session's phase and the link → what the status line says and offers.

use shared::session::Phase;

use crate::connection::view_state::Link;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Waiting,
    Over,
}

/// What a person can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// The same session, with a fresh Chrome.
    Restart,
    /// A new session on the last address.
    StartAgain,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    pub text: String,
    pub tone: Tone,
    pub remedy: Option<Remedy>,
}

/// `phase` is `None` before the server has told it.
pub fn status(phase: Option<&Phase>, link: &Link) -> Status {
    let waiting = |text: &str| Status {
        text: text.to_owned(),
        tone: Tone::Waiting,
        remedy: None,
    };
    let over = |reason: &str, remedy| Status {
        text: format!("Ended: {reason}"),
        tone: Tone::Over,
        remedy: Some(remedy),
    };
    match (phase, link) {
        (Some(Phase::Ended { reason }), _) | (_, Link::Over { reason }) => {
            over(reason, Remedy::StartAgain)
        }
        // The line may be down as well, but that is not what keeps the person from going on.
        (Some(Phase::Stopped { reason }), _) => over(reason, Remedy::Restart),
        (_, Link::Unsupported { sentence }) => Status {
            text: (*sentence).to_owned(),
            tone: Tone::Over,
            remedy: None,
        },
        (_, Link::Reconnecting) => waiting("Reconnecting…"),
        (Some(Phase::Starting), _) => waiting("Starting Chrome…"),
        (_, Link::Connecting) => waiting("Connecting…"),
        (_, Link::Connected) => Status {
            text: "Connected".to_owned(),
            tone: Tone::Good,
            remedy: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(phase: Option<Phase>, link: Link) -> String {
        status(phase.as_ref(), &link).text
    }

    #[test]
    fn a_start_reads_in_order() {
        assert_eq!(text(None, Link::Connecting), "Connecting…");
        assert_eq!(
            text(Some(Phase::Starting), Link::Connecting),
            "Starting Chrome…"
        );
        assert_eq!(text(Some(Phase::Running), Link::Connecting), "Connecting…");
        assert_eq!(text(Some(Phase::Running), Link::Connected), "Connected");
        assert_eq!(
            text(Some(Phase::Running), Link::Reconnecting),
            "Reconnecting…"
        );
    }

    #[test]
    fn a_browser_that_will_never_show_it_does_not_seem_to_wait() {
        let sentence = "This browser cannot.";
        let status = status(Some(&Phase::Starting), &Link::Unsupported { sentence });
        assert_eq!((status.text.as_str(), status.tone), (sentence, Tone::Over));
    }

    #[test]
    fn an_end_says_why_and_what_to_do() {
        let reason = "nobody watched it.".to_owned();
        let ended = status(
            Some(&Phase::Ended {
                reason: reason.clone(),
            }),
            &Link::Connected,
        );
        assert_eq!(ended.text, "Ended: nobody watched it.");
        assert_eq!(ended.remedy, Some(Remedy::StartAgain));
        let stopped = status(Some(&Phase::Stopped { reason }), &Link::Reconnecting);
        assert_eq!(stopped.remedy, Some(Remedy::Restart));
    }
}
