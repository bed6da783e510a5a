//! Pure: who may act on a session. One rule for now: everybody who may watch.

use std::sync::Arc;

use shared::error::ApiError;
use shared::session::ViewerId;

use super::viewers::{Viewer, Viewers};

/// Who asks for something, as far as the server knows. Every input and every control call has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A viewer of the session, by its page or by a script.
    Viewer(ViewerId),
    /// A page that does not watch the session, such as the list of all sessions.
    Page,
    /// A script, named by the credential that it showed.
    Script(Arc<str>),
}

/// Why somebody may not act, in a sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Only viewers that are present can act as viewers.
    #[error("There is no viewer {0} here: join the session again.")]
    NotWatching(ViewerId),
}

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> ApiError {
        match refused {
            Refused::NotWatching(_) => ApiError::NotFound(refused.to_string()),
        }
    }
}

/// Whether this actor may control the session. Nobody reaches a session without the server's credential, so that pages
/// and scripts may.
pub fn check(actor: &Actor, viewers: &Viewers) -> Result<(), Refused> {
    match actor {
        Actor::Viewer(id) if !viewers.contains(id) => Err(Refused::NotWatching(id.clone())),
        Actor::Viewer(_) | Actor::Page | Actor::Script(_) => Ok(()),
    }
}

/// Whether this viewer may act; gives it if so.
pub fn check_viewer<'viewers>(
    id: &ViewerId,
    viewers: &'viewers mut Viewers,
) -> Result<&'viewers mut Viewer, Refused> {
    viewers
        .get_mut(id)
        .ok_or_else(|| Refused::NotWatching(id.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn viewer(name: &str) -> ViewerId {
        name.parse().unwrap()
    }

    #[test]
    fn everybody_who_may_watch_may_act() {
        let mut viewers = Viewers::default();
        viewers.insert(viewer("ann"), Instant::now());
        viewers.insert(viewer("bob"), Instant::now());
        for actor in [
            Actor::Viewer(viewer("ann")),
            Actor::Viewer(viewer("bob")),
            Actor::Page,
            Actor::Script("token".into()),
        ] {
            assert_eq!(check(&actor, &viewers), Ok(()), "{actor:?}");
        }
    }

    #[test]
    fn a_viewer_who_is_gone_may_not_act_and_is_told_what_to_do() {
        let refused = check(&Actor::Viewer(viewer("ann")), &Viewers::default()).unwrap_err();
        assert_eq!(refused, Refused::NotWatching(viewer("ann")));
        let ApiError::NotFound(sentence) = refused.into() else {
            panic!("404 makes a page join again");
        };
        assert!(sentence.contains("join the session again"));
    }
}
