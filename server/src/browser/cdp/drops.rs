//! Files that the person drags over a page, drops there or pastes → the document that is there, in frames of other sites
//! too: the script of each document says which such frame they are for, and where within it.

use std::path::PathBuf;

use chromiumoxide_cdp::cdp::browser_protocol::dom;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::geometry::PointInPage;

use super::question::{ActivePage, DropPlace};
use super::{Connection, TargetSession, page_world};

/// Frames of other sites within each other: what lies deeper is not reached.
const DEEPEST: usize = 8;

/// What our script says of a document that has taken files.
const TAKEN: &str = "taken";

/// In the page whatever its zoom, in a frame in its own pixels; none is where the focus is, or nowhere.
type Point = Option<(f64, f64)>;

/// What our script says in one document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
struct Said {
    /// The document takes the files.
    taken: bool,
    /// They are for a frame of another site that is there.
    enters: Option<Entered>,
    /// They have left that one.
    leaves: Option<u32>,
}

/// A frame of another site, by the number that the script around it knows it by for a while.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
struct Entered {
    frame: u32,
    at: Point,
}

/// One document, by the session of its process and its `Page.FrameId`.
#[derive(Clone, Debug)]
struct Document {
    session: TargetSession,
    frame: String,
}

/// Files of those media types are dragged there, or, without a point, have left the page. Says whether it takes them.
pub async fn drag(
    cdp: &Connection,
    page: &ActivePage,
    at: Option<PointInPage>,
    types: Vec<String>,
) -> Option<bool> {
    let drag = Drag { cdp, page, types };
    let told = |at| vec![json!(at), json!(drag.types)];
    Some(drag.ask("drag", point(at), told).await?.is_some())
}

/// Such files are brought there, and come in a while under that number.
pub async fn expect(
    cdp: &Connection,
    page: &ActivePage,
    drop: u32,
    at: DropPlace,
    types: Vec<String>,
) -> Option<bool> {
    let drag = Drag { cdp, page, types };
    let told = |at| vec![json!(drop), json!(at), json!(drag.types)];
    Some(drag.ask("expect", point(at.point()), told).await?.is_some())
}

/// The document that expects them gets these files: they become those of inputs that our script has made and nobody sees;
/// the script hands them on.
pub async fn give(
    cdp: &Connection,
    page: &ActivePage,
    drop: u32,
    files: &[PathBuf],
    at: DropPlace,
) -> Option<bool> {
    let types = Vec::new();
    let drag = Drag { cdp, page, types };
    let told = |at| vec![json!(drop), json!(at)];
    let Some((document, at)) = drag.ask("holder", point(at.point()), told).await? else {
        return Some(false);
    };
    let Document { session, frame } = &document;
    let (folders, files): (Vec<_>, Vec<_>) = files.iter().partition(|path| path.is_dir());
    let inputs = folders.into_iter().map(|folder| (true, vec![folder]));
    let inputs = inputs.chain((!files.is_empty()).then_some((false, files)));
    for (is_folder, files) in inputs {
        let arguments = [drop.into(), is_folder.into()];
        let input = page_world::object(cdp, session, frame, "input", &arguments).await;
        let files = files.iter().map(|file| file.to_string_lossy().into_owned());
        let mut set = dom::SetFileInputFilesParams::new(files.collect());
        set.object_id = input.ok()?;
        cdp.call(Some(session), set).await.ok()?;
    }
    let given = page_world::call(cdp, session, frame, "give", &told(at)).await;
    Some(given.ok()?.as_deref() == Some(TAKEN))
}

fn point(at: Option<PointInPage>) -> Point {
    at.map(|at| (at.x.into(), at.y.into()))
}

struct Drag<'a> {
    cdp: &'a Connection,
    page: &'a ActivePage,
    /// Of the files.
    types: Vec<String>,
}

impl Drag<'_> {
    /// Asks the page, and then the frame that it names, and so on. Gives the document that takes the files, and the point in
    /// it; the outer `None` is a page that does not answer.
    async fn ask(
        &self,
        function: &str,
        mut at: Point,
        arguments: impl Fn(Point) -> Vec<Value>,
    ) -> Option<Option<(Document, Point)>> {
        let mut document = Document {
            session: self.page.session.clone(),
            frame: self.page.tab.as_str().to_owned(),
        };
        let mut said = self.said(&document, function, &arguments(at)).await?;
        for _ in 0..DEEPEST {
            if let Some(left) = said.leaves {
                self.leave(&document, left).await;
            }
            let Some(Entered { frame, at: within }) = said.enters else {
                return Some(said.taken.then_some((document, at)));
            };
            let Some(inner) = self.inner(&document, frame).await else {
                break;
            };
            (document, at) = (inner, within);
            said = self
                .said(&document, function, &arguments(at))
                .await
                .unwrap_or_default();
        }
        Some(None)
    }

    /// That frame of the document hears that the drag has left it, and the one within that it was in.
    async fn leave(&self, document: &Document, number: u32) {
        let (mut document, mut left) = (document.clone(), Some(number));
        for _ in 0..DEEPEST {
            let Some(number) = left else {
                return;
            };
            let Some(inner) = self.inner(&document, number).await else {
                return;
            };
            document = inner;
            let arguments = [Value::Null, json!(self.types)];
            let said = self.said(&document, "drag", &arguments).await;
            left = said.and_then(|said| said.leaves);
        }
    }

    /// `None` from a document that is gone, or where our script is not.
    async fn said(&self, document: &Document, function: &str, arguments: &[Value]) -> Option<Said> {
        let Document { session, frame } = document;
        let said = page_world::call(self.cdp, session, frame, function, arguments).await;
        serde_json::from_str(&said.ok()??).ok()
    }

    /// The document of that frame of another one. It has a process of its own, or shares that of the one around it.
    async fn inner(&self, document: &Document, number: u32) -> Option<Document> {
        let Document { session, frame } = document;
        let element = page_world::object(self.cdp, session, frame, "frame", &[number.into()]).await;
        let describe = dom::DescribeNodeParams {
            object_id: Some(element.ok()??),
            ..dom::DescribeNodeParams::default()
        };
        let described = self.cdp.call(Some(session), describe).await.ok()?;
        let frame = described.node.frame_id.as_ref()?.inner().clone();
        let own = self.page.frames.iter().find(|own| own.frame == frame);
        let session = own.map_or(session, |own| &own.session).clone();
        Some(Document { session, frame })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_script_says_is_read() {
        let said = |text| serde_json::from_str::<Said>(text).ok();
        let taken = Said {
            taken: true,
            ..Said::default()
        };
        assert_eq!(
            said(r#"{"taken":true,"enters":null,"leaves":null}"#),
            Some(taken)
        );
        let within = |at| Said {
            enters: Some(Entered { frame: 3, at }),
            leaves: Some(2),
            ..Said::default()
        };
        assert_eq!(
            said(r#"{"taken":false,"enters":{"frame":3,"at":[1.5,-2]},"leaves":2}"#),
            Some(within(Some((1.5, -2.0))))
        );
        assert_eq!(
            said(r#"{"taken":false,"enters":{"frame":3,"at":null},"leaves":2}"#),
            Some(within(None))
        );
        for other in ["", "taken", "{}", r#"{"taken":1}"#] {
            assert_eq!(said(other), None, "{other:?}");
        }
    }
}
