//! What the stream looks like from here, each second, for the Statistics panel: `getStats` → [`reading`] → [`history`];
//! inputs and frames → [`way`] → [`latency`].

// What `getStats` says.
pub mod history;
pub mod reading;
pub mod report;
// What had to be mended.
pub mod repairs;
// How long an input takes to be seen.
pub mod clock;
pub mod latency;
pub mod meter;
pub mod way;
// How it is shown.
pub mod sparkline;

use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::connection::Connection;
use crate::connection::view_state::ViewState;
use crate::dom::{Interval, every};
use reading::Reading;

/// Each second belongs to one sample, as on the server.
const PERIOD: Duration = Duration::from_secs(1);

/// Takes a sample each second until dropped.
pub fn sample(connection: Rc<Connection>, watch: ViewState) -> Interval {
    let last = Rc::new(std::cell::RefCell::new(None::<Reading>));
    every(PERIOD, move || {
        connection.measure();
        let (connection, last) = (connection.clone(), last.clone());
        spawn_local(async move {
            let Some(now) = connection.reading().await else {
                return;
            };
            let before = last.borrow_mut().replace(now.clone());
            let server = watch.server.try_update_value(Option::take).flatten();
            if let Some(sample) = before.and_then(|before| now.since(&before, server)) {
                watch.history.update(|history| history.push(sample));
            }
        });
    })
}
