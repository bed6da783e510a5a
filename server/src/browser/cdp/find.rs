//! Find in page: our script searches each frame's document; which match is shown is decided over all of them.

use std::time::Duration;

use chromiumoxide_cdp::cdp::browser_protocol::page;
use futures::future::join_all;
use serde::Deserialize;
use shared::api::Found;
use tokio::time::timeout;

use super::question::ActivePage;
use super::{Connection, TargetSession, page_world};

/// More frames hold no text that a person looks for.
const MOST_FRAMES: usize = 64;
/// A frame that takes longer is left out.
const FRAME_TIMEOUT: Duration = Duration::from_secs(1);

/// A frame, by the session of its process and its `Page.FrameId`.
type Frame = (TargetSession, String);

/// What our script has found in one frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
struct Matches {
    count: u32,
    /// The one that is shown; none of a text that was not looked for before.
    current: Option<u32>,
    /// The first that is not above what is seen, or not before the one that was shown; `count` where all are.
    from: u32,
    /// The one that was shown before, of another text, is here.
    led: bool,
}

/// Marks `text` in every frame and goes so many steps from the match that is shown; `None` if the page does not respond.
pub async fn find(cdp: &Connection, page: &ActivePage, text: &str, step: i32) -> Option<Found> {
    let frames = frames(cdp, page).await?;
    let arguments = [text.into()];
    let searches = frames.iter().map(|frame| search(cdp, frame, &arguments));
    let matches = join_all(searches).await;
    let chosen = choose(&matches, step);
    let shown = frames.iter().enumerate().map(|(at, (session, frame))| {
        let index = chosen.filter(|chosen| chosen.frame == at);
        let arguments = [index.map(|chosen| chosen.index).into()];
        async move {
            let show = page_world::call(cdp, session, frame, "show", &arguments);
            // It may be gone meanwhile.
            let _ = timeout(FRAME_TIMEOUT, show).await;
        }
    });
    join_all(shown).await;
    Some(Found {
        count: matches.iter().map(|matches| matches.count).sum(),
        current: chosen.map_or(0, |chosen| chosen.number),
    })
}

/// Those of the page's own process first, in the order of its document.
async fn frames(cdp: &Connection, page: &ActivePage) -> Option<Vec<Frame>> {
    let mut frames = in_process(cdp, &page.session).await?;
    let others = page.frames.iter();
    for others in join_all(others.map(|frame| in_process(cdp, &frame.session))).await {
        frames.extend(others.into_iter().flatten());
    }
    frames.truncate(MOST_FRAMES);
    Some(frames)
}

async fn in_process(cdp: &Connection, session: &TargetSession) -> Option<Vec<Frame>> {
    let tree = cdp.call(Some(session), page::GetFrameTreeParams::default());
    let tree = timeout(FRAME_TIMEOUT, tree).await.ok()?.ok()?;
    let mut frames = Vec::new();
    let mut left = vec![tree.frame_tree.clone()];
    while let Some(tree) = left.pop() {
        frames.push((session.clone(), tree.frame.id.inner().clone()));
        left.extend(tree.child_frames.into_iter().flatten().rev());
    }
    Some(frames)
}

/// Nothing in a frame that does not respond, or where our script is not.
async fn search(
    cdp: &Connection,
    (session, frame): &Frame,
    arguments: &[serde_json::Value],
) -> Matches {
    let found = page_world::call(cdp, session, frame, "find", arguments);
    let found = timeout(FRAME_TIMEOUT, found).await;
    let found = found.ok().and_then(Result::ok).flatten();
    found
        .and_then(|found| serde_json::from_str(&found).ok())
        .unwrap_or_default()
}

/// The match that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Chosen {
    /// The index of its frame.
    frame: usize,
    /// Its index there.
    index: u32,
    /// 1 is the page's first.
    number: u32,
}

fn choose(frames: &[Matches], step: i32) -> Option<Chosen> {
    let count: u32 = frames.iter().map(|frame| frame.count).sum();
    let place = |frame: usize, index: u32| {
        let before: u32 = frames.iter().take(frame).map(|frame| frame.count).sum();
        i64::from(before) + i64::from(index)
    };
    let current = frames.iter().enumerate();
    let mut current = current.filter_map(|(at, frame)| Some((at, frame.current?)));
    let at = match current.next() {
        Some((frame, index)) => place(frame, index) + i64::from(step),
        None => {
            let led = frames.iter().position(|frame| frame.led).unwrap_or(0);
            place(led, frames.get(led)?.from)
        }
    };
    let number = u32::try_from(at.rem_euclid(i64::from(count.max(1)))).ok()?;
    let mut index = number;
    for (at, frame) in frames.iter().enumerate() {
        if index < frame.count {
            return Some(Chosen {
                frame: at,
                index,
                number: number + 1,
            });
        }
        index -= frame.count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(count: u32, current: Option<u32>) -> Matches {
        Matches {
            count,
            current,
            ..Matches::default()
        }
    }

    fn shown(frames: &[Matches], step: i32) -> Option<(usize, u32, u32)> {
        choose(frames, step).map(|chosen| (chosen.frame, chosen.index, chosen.number))
    }

    #[test]
    fn the_next_match_may_be_in_another_frame_and_after_the_last_comes_the_first() {
        let frames = [found(2, Some(1)), found(0, None), found(1, None)];
        assert_eq!(shown(&frames, 0), Some((0, 1, 2)));
        assert_eq!(shown(&frames, 1), Some((2, 0, 3)));
        assert_eq!(shown(&frames, 2), Some((0, 0, 1)));
        assert_eq!(shown(&frames, -2), Some((2, 0, 3)));
        assert_eq!(shown(&[found(0, None); 2], 1), None);
        assert_eq!(shown(&[], 1), None);
    }

    #[test]
    fn a_new_text_is_shown_where_the_last_one_was_or_else_where_the_page_is_seen() {
        let from = |from| Matches {
            from,
            ..found(2, None)
        };
        assert_eq!(shown(&[from(1), from(0)], 0), Some((0, 1, 2)));
        assert_eq!(shown(&[from(2), from(0)], 0), Some((1, 0, 3)));
        let led = Matches {
            led: true,
            ..from(1)
        };
        assert_eq!(shown(&[from(0), led], 0), Some((1, 1, 4)));
    }

    proptest! {
        #[test]
        fn something_is_shown_where_anything_is_found(
            frames in prop::collection::vec((0..5u32, prop::option::of(0..9u32), 0..9u32, any::<bool>()), 0..6),
            step in any::<i32>(),
        ) {
            let frames = frames.into_iter().map(|(count, current, from, led)| Matches { count, current, from, led });
            let frames: Vec<_> = frames.collect();
            let any = frames.iter().any(|frame| frame.count > 0);
            let chosen = choose(&frames, step);
            prop_assert_eq!(chosen.is_some(), any);
            if let Some(Chosen { frame, index, .. }) = chosen {
                prop_assert!(index < frames[frame].count);
            }
        }
    }
}
