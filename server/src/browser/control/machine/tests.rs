use super::*;
use proptest::prelude::*;
use shared::file::DownloadState;
use shared::session::Credentials;

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
            has_opener: false,
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

fn report(report: PageReport) -> PageEvent {
    PageEvent::Report { context: 1, report }
}

fn to_page(name: &str, command: PageCommand) -> Action {
    Action::Send(Command::Page(session(name), command))
}

const FILES: FileLimits = FileLimits {
    downloads: true,
    uploads: true,
    file: 1000,
    session: 1000,
};

const NOBODY_IN_FRONT: Reply = Reply::ActiveTab {
    focused: None,
    visible: None,
};

impl Chrome {
    /// Its first page is there, and shows what it was started for.
    fn with_page(name: &str) -> Chrome {
        let mut chrome = Chrome::started_for(vec![AllowedUrl::blank()], 0);
        chrome.on(attached(name));
        chrome.on(Event::Reply(Reply::WindowReady(id(name))));
        chrome.on(Event::Reply(NOBODY_IN_FRONT));
        chrome
    }

    fn started_for(urls: Vec<AllowedUrl>, active: usize) -> Chrome {
        Chrome {
            machine: Machine::new(InitialTabs { urls, active }, FILES, false),
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
        [
            to_page("a", PageCommand::BringToFront),
            to_page("a", PageCommand::Navigate(url("2")))
        ],
        "the last one counts, and its page has the keyboard"
    );
}

#[test]
fn a_server_that_asks_for_credentials_gets_them_and_is_forgotten_when_the_page_is_left() {
    let mut chrome = Chrome::with_page("a");
    let challenged = |session: &str| {
        Event::Cdp(cdp::Event::AuthRequired {
            session: session.to_owned(),
            request: "R".to_owned(),
            challenger: Challenger {
                origin: "https://a.test".to_owned(),
                realm: String::new(),
                is_proxy: false,
            },
        })
    };
    let answer = |credentials| PageCommand::ContinueWithAuth {
        request: "R".to_owned(),
        credentials,
    };
    let asks = |chrome: &Chrome| chrome.machine.state().auth_challenge;
    assert_eq!(chrome.on(challenged(&session("a"))), []);
    let credentials = Some(Credentials {
        username: "ada".to_owned(),
        password: String::new(),
    });
    let given = chrome.command(BrowserCommand::Authenticate {
        challenge: asks(&chrome).unwrap().number,
        credentials: credentials.clone(),
    });
    assert_eq!(given, [to_page("a", answer(credentials))]);
    assert_eq!(asks(&chrome), None);

    chrome.on(challenged(&session("a")));
    chrome.command(BrowserCommand::Navigate(url("1")));
    assert_eq!(asks(&chrome), None);
    chrome.on(challenged(&session("a")));
    chrome.on(page("a", PageEvent::Crashed));
    assert_eq!(asks(&chrome), None);

    // Of a frame that nothing is known of.
    let send = |command| [Action::Send(Command::Page("frame".to_owned(), command))];
    let paused = Event::Cdp(cdp::Event::RequestPaused {
        session: "frame".to_owned(),
        request: "R".to_owned(),
    });
    let go_on = PageCommand::ContinueRequest("R".to_owned());
    assert_eq!(chrome.on(paused), send(go_on));
    assert_eq!(chrome.on(challenged("frame")), send(answer(None)));
}

#[test]
fn a_navigation_that_a_crash_took_along_is_sent_once_more() {
    let mut chrome = Chrome::with_page("a");
    chrome.command(BrowserCommand::Navigate(url("1")));
    assert!(chrome.machine.is_leaving());
    chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a"))));
    let again = chrome.on(page("a", PageEvent::Crashed));
    let navigate = to_page("a", PageCommand::Navigate(url("1")));
    assert_eq!(again, [to_page("a", PageCommand::BringToFront), navigate]);
    assert_eq!(chrome.trouble(), None, "it is on its way");
    assert_eq!(chrome.on(Event::Cdp(cdp::Event::Crashed(id("a")))), []);
}

#[test]
fn closing_the_only_tab_opens_another_first() {
    let mut chrome = Chrome::with_page("a");
    let create = Action::Send(Command::CreateTarget {
        url: AllowedUrl::blank(),
        background: false,
    });
    assert_eq!(
        chrome.command(BrowserCommand::Close(id("a"))),
        [create, to_page("a", PageCommand::Close)]
    );
}

#[test]
fn the_only_tab_stays_alone_when_its_page_is_not_left() {
    let asks_and_stays = |chrome: &mut Chrome| {
        chrome.command(BrowserCommand::Close(id("a")));
        chrome.on(attached("b"));
        chrome.on(page("a", dialog(DialogKind::BeforeUnload)));
        chrome.command(answer(false))
    };
    let closed = Action::Send(Command::CloseTarget(id("b")));
    let mut chrome = Chrome::with_page("a");
    let expected = [closed, answered("a", false)];
    assert_eq!(asks_and_stays(&mut chrome), expected);
    chrome.on(page("a", PageEvent::DialogClosed));
    chrome.on(Event::Cdp(cdp::Event::Destroyed(id("b"))));
    assert_eq!(asks_and_stays(&mut chrome), expected, "and again");
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

fn answered(name: &str, accept: bool) -> Action {
    let handle = PageCommand::HandleDialog {
        accept,
        prompt_text: None,
    };
    to_page(name, handle)
}

fn answer(accept: bool) -> BrowserCommand {
    BrowserCommand::AnswerDialog {
        accept,
        text: None,
        silence: false,
    }
}

#[test]
fn a_page_may_ask_whether_to_stay_and_is_left_all_the_same_the_second_time() {
    let mut chrome = Chrome::with_page("a");
    let asks = |chrome: &mut Chrome| {
        chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a"))));
        chrome.on(page("a", dialog(DialogKind::BeforeUnload)));
        chrome.machine.state().dialog.is_some()
    };
    chrome.command(BrowserCommand::Navigate(url("1")));
    assert!(asks(&mut chrome));
    assert!(!chrome.machine.is_leaving(), "it waits for the person");
    assert_eq!(chrome.command(answer(false)), [answered("a", false)]);
    chrome.on(page("a", PageEvent::DialogClosed));
    assert!(!chrome.machine.state().tabs[0].loading, "it stays");

    chrome.command(BrowserCommand::Reload);
    assert!(asks(&mut chrome), "it is asked anew");
    chrome.command(BrowserCommand::Navigate(url("2")));
    chrome.on(page("a", PageEvent::DialogClosed));
    chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a"))));
    let again = chrome.on(page("a", dialog(DialogKind::BeforeUnload)));
    assert_eq!(again, [answered("a", true)], "once is enough");
}

#[test]
fn a_tab_is_closed_when_its_page_lets_it_or_else_the_second_time() {
    let mut chrome = Chrome::with_page("a");
    chrome.on(attached("b"));
    let close = |chrome: &mut Chrome, name| chrome.command(BrowserCommand::Close(id(name)));
    assert_eq!(close(&mut chrome, "a"), [to_page("a", PageCommand::Close)]);
    chrome.on(page("a", dialog(DialogKind::BeforeUnload)));
    let state = chrome.machine.state();
    assert_eq!(state.active, Some(id("a")), "it is seen while it asks");
    assert!(state.dialog.is_some());
    assert_eq!(
        close(&mut chrome, "a"),
        [Action::Send(Command::CloseTarget(id("a")))]
    );
}

#[test]
fn a_page_asks_no_more_once_it_is_told_so() {
    let mut chrome = Chrome::with_page("a");
    let asks = |chrome: &mut Chrome| {
        chrome.on(page("a", dialog(DialogKind::Confirm)));
        chrome
            .machine
            .state()
            .dialog
            .map(|dialog| dialog.is_repeated)
    };
    assert_eq!(asks(&mut chrome), Some(false));
    chrome.command(answer(true));
    chrome.on(page("a", PageEvent::DialogClosed));
    assert_eq!(asks(&mut chrome), Some(true));
    chrome.command(BrowserCommand::AnswerDialog {
        accept: true,
        text: None,
        silence: true,
    });
    chrome.on(page("a", PageEvent::DialogClosed));
    let third = chrome.on(page("a", dialog(DialogKind::Confirm)));
    assert_eq!(third, [answered("a", false)]);
    chrome.on(page("a", PageEvent::Navigated));
    assert_eq!(asks(&mut chrome), Some(false), "another document");
}

#[test]
fn a_page_that_is_left_cannot_hold_the_viewer_with_dialogs() {
    let mut chrome = Chrome::with_page("a");
    chrome.command(BrowserCommand::Navigate(url("1")));
    let alert = chrome.on(page("a", dialog(DialogKind::Alert)));
    assert_eq!(alert, [answered("a", false)]);
    assert_eq!(chrome.machine.state().dialog, None);
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
            to_page("a", PageCommand::BringToFront),
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
        chrome.on(Event::Reply(NOBODY_IN_FRONT));
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
        chrome.on(Event::Reply(NOBODY_IN_FRONT));
    }
}

#[test]
fn a_page_whose_dialog_waits_is_in_front_of_a_window_that_floats() {
    let mut chrome = Chrome::with_page("a");
    chrome.on(attached("floating"));
    let in_front = |chrome: &mut Chrome, focused: Option<&str>| {
        chrome.on(Event::Reply(Reply::ActiveTab {
            focused: focused.map(id),
            visible: Some(id("floating")),
        }));
        chrome.machine.state().active
    };
    assert_eq!(in_front(&mut chrome, Some("a")), Some(id("a")));
    assert_eq!(in_front(&mut chrome, None), Some(id("floating")));
    chrome.on(page("a", dialog(DialogKind::Alert)));
    assert_eq!(
        in_front(&mut chrome, Some("floating")),
        Some(id("floating"))
    );
    assert_eq!(in_front(&mut chrome, None), Some(id("a")));
    chrome.on(page("floating", dialog(DialogKind::Alert)));
    assert_eq!(
        in_front(&mut chrome, None),
        Some(id("floating")),
        "nobody can say which"
    );
    chrome.on(page("floating", PageEvent::DialogClosed));
    in_front(&mut chrome, Some("a"));
    chrome.command(BrowserCommand::RefreshTabs);
    let asked = |action: &Action| matches!(action, Action::Ask(Query::ActiveTab(_)));
    assert!(chrome.wait().iter().any(asked));
    chrome.on(page("a", PageEvent::DialogClosed));
    assert_eq!(
        in_front(&mut chrome, None),
        Some(id("a")),
        "it could not answer while it was asked"
    );
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
            has_opener: false,
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
fn each_document_of_a_page_gets_our_script_and_forgets_what_the_last_one_said() {
    let mut chrome = Chrome::with_page("a");
    chrome.on(page("a", report(PageReport::Fullscreen(true))));
    assert!(chrome.machine.state().tabs[0].fullscreen);
    let queries = queries_of(chrome.on(page("a", PageEvent::Navigated)));
    let install = Query::InstallScript {
        session: session("a"),
        frame: "a".to_owned(),
        watches_text_fields: false,
    };
    assert!(queries.contains(&install), "{queries:?}");
    assert!(!chrome.machine.state().tabs[0].fullscreen);
}

#[test]
fn once_text_fields_are_watched_every_page_tells_where_they_are() {
    let mut chrome = Chrome::with_page("a");
    let watches = |queries: Vec<Query>, frame: &str| {
        let install = Query::InstallScript {
            session: session("a"),
            frame: frame.to_owned(),
            watches_text_fields: true,
        };
        queries.contains(&install)
    };
    let asked = chrome.command(BrowserCommand::WatchTextFields);
    assert!(watches(queries_of(asked), "a"));
    assert_eq!(chrome.command(BrowserCommand::WatchTextFields), []);
    let asked = chrome.on(page("a", PageEvent::Navigated));
    assert!(watches(queries_of(asked), "a"));
    let frame = PageEvent::FrameNavigated {
        frame: "inner".to_owned(),
    };
    let asked = chrome.on(page("a", frame));
    assert!(
        !watches(queries_of(asked), "inner"),
        "its places are others"
    );

    let told = vec![[1, 2, 3, 4]];
    chrome.on(page("a", report(PageReport::TextFields(told.clone()))));
    assert_eq!(chrome.machine.state().text_fields, told);
    chrome.on(page("a", PageEvent::Navigated));
    assert!(chrome.machine.state().text_fields.is_empty());
}

#[test]
fn a_frame_is_printed_under_its_number_as_long_as_it_is_what_is_printed() {
    let mut chrome = Chrome::with_page("a");
    let print = |of_frame, by_person| PageEvent::Report {
        context: 7,
        report: PageReport::Print(PrintRequest {
            by_person,
            of_frame,
        }),
    };
    let asked = |chrome: &Chrome| chrome.machine.state().ui_request.map(|(_, asked)| asked);
    let printed = |chrome: &Chrome| chrome.machine.active_page().unwrap().printed;
    chrome.on(page("a", print(true, false)));
    let Some(UiRequest::Print {
        frame: Some(number),
    }) = asked(&chrome)
    else {
        panic!("the frame is printed");
    };
    let frame = PrintedFrame {
        number,
        session: session("a"),
        context: 7,
    };
    assert_eq!(printed(&chrome), Some(frame.clone()));
    chrome.on(page("a", print(true, false)));
    assert_eq!(printed(&chrome), Some(frame), "unasked, once");
    chrome.on(page("a", print(true, true)));
    assert_ne!(printed(&chrome).unwrap().number, number);
    chrome.on(page("a", print(false, true)));
    assert_eq!(asked(&chrome), Some(UiRequest::Print { frame: None }));
    assert_eq!(printed(&chrome), None);
}

#[test]
fn two_equal_requests_for_a_find_bar_are_two_changes() {
    let mut chrome = Chrome::with_page("a");
    let request = |chrome: &mut Chrome| {
        chrome.on(page("a", report(PageReport::Find(true))));
        chrome.machine.state().ui_request
    };
    let first = request(&mut chrome);
    assert!(first.is_some());
    assert_ne!(first, request(&mut chrome));
}

#[test]
fn two_equal_notices_are_two_changes() {
    let mut chrome = Chrome::with_page("a");
    let notified = |chrome: &mut Chrome| {
        chrome.machine.notify("The same.".to_owned());
        chrome.machine.state()
    };
    let first = notified(&mut chrome);
    assert_ne!(notified(&mut chrome), first);
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
            event(page(name, dialog(DialogKind::BeforeUnload))),
            command(answer(false)),
            event(page(name, PageEvent::DialogClosed)),
            event(page(
                name,
                report(PageReport::Icon(Some("https://x/i".to_owned())))
            )),
            event(page(name, report(PageReport::Fullscreen(true)))),
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

/// `None` for what has no reply.
fn reply_to(query: &Query, positive: bool) -> Option<Reply> {
    Some(match query.clone() {
        Query::NavigationHistory { tab, .. } => Reply::NavigationHistory {
            tab,
            entries: vec![1, 2],
            current: usize::from(positive),
        },
        Query::TargetInfos => Reply::TargetInfos(Vec::new()),
        Query::ActiveTab(tabs) => Reply::ActiveTab {
            focused: tabs.into_iter().map(|(tab, _)| tab).next(),
            visible: None,
        },
        Query::Responsiveness { tab, .. } => Reply::Responsiveness {
            tab,
            responsive: positive,
        },
        Query::PrepareNavigation { tab, .. } => Reply::ReadyToNavigate(tab),
        Query::WindowSize { tab, .. } => Reply::WindowReady(tab),
        Query::Icon { tab, url, .. } => Reply::Icon {
            tab,
            url,
            png: positive.then(|| vec![1]),
        },
        Query::FileInput { .. }
        | Query::InstallScript { .. }
        | Query::ExitFullscreen { .. }
        | Query::Release { .. } => return None,
    })
}

fn queries_of(actions: Vec<Action>) -> Vec<Query> {
    let query = |action| match action {
        Action::Ask(query) => Some(query),
        _ => None,
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
                Step::Reply { positive } => match reply_to(&queries.remove(0), positive) {
                    Some(reply) => chrome.on(Event::Reply(reply)),
                    None => continue,
                },
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
                    _ => {}
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
                if let Some(reply) = reply_to(&query, true) {
                    queries.extend(queries_of(chrome.on(Event::Reply(reply))));
                }
            }
            if chrome.machine.deadline().is_some() {
                queries.extend(queries_of(chrome.wait()));
            }
        }
        prop_assert_eq!(chrome.machine.deadline(), None);
    }
}

#[test]
fn a_frame_of_another_site_is_heard_like_the_page() {
    let mut chrome = Chrome::with_page("a");
    let attached = |session: &str, parent: &str| {
        Event::Cdp(cdp::Event::FrameAttached {
            parent: parent.to_owned(),
            session: session.to_owned(),
            frame: format!("frame of {session}"),
        })
    };
    let prepare = PageCommand::PrepareFrame { uploads: true };
    let script = |session: &str, frame: &str| {
        Action::Ask(Query::InstallScript {
            session: session.to_owned(),
            frame: frame.to_owned(),
            watches_text_fields: false,
        })
    };
    let prepared = |session: &str| Action::Send(Command::Page(session.to_owned(), prepare.clone()));
    assert_eq!(
        chrome.on(attached("inner", &session("a"))),
        [prepared("inner"), script("inner", "frame of inner")]
    );
    assert_eq!(
        chrome.on(attached("innermost", "inner")),
        [
            prepared("innermost"),
            script("innermost", "frame of innermost")
        ]
    );
    let (parent, worker) = (session("a"), "worker".to_owned());
    let started = cdp::Event::OtherAttached {
        parent: parent.clone(),
        session: worker.clone(),
    };
    let release = Query::Release {
        parent,
        session: worker,
    };
    assert_eq!(chrome.on(Event::Cdp(started)), [Action::Ask(release)]);
    // Chrome holds it back until it is prepared.
    assert_eq!(chrome.on(attached("lost", "nobody")), [prepared("lost")]);
    let in_frame = |session: &str, event| Event::Cdp(cdp::Event::Page(session.to_owned(), event));
    // The same context in two processes is two documents.
    chrome.on(in_frame("inner", report(PageReport::Audible(true))));
    chrome.on(in_frame("innermost", report(PageReport::Audible(true))));
    chrome.on(in_frame("innermost", report(PageReport::Audible(false))));
    assert!(chrome.machine.state().tabs[0].audible);
    chrome.on(Event::Cdp(cdp::Event::Detached("inner".to_owned())));
    assert_eq!(
        chrome.on(in_frame("inner", report(PageReport::Find(true)))),
        []
    );
    assert_eq!(chrome.machine.state().ui_request, None);
}

#[test]
fn a_page_that_asks_for_files_gets_them_until_it_is_left() {
    let mut chrome = Chrome::with_page("a");
    let opened = PageEvent::FileChooserOpened {
        input: 7,
        multiple: true,
    };
    let asked = chrome.on(page("a", opened));
    assert!(matches!(
        &asked[..],
        [Action::Ask(Query::FileInput { input: 7, .. })]
    ));
    chrome.on(Event::Reply(Reply::FileInput {
        tab: id("a"),
        session: session("a"),
        input: 7,
        multiple: true,
        directory: false,
        accept: ".txt".to_owned(),
    }));
    let state = chrome.machine.state();
    let chooser = state.file_chooser.expect("it is open").number;
    assert!(matches!(
        state.ui_request,
        Some((_, UiRequest::ChooseFiles(asks))) if asks.number == chooser && asks.accept == ".txt"
    ));
    let files = || vec!["/files/a".into()];
    let set = |chooser| BrowserCommand::SetFiles {
        chooser,
        files: files(),
    };
    assert_eq!(chrome.command(set(chooser + 1)), []);
    let given = PageCommand::SetFileInputFiles {
        input: 7,
        files: files(),
    };
    assert_eq!(chrome.command(set(chooser)), [to_page("a", given)]);
    assert_eq!(chrome.command(set(chooser)), [], "once");
    let left = chrome.on(page("a", PageEvent::Navigated));
    assert!(left.contains(&Action::ForgetUploads(chooser)));
}

#[test]
fn a_download_that_fills_the_disk_is_broken_off() {
    let mut chrome = Chrome::with_page("a");
    let download = "0123456789abcdef0123456789abcdef";
    let begins = cdp::Event::DownloadWillBegin {
        id: download.parse().unwrap(),
        frame: "a".to_owned(),
        filename: "a.iso".to_owned(),
    };
    chrome.command(BrowserCommand::Navigate(url("a.iso")));
    chrome.on(Event::Reply(Reply::ReadyToNavigate(id("a"))));
    assert_eq!(chrome.on(Event::Cdp(begins)), []);
    assert!(!chrome.machine.is_leaving(), "the page stays");
    assert!(!chrome.machine.state().tabs[0].loading);
    chrome.on(Event::FreeSpace(0));
    let progress = cdp::Event::DownloadProgress {
        id: download.parse().unwrap(),
        received: 1,
        total: Some(100),
        state: cdp::DownloadProgress::InProgress,
    };
    let cancel = Action::Send(Command::CancelDownload(download.parse().unwrap()));
    assert_eq!(chrome.on(Event::Cdp(progress)), [cancel]);
    assert!(matches!(
        chrome.machine.state().downloads[0].state,
        DownloadState::Failed { .. }
    ));
}

#[test]
fn a_page_opens_one_link_for_another_program_at_a_time_and_a_person_as_many_as_they_click() {
    let mut chrome = Chrome::with_page("a");
    let link = |name: &str| page("a", PageEvent::ExternalLink(format!("mailto:{name}")));
    let shown = |chrome: &Chrome| match chrome.machine.state().ui_request {
        Some((_, UiRequest::ExternalLink(url))) => url,
        other => panic!("{other:?}"),
    };
    chrome.on(link("first"));
    chrome.on(link("second"));
    assert_eq!(shown(&chrome), "mailto:first");
    let clicked = |url: &str| page("a", report(PageReport::Link(url.to_owned())));
    chrome.on(clicked("tel:1"));
    assert_eq!(shown(&chrome), "tel:1");
    chrome.on(clicked("javascript:alert(1)"));
    assert_eq!(shown(&chrome), "tel:1");
    chrome.now += BETWEEN_LINKS;
    chrome.on(link("third"));
    assert_eq!(shown(&chrome), "mailto:third");
}

#[test]
fn what_is_dropped_on_a_page_is_kept_until_it_is_left_and_not_at_all_if_it_is_refused() {
    let mut chrome = Chrome::with_page("a");
    let forget = |drop| Action::ForgetUploads(drop);
    chrome.on(Event::FilesGiven(id("a"), 1));
    chrome.on(Event::FilesGiven(id("a"), 2));
    assert_eq!(chrome.on(Event::FilesRefused(2)), [forget(2)]);
    let left = chrome.on(page("a", PageEvent::Navigated));
    assert!(
        left.contains(&forget(1)) && !left.contains(&forget(2)),
        "{left:?}"
    );
}

#[test]
fn pages_narrower_than_their_windows_are_told_their_size_and_so_is_each_that_comes() {
    let mut chrome = Chrome::with_page("a");
    let phone = LogicalSize::new(412, 800).ok();
    let told = |name: &str, size| to_page(name, PageCommand::EmulateSize(size));
    let actions = chrome.command(BrowserCommand::EmulateSize(phone));
    assert_eq!(actions, [told("a", phone)]);
    assert!(chrome.on(attached("b")).contains(&told("b", phone)));
    assert_eq!(chrome.command(BrowserCommand::EmulateSize(phone)), []);
    let actions = chrome.command(BrowserCommand::EmulateSize(None));
    assert_eq!(actions, [told("a", None), told("b", None)]);
    let is_told = |action: &Action| *action == told("c", None);
    assert!(!chrome.on(attached("c")).iter().any(is_told));
}
