use super::*;
use proptest::prelude::*;

struct Chrome {
    machine: Machine,
    now: Instant,
}

fn id(name: &str) -> TabId {
    name.parse().unwrap()
}

fn session(name: &str) -> TargetSession {
    format!("session-{name}")
}

fn url(path: &str) -> AllowedUrl {
    crate::browser::address::allowed(&format!("https://example.com/{path}"), "").unwrap()
}

fn attached(name: &str) -> Event {
    Event::Cdp(cdp::Event::Attached {
        target: cdp::TargetInfo {
            id: id(name),
            title: String::new(),
            url: "about:blank".to_owned(),
        },
        session: session(name),
    })
}

fn page(name: &str, event: PageEvent) -> Event {
    Event::Cdp(cdp::Event::Page(session(name), event))
}

fn dialog(kind: DialogKind) -> PageEvent {
    PageEvent::DialogOpening {
        kind,
        message: "?".to_owned(),
        default_text: String::new(),
    }
}

fn to_page(name: &str, command: PageCommand) -> Action {
    Action::Send(Command::Page(session(name), command))
}

impl Chrome {
    /// Its first page is there, and shows what it was started for.
    fn with_page(name: &str) -> Chrome {
        let mut chrome = Chrome::started_for(vec![AllowedUrl::blank()], 0);
        chrome.on(attached(name));
        chrome.on(Event::Reply(Reply::WindowReady(id(name))));
        chrome.on(Event::Reply(Reply::ActiveTab(None)));
        chrome
    }

    fn started_for(urls: Vec<AllowedUrl>, active: usize) -> Chrome {
        Chrome {
            machine: Machine::new(InitialTabs { urls, active }),
            now: Instant::now(),
        }
    }

    fn on(&mut self, event: Event) -> Vec<Action> {
        self.machine.on(event, self.now)
    }

    fn command(&mut self, command: BrowserCommand) -> Vec<Action> {
        self.on(Event::Command(command))
    }

    /// Lets its next deadline pass.
    fn wait(&mut self) -> Vec<Action> {
        self.now = self.machine.deadline().expect("something is due");
        self.on(Event::Deadline)
    }

    fn trouble(&self) -> Option<Trouble> {
        self.machine.tabs.active().unwrap().tab.trouble
    }
}

#[test]
fn a_page_is_left_once_it_is_ready() {
    let mut chrome = Chrome::with_page("a");
    let prepare = Action::Ask(Query::PrepareNavigation {
        tab: id("a"),
        session: session("a"),
        dialog_open: false,
    });
    assert_eq!(
        chrome.command(BrowserCommand::Navigate(url("1"))),
        [prepare]
    );
    assert!(chrome.machine.state().tabs[0].loading);
    assert_eq!(chrome.command(BrowserCommand::Navigate(url("2"))), []);
    assert_eq!(
        chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a")))),
        [to_page("a", PageCommand::Navigate(url("2")))],
        "the last one counts"
    );
}

#[test]
fn a_navigation_that_is_stopped_in_time_is_not_sent() {
    let mut chrome = Chrome::with_page("a");
    chrome.command(BrowserCommand::Navigate(url("1")));
    assert_eq!(
        chrome.command(BrowserCommand::Stop),
        [to_page("a", PageCommand::StopLoading)]
    );
    assert!(!chrome.machine.state().tabs[0].loading);
    assert_eq!(chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a")))), []);
}

#[test]
fn a_page_that_is_left_cannot_hold_the_viewer_with_dialogs() {
    let mut chrome = Chrome::with_page("a");
    chrome.command(BrowserCommand::Navigate(url("1")));
    for (kind, accept) in [(DialogKind::BeforeUnload, true), (DialogKind::Alert, false)] {
        let handled = to_page(
            "a",
            PageCommand::HandleDialog {
                accept,
                prompt_text: None,
            },
        );
        assert_eq!(chrome.on(page("a", dialog(kind))), [handled]);
        assert_eq!(chrome.machine.state().dialog, None);
    }
    chrome.on(page("a", PageEvent::Navigated));
    chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a"))));
    chrome.on(page("a", PageEvent::Navigated));
    chrome.on(page("a", dialog(DialogKind::Alert)));
    assert!(chrome.machine.state().dialog.is_some(), "the next page's");
}

#[test]
fn the_first_page_waits_for_its_window_and_the_others_for_the_first() {
    let mut chrome = Chrome::started_for(vec![url("1"), url("2"), url("3")], 1);
    let actions = chrome.on(attached("a"));
    assert!(actions.contains(&Action::Ask(Query::WindowSize {
        tab: id("a"),
        session: session("a"),
    })));
    let in_background = |path| {
        Action::Send(Command::CreateTarget {
            url: url(path),
            background: true,
        })
    };
    assert_eq!(
        chrome.on(Event::Reply(Reply::WindowReady(id("a")))),
        [
            to_page("a", PageCommand::Navigate(url("1"))),
            in_background("2"),
            in_background("3")
        ]
    );
    let to_front = Action::Send(Command::ActivateTarget(id("b")));
    assert!(!chrome.on(attached("b")).contains(&to_front), "not all yet");
    assert!(chrome.on(attached("c")).contains(&to_front));
    assert_eq!(chrome.machine.state().active, Some(id("b")));
    assert!(
        !chrome.on(attached("d")).contains(&to_front),
        "only at the start"
    );
}

#[test]
fn closing_the_front_tab_activates_another() {
    let mut chrome = Chrome::with_page("a");
    chrome.on(attached("b"));
    let actions = chrome.on(Event::Cdp(cdp::Event::Destroyed(id("b"))));
    assert!(actions.contains(&Action::Send(Command::ActivateTarget(id("a")))));
}

#[test]
fn a_page_that_does_not_respond_after_input_is_unresponsive_until_it_does() {
    let mut chrome = Chrome::with_page("a");
    while chrome.machine.deadline().is_some() {
        chrome.wait();
        chrome.on(Event::Reply(Reply::ActiveTab(None)));
    }
    let asked = Action::Ask(Query::Responsiveness {
        tab: id("a"),
        session: session("a"),
    });
    let reply = |responsive| {
        Event::Reply(Reply::Responsiveness {
            tab: id("a"),
            responsive,
        })
    };
    assert_eq!(chrome.command(BrowserCommand::CheckResponsiveness), []);
    assert_eq!(chrome.wait(), std::slice::from_ref(&asked));
    chrome.on(reply(false));
    assert_eq!(chrome.trouble(), Some(Trouble::Unresponsive));
    assert_eq!(chrome.wait(), [asked]);
    chrome.on(reply(true));
    assert_eq!(chrome.trouble(), None);
    assert_eq!(chrome.machine.deadline(), None, "and is asked no more");
}

#[test]
fn a_page_with_a_dialog_is_not_asked_whether_it_responds() {
    let mut chrome = Chrome::with_page("a");
    chrome.on(page("a", dialog(DialogKind::Confirm)));
    chrome.command(BrowserCommand::CheckResponsiveness);
    while chrome.machine.deadline().is_some() {
        let actions = chrome.wait();
        let asked = |action: &Action| matches!(action, Action::Ask(Query::Responsiveness { .. }));
        assert!(!actions.iter().any(asked));
        chrome.on(Event::Reply(Reply::ActiveTab(None)));
    }
}

#[test]
fn a_frame_that_loads_within_a_page_does_not_make_the_tab_load() {
    let mut chrome = Chrome::with_page("a");
    let started = |frame: &str| PageEvent::StartedLoading {
        frame: frame.to_owned(),
    };
    chrome.on(page("a", started("an iframe")));
    assert!(!chrome.machine.state().tabs[0].loading);
    chrome.on(page("a", started("a")));
    assert!(chrome.machine.state().tabs[0].loading);
}

#[test]
fn the_blank_page_before_the_first_is_removed_from_history() {
    let mut chrome = Chrome::with_page("a");
    let moved = |path| {
        Event::Cdp(cdp::Event::InfoChanged(cdp::TargetInfo {
            id: id("a"),
            title: String::new(),
            url: url(path).as_str().to_owned(),
        }))
    };
    let reset = to_page("a", PageCommand::ResetNavigationHistory);
    assert!(chrome.on(moved("1")).contains(&reset));
    assert!(!chrome.on(moved("2")).contains(&reset));
}

#[test]
fn an_exit_is_a_crash_unless_all_tabs_were_closed() {
    let killed = Some(ExitStatus::from_raw(9));
    let mut chrome = Chrome::started_for(vec![url("1")], 0);
    let is_crash = |exit| matches!(exit, BrowserExit::Crashed(_));
    assert!(is_crash(chrome.machine.exit(killed)), "before it had a tab");
    chrome.on(attached("a"));
    assert!(is_crash(chrome.machine.exit(killed)));
    assert!(is_crash(chrome.machine.exit(None)));
    assert!(!is_crash(
        chrome.machine.exit(Some(ExitStatus::from_raw(0)))
    ));
    chrome.on(Event::Cdp(cdp::Event::Destroyed(id("a"))));
    assert!(!is_crash(chrome.machine.exit(killed)));
}

#[test]
fn two_equal_notices_are_two_changes() {
    let mut chrome = Chrome::with_page("a");
    chrome.on(page("a", PageEvent::FileChooserOpened));
    let first = chrome.machine.state();
    chrome.on(page("a", PageEvent::FileChooserOpened));
    assert_ne!(chrome.machine.state(), first);
}

/// A command, an event or the passing of time, of one of three tabs.
#[derive(Clone, Debug)]
enum Step {
    Event(Event),
    /// The reply to the oldest query without one.
    Reply {
        positive: bool,
    },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c")];
    name.prop_flat_map(|name| {
        let command = |command| Just(Step::Event(Event::Command(command)));
        let event = |event| Just(Step::Event(event));
        prop_oneof![
            event(attached(name)),
            event(Event::Cdp(cdp::Event::Destroyed(id(name)))),
            event(Event::Cdp(cdp::Event::Crashed(id(name)))),
            event(page(name, PageEvent::Navigated)),
            event(page(
                name,
                PageEvent::StoppedLoading {
                    frame: name.to_owned()
                }
            )),
            event(page(name, dialog(DialogKind::Alert))),
            event(page(name, PageEvent::DialogClosed)),
            command(BrowserCommand::Navigate(url(name))),
            command(BrowserCommand::Reload),
            command(BrowserCommand::Back),
            command(BrowserCommand::Stop),
            command(BrowserCommand::Activate(id(name))),
            command(BrowserCommand::Close(id(name))),
            command(BrowserCommand::CheckResponsiveness),
            command(BrowserCommand::RefreshTabs),
            any::<bool>().prop_map(|positive| Step::Reply { positive }),
            Just(Step::Wait),
        ]
    })
}

fn reply_to(query: &Query, positive: bool) -> Reply {
    match query.clone() {
        Query::NavigationHistory { tab, .. } => Reply::NavigationHistory {
            tab,
            entries: vec![1, 2],
            current: usize::from(positive),
        },
        Query::TargetInfos => Reply::TargetInfos(Vec::new()),
        Query::ActiveTab(tabs) => Reply::ActiveTab(tabs.into_iter().map(|(tab, _)| tab).next()),
        Query::Responsiveness { tab, .. } => Reply::Responsiveness {
            tab,
            responsive: positive,
        },
        Query::PrepareNavigation { tab, .. } => Reply::ReadyToNavigate(tab),
        Query::WindowSize { tab, .. } => Reply::WindowReady(tab),
    }
}

fn queries_of(actions: Vec<Action>) -> Vec<Query> {
    let query = |action| match action {
        Action::Ask(query) => Some(query),
        Action::Send(_) => None,
    };
    actions.into_iter().filter_map(query).collect()
}

proptest! {
    #[test]
    fn in_any_order_there_is_one_query_of_a_kind_and_the_active_tab_is_open(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let mut chrome = Chrome::started_for(vec![url("1"), url("2")], 1);
        let mut queries: Vec<Query> = Vec::new();
        for step in steps {
            let actions = match step {
                Step::Event(event) => chrome.on(event),
                Step::Reply { .. } if queries.is_empty() => continue,
                Step::Reply { positive } => {
                    let reply = reply_to(&queries.remove(0), positive);
                    chrome.on(Event::Reply(reply))
                }
                Step::Wait if chrome.machine.deadline().is_none() => continue,
                Step::Wait => chrome.wait(),
            };
            for action in actions {
                match action {
                    Action::Ask(query) => queries.push(query),
                    Action::Send(Command::Page(session, _)) => {
                        let open = chrome.machine.tabs.by_session(&session);
                        prop_assert!(open.is_some(), "a command to a page that is closed");
                    }
                    Action::Send(_) => {}
                }
            }
            let kinds: [fn(&Query) -> bool; 3] = [
                |query| matches!(query, Query::ActiveTab(_)),
                |query| matches!(query, Query::Responsiveness { .. }),
                |query| matches!(query, Query::WindowSize { .. }),
            ];
            for kind in kinds {
                let count = queries.iter().filter(|query| kind(query)).count();
                prop_assert!(count <= 1, "{:?}", queries);
            }
            let state = chrome.machine.state();
            let is_open = |id: &TabId| state.tabs.iter().any(|tab| tab.id == *id);
            prop_assert!(state.active.as_ref().is_none_or(is_open));
            prop_assert_eq!(state.active.is_none(), state.tabs.is_empty());
        }
        // Once Chrome has replied to everything, nothing is due any more.
        for _ in 0..8 {
            while let Some(query) = queries.pop() {
                let reply = reply_to(&query, true);
                queries.extend(queries_of(chrome.on(Event::Reply(reply))));
            }
            if chrome.machine.deadline().is_some() {
                queries.extend(queries_of(chrome.wait()));
            }
        }
        prop_assert_eq!(chrome.machine.deadline(), None);
    }
}
