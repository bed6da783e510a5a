use std::collections::BTreeSet;

use proptest::prelude::*;
use shared::clipboard::{ClipboardLimits, ClipboardPolicy};
use shared::geometry::{AimedPoint, Geometry, LogicalSize, PointInPage, Scale, VideoSize};
use shared::input::{Key, Modifiers, PointerButton};
use shared::session::{ContextMenu, Cursor, Tab, TabId};

use super::*;
use crate::browser::address::allowed;
use crate::browser::{DropPlace, Icon};
use crate::transport::TransportKind;
use shared::file::DownloadState;

const SECOND: Duration = Duration::from_secs(1);
const LOST: Duration = Duration::from_secs(60);
const CLOSED: Duration = Duration::from_secs(20);

/// How far an engine is that was not told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Live {
    Starting,
    Running,
}

/// A machine, and a world around it that checks each action as it comes.
struct World {
    machine: Machine,
    now: Instant,
    actions: Vec<Action>,
    next_token: u64,
    /// Of the page's last size.
    epoch: u16,
    /// Requests without an answer.
    asked: BTreeSet<ReplyToken>,
    next_viewer: usize,
    viewers: BTreeSet<ViewerId>,
    engine: Option<(EngineId, Live)>,
    started: BTreeSet<EngineId>,
    ending: BTreeSet<EngineId>,
    version: u64,
    keys_down: BTreeSet<u32>,
    buttons_down: BTreeSet<PointerButton>,
}

impl World {
    fn new(opened_by: Actor) -> World {
        let now = Instant::now();
        let settings = Settings {
            id: "session".parse().unwrap(),
            size: SizePolicy::Follow { pixels: 2_400_000 },
            ice_servers: Vec::new(),
            search_url: "https://search.example/?q={}".to_owned(),
            idle_limits: IdleLimits {
                lost: LOST,
                closed: CLOSED,
            },
            clipboard: ClipboardPolicy {
                into_page: true,
                out_of_page: true,
                limits: ClipboardLimits {
                    text: 1000,
                    png: 1000,
                },
            },
            epoch: now,
        };
        let mut actions = Vec::new();
        let url = allowed("https://start.example", &settings.search_url).unwrap();
        let machine = Machine::new(settings, url, &opened_by, &mut actions, now);
        let mut world = World {
            version: machine.state().version,
            machine,
            now,
            actions,
            epoch: 0,
            next_token: 0,
            asked: BTreeSet::new(),
            next_viewer: 0,
            viewers: BTreeSet::new(),
            engine: None,
            started: BTreeSet::new(),
            ending: BTreeSet::new(),
            keys_down: BTreeSet::new(),
            buttons_down: BTreeSet::new(),
        };
        world.perform();
        world
    }

    /// With a Chrome that takes commands.
    fn running() -> World {
        let mut world = World::new(Actor::Page);
        world.engine_starts();
        world
    }

    /// Gives what the machine wanted done.
    fn feed(&mut self, event: Event) -> Vec<Action> {
        self.machine.on(event, &mut self.actions, self.now);
        self.perform()
    }

    fn perform(&mut self) -> Vec<Action> {
        let actions = std::mem::take(&mut self.actions);
        for action in &actions {
            self.check(action);
        }
        assert!(self.asked.is_empty(), "not answered: {:?}", self.asked);
        let newest = self.machine.state().version;
        assert_eq!(self.version, newest, "a change that was not published");
        if self.viewers.is_empty() {
            assert!(self.keys_down.is_empty(), "stuck: {:?}", self.keys_down);
            assert!(self.buttons_down.is_empty(), "{:?}", self.buttons_down);
        }
        actions
    }

    fn check(&mut self, action: &Action) {
        let known = |viewer: &ViewerId| {
            assert!(self.viewers.contains(viewer), "{viewer} is forgotten");
        };
        let running = || {
            let live = self.engine.map(|(_, live)| live);
            assert_eq!(live, Some(Live::Running), "{action:?} needs an engine");
        };
        match action {
            Action::StartEngine {
                engine, opening, ..
            } => {
                assert_eq!(self.engine, None, "two engines");
                assert!(self.started.insert(*engine), "started twice");
                assert!(opening.active < opening.urls.len());
                self.engine = Some((*engine, Live::Starting));
            }
            Action::EndEngine(engine) => {
                let ended = self.engine.take().map(|(live, _)| live);
                assert_eq!(ended, Some(*engine), "ended twice, or never started");
                self.ending.insert(*engine);
                self.keys_down.clear();
                self.buttons_down.clear();
            }
            Action::Seat { events, .. } => {
                running();
                events.iter().for_each(|event| self.seat(event));
            }
            Action::Hint(_) | Action::AnswerNotification { .. } | Action::ForgetUploads { .. } => {
                running();
            }
            Action::DelayDrawing { viewer, .. } | Action::SetPacesetter(viewer) => {
                running();
                known(viewer);
            }
            Action::Command { reply, .. }
            | Action::Ask { reply, .. }
            | Action::OpenDownload { reply, .. }
            | Action::BeginUpload { reply, .. }
            | Action::ChooseFiles { reply, .. }
            | Action::ExpectFiles { reply, .. }
            | Action::GiveFiles { reply, .. }
            | Action::Thumbnail { reply } => {
                running();
                assert!(self.asked.remove(reply), "answered twice: {action:?}");
            }
            Action::Publish(state) => {
                assert!(state.version > self.version, "a version that was there");
                self.version = state.version;
            }
            Action::Send { to, .. } => known(to),
            Action::Broadcast { to, .. } | Action::SendStatistics { to } => {
                to.iter().for_each(known)
            }
            Action::SkipToLive(viewer) => known(viewer),
            Action::Disconnect(viewer) => assert!(self.viewers.remove(viewer), "forgotten twice"),
            Action::Resize(geometry) => {
                running();
                assert!(geometry.epoch >= self.epoch, "an epoch that was there");
                self.epoch = geometry.epoch;
            }
            Action::RecordLatency(_) => {}
            Action::Connect { viewer, reply, .. } | Action::Attach { viewer, reply } => {
                known(viewer);
                assert!(self.asked.remove(reply), "answered twice: {action:?}");
            }
            Action::Reply { reply, .. } => {
                assert!(self.asked.remove(reply), "answered twice: {action:?}");
            }
        }
    }

    fn seat(&mut self, event: &SeatEvent) {
        match event {
            SeatEvent::Press { evdev, .. }
            | SeatEvent::Key {
                evdev,
                pressed: true,
            } => drop(self.keys_down.insert(*evdev)),
            SeatEvent::Key {
                evdev,
                pressed: false,
            } => drop(self.keys_down.remove(evdev)),
            SeatEvent::PointerButton {
                button,
                pressed: true,
                ..
            } => {
                self.buttons_down.insert(*button);
            }
            SeatEvent::PointerButton {
                button,
                pressed: false,
                ..
            } => {
                self.buttons_down.remove(button);
            }
            _ => {}
        }
    }

    fn request(&mut self, request: Request) -> Vec<Action> {
        let reply = ReplyToken(self.next_token);
        self.next_token += 1;
        self.asked.insert(reply);
        self.feed(Event::Request { reply, request })
    }

    /// What a request was answered.
    fn ask(&mut self, request: Request) -> Result<Response, ApiError> {
        let actions = self.request(request);
        let mut responses = actions.into_iter().filter_map(|action| match action {
            Action::Reply { response, .. } => Some(response),
            _ => None,
        });
        responses.next().expect("answered by the machine itself")
    }

    fn join(&mut self, by: Actor) -> ViewerId {
        let viewer = viewer(self.next_viewer);
        self.next_viewer += 1;
        if matches!(self.machine.state().phase, Phase::Ended { .. }) {
            assert!(
                self.ask(Request::Join {
                    by,
                    viewer: viewer.clone(),
                    viewport: None,
                })
                .is_err()
            );
            return viewer;
        }
        self.viewers.insert(viewer.clone());
        let response = self.ask(Request::Join {
            by,
            viewer: viewer.clone(),
            viewport: None,
        });
        let Ok(Response::Joined(joined)) = response else {
            panic!("not joined: {response:?}");
        };
        assert_eq!(joined.viewer, viewer);
        assert_eq!(joined.state, *self.machine.state());
        viewer
    }

    /// Joins, and has a peer whose channel is open.
    fn watch(&mut self, by: Actor) -> ViewerId {
        let viewer = self.join(by);
        self.peer(&viewer, connected());
        self.peer(&viewer, PeerEvent::ChannelOpen);
        viewer
    }

    fn peer(&mut self, viewer: &ViewerId, event: PeerEvent) -> Vec<Action> {
        self.feed(Event::Peer {
            viewer: viewer.clone(),
            event,
        })
    }

    fn message(&mut self, viewer: &ViewerId, message: ClientMessage) -> Vec<Action> {
        let stamped = Stamped {
            input: None,
            sent_micros: None,
            message,
        };
        let bytes = wire::encode_client(&stamped).into();
        self.peer(viewer, PeerEvent::Message { bytes })
    }

    /// Time passes; the machine is woken whenever it wanted to be.
    fn wait(&mut self, time: Duration) -> Vec<Action> {
        let until = self.now + time;
        let mut actions = Vec::new();
        while let Some((at, reason)) = self.machine.deadline()
            && at <= until
        {
            self.now = self.now.max(at);
            actions.extend(self.feed(Event::Time));
            let next = self.machine.deadline();
            assert!(
                next.is_none_or(|(next, _)| next > self.now),
                "{reason:?} is followed by {next:?}, which is over"
            );
        }
        self.now = until;
        actions
    }

    fn engine_starts(&mut self) {
        let Some((engine, live)) = &mut self.engine else {
            return;
        };
        *live = Live::Running;
        let engine = *engine;
        self.feed(Event::EngineStarted(engine));
    }

    fn engine_fails(&mut self) {
        let Some((engine, Live::Starting)) = self.engine else {
            return;
        };
        self.engine = None;
        self.feed(Event::EngineFailed(engine, "No Chrome.".to_owned()));
    }

    fn engines_end(&mut self) {
        for engine in std::mem::take(&mut self.ending) {
            self.feed(Event::EngineEnded(engine));
        }
    }

    fn phase(&self) -> &Phase {
        &self.machine.state().phase
    }
}

fn viewer(number: usize) -> ViewerId {
    format!("viewer{number}").parse().unwrap()
}

fn connected() -> PeerEvent {
    PeerEvent::Connected {
        transport: TransportKind::Udp,
    }
}

fn disconnected() -> PeerEvent {
    PeerEvent::Disconnected {
        reason: "gone".to_owned(),
    }
}

fn tab(number: u32) -> Tab {
    Tab {
        url: format!("https://tab{number}.example/"),
        ..Tab::new(format!("T{number}").parse().unwrap())
    }
}

fn tabs(count: u32) -> BrowserState {
    BrowserState {
        tabs: (0..count).map(tab).collect(),
        active: (count > 0).then(|| tab(0).id),
        ..BrowserState::default()
    }
}

fn chrome_is(state: BrowserState) -> Event {
    Event::Browser(Box::new(state))
}

fn crash() -> BrowserState {
    BrowserState {
        exit: Some(BrowserExit::Crashed("Chrome crashed.".to_owned())),
        ..BrowserState::default()
    }
}

fn drawn() -> DisplayState {
    DisplayState {
        drawn: true,
        ..DisplayState::new(Geometry::unscaled(VideoSize::default()))
    }
}

fn key(code: &str, pressed: bool) -> ClientMessage {
    ClientMessage::Key(Key {
        code: code.to_owned(),
        key: code.trim_start_matches("Key").to_lowercase(),
        pressed,
        repeat: false,
        modifiers: Modifiers::default(),
    })
}

fn button(pressed: bool) -> ClientMessage {
    ClientMessage::PointerButton {
        at: AimedPoint {
            x: 5.0,
            y: 5.0,
            epoch: None,
        },
        button: PointerButton::Left,
        pressed,
    }
}

fn navigate(url: &str) -> Control {
    Control::Navigate {
        url: url.to_owned(),
    }
}

fn script() -> Actor {
    Actor::Script("token".into())
}

/// What Chrome is started with, each time.
fn openings(actions: &[Action]) -> Vec<Vec<String>> {
    let urls = |action: &Action| match action {
        Action::StartEngine { opening, .. } => Some(
            opening
                .urls
                .iter()
                .map(|url| url.as_str().to_owned())
                .collect(),
        ),
        _ => None,
    };
    actions.iter().filter_map(urls).collect()
}

// What ends a session.

#[test]
fn whoever_ends_a_session_is_answered_and_its_engine_is_ended() {
    let mut world = World::running();
    let watching = world.watch(Actor::Page);
    let actor = Actor::Viewer(watching.clone());
    let actions = world.request(Request::End { actor });
    assert!(matches!(
        actions[0],
        Action::Reply {
            response: Ok(Response::Done),
            ..
        }
    ));
    assert!(actions.contains(&Action::Disconnect(watching.clone())));
    let tells_the_viewer = |action: &Action| match action {
        Action::Broadcast {
            to,
            message: ServerMessage::State(state),
        } => *to == [watching.clone()] && matches!(state.phase, Phase::Ended { .. }),
        _ => false,
    };
    assert!(actions.iter().any(tells_the_viewer));
    assert!(!world.machine.is_over(), "Chrome is still there");
    world.engines_end();
    assert!(world.machine.is_over());
}

#[test]
fn what_comes_after_the_end_is_answered_too() {
    let mut world = World::running();
    world.request(Request::End { actor: Actor::Page });
    let late = Request::Control {
        actor: Actor::Page,
        control: Control::Back,
    };
    assert!(matches!(world.ask(late), Err(ApiError::NotFound(_))));
    let twice = Request::End { actor: script() };
    assert_eq!(
        world.ask(twice),
        Ok(Response::Done),
        "that is what was wanted"
    );
}

#[test]
fn a_session_without_handles_ends() {
    let mut world = World::new(Actor::Page);
    world.feed(Event::HandlesDropped);
    world.engines_end();
    assert!(world.machine.is_over());
}

#[test]
fn a_closed_page_ends_its_session_sooner_than_a_lost_one() {
    let ends_after = |departs: fn(&mut World, ViewerId)| {
        let mut world = World::running();
        let watching = world.watch(Actor::Page);
        departs(&mut world, watching);
        let left_at = world.now;
        while !matches!(world.phase(), Phase::Ended { .. }) {
            world.wait(SECOND);
        }
        world.now - left_at
    };
    let closed = ends_after(|world, viewer| drop(world.request(Request::Leave { viewer })));
    assert_eq!(closed, CLOSED);
    let lost = ends_after(|world, viewer| drop(world.peer(&viewer, disconnected())));
    assert!(lost > LOST, "{lost:?}");
}

#[test]
fn a_reloaded_page_finds_its_session() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    world.request(Request::Leave { viewer });
    world.wait(CLOSED - SECOND);
    world.watch(Actor::Page);
    world.wait(10 * LOST);
    assert_eq!(*world.phase(), Phase::Starting, "and not ended");
}

#[test]
fn a_session_that_a_script_named_is_kept_after_its_page_is_closed() {
    let names: [fn(&mut World); 2] = [
        |world| {
            let viewer = world.join(script());
            world.request(Request::Leave { viewer });
        },
        |world| {
            world.request(Request::Control {
                actor: script(),
                control: Control::Reload,
            });
        },
    ];
    for name in names {
        let mut world = World::running();
        name(&mut world);
        let viewer = world.watch(Actor::Page);
        world.request(Request::Leave { viewer });
        world.wait(LOST - SECOND);
        assert_eq!(*world.phase(), Phase::Starting, "not ended yet");
        world.wait(SECOND);
        assert!(matches!(world.phase(), Phase::Ended { .. }));
    }
    let mut opened = World::new(script());
    let viewer = opened.watch(Actor::Page);
    opened.request(Request::Leave { viewer });
    opened.wait(LOST - SECOND);
    assert_eq!(*opened.phase(), Phase::Starting, "not ended yet");
}

// Who may act.

#[test]
fn an_actor_who_is_no_viewer_controls_nothing() {
    let mut world = World::running();
    let actor = Actor::Viewer(viewer(99));
    let control = Control::Reload;
    let refused = world.ask(Request::Control {
        actor: actor.clone(),
        control,
    });
    assert!(matches!(refused, Err(ApiError::NotFound(_))));
    assert!(matches!(
        world.ask(Request::End { actor }),
        Err(ApiError::NotFound(_))
    ));
    assert_eq!(*world.phase(), Phase::Starting, "not ended");
}

#[test]
fn pages_scripts_and_viewers_control_chrome() {
    let mut world = World::running();
    let watching = Actor::Viewer(world.watch(Actor::Page));
    for actor in [watching, Actor::Page, script()] {
        let actions = world.request(Request::Control {
            actor,
            control: Control::Reload,
        });
        assert!(matches!(
            actions[..],
            [Action::Command {
                command: BrowserCommand::Reload,
                ..
            }]
        ));
    }
}

#[test]
fn who_acts_sets_the_pace_and_who_only_moves_does_not() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    let moved = ClientMessage::PointerMove {
        sequence: 1,
        at: AimedPoint {
            x: 1.0,
            y: 1.0,
            epoch: None,
        },
    };
    assert!(matches!(
        world.message(&viewer, moved)[..],
        [Action::Seat { .. }]
    ));
    let actions = world.message(&viewer, button(true));
    assert!(actions.contains(&Action::SetPacesetter(viewer)));
    assert!(actions.contains(&Action::Hint(BrowserCommand::CheckResponsiveness)));
}

#[test]
fn a_menu_is_for_who_acted_last_and_comes_once() {
    let mut world = World::running();
    let first = world.watch(Actor::Page);
    let second = world.watch(Actor::Page);
    let request = |number| {
        chrome_is(BrowserState {
            ui_request: Some((number, UiRequest::ContextMenu(ContextMenu::default()))),
            ..tabs(1)
        })
    };
    let told = |actions: &[Action]| -> Vec<ViewerId> {
        let menus = actions.iter().filter_map(|action| match action {
            Action::Send {
                to,
                message: ServerMessage::ContextMenu(_),
            } => Some(to.clone()),
            _ => None,
        });
        menus.collect()
    };
    assert_eq!(told(&world.feed(request(1))), [], "nobody has acted");
    world.message(&first, button(true));
    world.message(&second, button(true));
    let menus = told(&world.feed(request(2)));
    assert_eq!(menus, std::slice::from_ref(&second));
    assert_eq!(told(&world.feed(request(2))), []);
    world.request(Request::Leave { viewer: second });
    assert_eq!(told(&world.feed(request(3))), []);
}

#[test]
fn an_icon_comes_before_the_tab_that_names_it() {
    let mut world = World::running();
    world.watch(Actor::Page);
    let icon = Icon {
        id: "i".to_owned(),
        png: vec![1].into(),
    };
    let mut browser = tabs(1);
    browser.tabs[0].icon = Some(icon.id.clone());
    browser.icons = vec![icon];
    let actions = world.feed(chrome_is(browser));
    let place = |wanted: fn(&ServerMessage) -> bool| {
        let is = |action: &Action| matches!(action, Action::Broadcast { message, .. } if wanted(message));
        actions.iter().position(is).unwrap()
    };
    let icon = place(|message| matches!(message, ServerMessage::Icon { .. }));
    assert!(icon < place(|message| matches!(message, ServerMessage::State(_))));
}

#[test]
fn losing_a_viewer_releases_what_it_held() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    world.message(&viewer, key("KeyA", true));
    world.message(&viewer, button(true));
    assert_eq!((world.keys_down.len(), world.buttons_down.len()), (1, 1));
    world.peer(&viewer, disconnected());
    assert_eq!((world.keys_down.len(), world.buttons_down.len()), (0, 0));
}

#[test]
fn a_pong_counts_what_was_accepted() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    world.message(&viewer, key("KeyA", true));
    world.message(&viewer, key("KeyA", false));
    let answers = world.message(&viewer, ClientMessage::Ping { number: 7 });
    let [
        Action::Send {
            message:
                ServerMessage::Pong {
                    number: 7,
                    accepted: 1,
                    ..
                },
            ..
        },
    ] = &answers[..]
    else {
        panic!("{answers:?}");
    };
}

#[test]
fn an_input_that_was_on_its_way_too_long_is_dropped() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    world.wait(10 * SECOND);
    let mut late = |message| {
        let stamped = Stamped {
            input: None,
            sent_micros: Some(7_000_000),
            message,
        };
        let bytes = wire::encode_client(&stamped).into();
        world.peer(&viewer, PeerEvent::Message { bytes })
    };
    assert_eq!(late(key("KeyA", true)), []);
    let let_go = late(key("KeyA", false));
    assert!(!let_go.is_empty(), "letting go is never too late");
}

#[test]
fn the_viewer_who_is_gone_longest_makes_room() {
    let mut world = World::running();
    let first = world.join(Actor::Page);
    for _ in 1..50 {
        world.wait(Duration::from_millis(1));
        world.join(Actor::Page);
    }
    assert!(world.viewers.contains(&first));
    world.join(Actor::Page);
    assert!(!world.viewers.contains(&first));
    assert_eq!(world.machine.state().viewers, 50);
}

// Chrome's life.

#[test]
fn a_crashed_chrome_is_started_again_with_its_tabs_three_times_a_minute() {
    let mut world = World::running();
    for _ in 0..3 {
        world.feed(chrome_is(tabs(2)));
        world.feed(Event::Display(drawn()));
        assert_eq!(*world.phase(), Phase::Running);
        let actions = world.feed(chrome_is(crash()));
        assert_eq!(
            openings(&actions),
            [["https://tab0.example/", "https://tab1.example/"]]
        );
        assert!(world.machine.state().notice.is_some());
        world.engine_starts();
    }
    world.feed(chrome_is(tabs(2)));
    world.feed(chrome_is(crash()));
    assert!(matches!(world.phase(), Phase::Stopped { .. }));
    let control = Control::Restart;
    let actor = Actor::Page;
    assert_eq!(
        world.ask(Request::Control { actor, control }),
        Ok(Response::Done)
    );
    assert_eq!(*world.phase(), Phase::Starting);
}

#[test]
fn an_address_typed_while_chrome_starts_is_what_it_starts_with() {
    let mut world = World::new(Actor::Page);
    let control = navigate("other.example");
    let actions = world.request(Request::Control {
        actor: Actor::Page,
        control,
    });
    assert_eq!(openings(&actions), [["https://other.example/"]]);
    assert_eq!(world.ending.len(), 1, "the first one is ended");
}

#[test]
fn an_address_typed_while_chrome_closes_starts_it_again() {
    let mut world = World::running();
    world.feed(chrome_is(tabs(1)));
    world.feed(chrome_is(tabs(0)));
    let control = navigate("other.example");
    let kept = world.ask(Request::Control {
        actor: Actor::Page,
        control,
    });
    assert_eq!(kept, Ok(Response::Done));
    let closed = BrowserState {
        exit: Some(BrowserExit::Closed("The last tab was closed.".to_owned())),
        ..BrowserState::default()
    };
    let actions = world.feed(chrome_is(closed));
    assert_eq!(openings(&actions), [["https://other.example/"]]);
}

#[test]
fn a_chrome_that_cannot_be_started_says_why() {
    let mut world = World::new(Actor::Page);
    world.engine_fails();
    let reason = "No Chrome.".to_owned();
    assert_eq!(*world.phase(), Phase::Stopped { reason });
    let control = Control::Back;
    let refused = world.ask(Request::Control {
        actor: Actor::Page,
        control,
    });
    assert!(matches!(refused, Err(ApiError::Conflict(_))));
}

#[test]
fn another_cursor_is_told_without_the_rest_of_the_state() {
    let mut world = World::running();
    let watching = world.watch(Actor::Page);
    world.feed(Event::Display(drawn()));
    let hand = Cursor::Named("pointer".to_owned());
    let display = DisplayState {
        cursor: hand.clone(),
        ..drawn()
    };
    let actions = world.feed(Event::Display(display));
    let message = ServerMessage::Cursor(hand);
    assert!(
        matches!(&actions[..], [Action::Publish(_), Action::Broadcast { to, message: told }]
        if *to == [watching] && *told == message)
    );
}

#[test]
fn a_page_that_locks_the_pointer_is_told_to_who_watches_and_to_who_comes_later() {
    let mut world = World::running();
    let watching = world.watch(Actor::Page);
    world.feed(Event::Display(drawn()));
    let display = DisplayState {
        pointer_locked: true,
        ..drawn()
    };
    let told = ServerMessage::PointerLock { locked: true };
    let actions = world.feed(Event::Display(display));
    assert!(
        matches!(&actions[..], [Action::Broadcast { to, message }] if *to == [watching] && *message == told),
        "{actions:?}"
    );
    let later = world.join(Actor::Page);
    world.peer(&later, connected());
    let actions = world.peer(&later, PeerEvent::ChannelOpen);
    let is_told =
        |action: &Action| matches!(action, Action::Send { message, .. } if *message == told);
    assert!(actions.iter().any(is_told), "{actions:?}");
}

#[test]
fn statistics_are_sent_once_a_second_while_messages_reach_somebody() {
    let mut world = World::running();
    let sent = |actions: Vec<Action>| {
        let is_one = |action: &&Action| matches!(action, Action::SendStatistics { .. });
        actions.iter().filter(is_one).count()
    };
    let viewer = world.join(Actor::Page);
    assert_eq!(sent(world.wait(5 * SECOND)), 0);
    world.peer(&viewer, connected());
    world.peer(&viewer, PeerEvent::ChannelOpen);
    assert_eq!(sent(world.wait(5 * SECOND)), 6, "one at once");
}

// Any order of events.

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Join(Actor),
    Offer(usize),
    Attach(usize),
    Present(usize),
    Leave(usize),
    Input(usize, Vec<ClientMessage>),
    Control(Option<usize>, Control),
    End(Option<usize>),
    HandlesDropped,
    Connected(usize),
    ChannelOpen(usize),
    Message(usize, ClientMessage),
    Garbage(usize, Vec<u8>),
    Disconnected(usize),
    EngineStarts,
    EngineFails,
    /// Of an engine that never was, or is not the one.
    OtherEngine(u64),
    EnginesEnd,
    Browser(Box<BrowserState>),
    Display(DisplayState),
    NotificationGone(u32),
}

fn viewport(width: u16) -> Viewport {
    Viewport {
        page: LogicalSize::new(width, 600).expect("a size"),
        scale: Scale::ONE,
    }
}

#[test]
fn the_page_follows_the_window_of_who_acts() {
    let sizes = |actions: &[Action]| -> Vec<u16> {
        let size = |action: &Action| match action {
            Action::Resize(geometry) => Some(geometry.page.width()),
            _ => None,
        };
        actions.iter().filter_map(size).collect()
    };
    let mut world = World::new(Actor::Page);
    let (ann, bob) = (world.watch(Actor::Page), world.watch(Actor::Page));
    let early = world.message(&ann, ClientMessage::Viewport(viewport(1000)));
    assert!(sizes(&early).is_empty(), "there is no Chrome to tell");
    world.engine_starts();
    assert_eq!(world.epoch, 1, "it is told when it has started");
    assert!(sizes(&world.message(&bob, ClientMessage::Viewport(viewport(500)))).is_empty());
    world.wait(SECOND);
    assert!(sizes(&world.message(&bob, key("KeyA", true))).is_empty());
    assert_eq!(sizes(&world.wait(SECOND / 2)), [500]);
    assert!(sizes(&world.message(&bob, ClientMessage::Viewport(viewport(600)))).is_empty());
    assert_eq!(
        sizes(&world.wait(SECOND)),
        [600],
        "a moment after the one before"
    );
    assert_eq!(world.epoch, 3);
    world.request(Request::Leave { viewer: bob });
    assert_eq!(world.epoch, 4, "as large as the window of who is left");
}

#[test]
fn a_click_at_a_picture_that_nobody_sees_any_more_is_refused_and_its_end_is_not() {
    let mut world = World::new(Actor::Page);
    let viewer = world.watch(Actor::Page);
    world.engine_starts();
    let shown = Geometry {
        epoch: 1,
        ..Geometry::unscaled(VideoSize::FULL_HD)
    };
    world.feed(Event::Display(DisplayState {
        drawn: true,
        ..DisplayState::new(shown)
    }));
    let click = |pressed| ClientMessage::PointerButton {
        at: AimedPoint {
            x: 640.0,
            y: 360.0,
            epoch: Some(0),
        },
        button: PointerButton::Left,
        pressed,
    };
    let seat = |actions: Vec<Action>| {
        actions.into_iter().find_map(|action| match action {
            Action::Seat { events, .. } => Some(events),
            _ => None,
        })
    };
    let middle = shared::geometry::PointInPage::new(960.0, 540.0);
    let pressed = seat(world.message(&viewer, click(true)));
    assert_eq!(
        pressed.as_deref(),
        Some(
            [SeatEvent::PointerButton {
                at: middle,
                button: PointerButton::Left,
                pressed: true
            }]
            .as_slice()
        )
    );
    world.wait(2 * SECOND);
    assert!(
        seat(world.message(&viewer, click(false))).is_some(),
        "it must not stay down"
    );
    let refused = world.message(&viewer, click(true));
    let is_told = |action: &Action| matches!(action, Action::Send { message: ServerMessage::Refused { reason }, .. } if reason.contains("another size"));
    assert!(refused.iter().any(is_told), "{refused:?}");
}

fn any_message() -> impl Strategy<Value = ClientMessage> {
    let code = prop::sample::select(vec!["KeyA", "KeyB", "ShiftLeft"]);
    let point =
        (-10.0f32..2000.0, -10.0f32..2000.0).prop_map(|(x, y)| AimedPoint { x, y, epoch: None });
    prop_oneof![
        4 => (code.clone(), any::<bool>()).prop_map(|(code, pressed)| key(code, pressed)),
        2 => any::<bool>().prop_map(button),
        1 => (any::<u32>(), point.clone())
            .prop_map(|(sequence, at)| ClientMessage::PointerMove { sequence, at }),
        1 => point.prop_map(|at| ClientMessage::Wheel { at, delta_x: 0.0, delta_y: f32::NAN, notched: true }),
        1 => (100u16..3000).prop_map(|width| ClientMessage::Viewport(viewport(width))),
        1 => prop::collection::vec(code, 0..2).prop_map(|codes| ClientMessage::HeldKeys {
            codes: codes.into_iter().map(str::to_owned).collect(),
        }),
        1 => prop::sample::select(vec![
            ClientMessage::ReleaseAll,
            ClientMessage::SkipToLive,
            ClientMessage::Ping { number: 1 },
            ClientMessage::VsyncOffset { micros: 1000 },
            ClientMessage::LatencyReport { measurements: Vec::new() },
            ClientMessage::Text { text: "text".to_owned() },
        ]),
    ]
}

fn any_control() -> impl Strategy<Value = Control> {
    let tab: TabId = tab(0).id;
    prop::sample::select(vec![
        navigate("https://a.example"),
        navigate("file:///etc/passwd"),
        Control::Reload,
        Control::NewTab { url: None },
        Control::CloseTab { tab },
        Control::AnswerDialog {
            silence: false,
            accept: true,
            text: None,
        },
        Control::Authenticate {
            challenge: 1,
            credentials: None,
        },
        Control::AnswerNotification {
            notification: 1,
            follow: true,
        },
        Control::ExitFullscreen,
        Control::Restart,
    ])
}

fn any_browser() -> impl Strategy<Value = BrowserState> {
    let closed = BrowserState {
        exit: Some(BrowserExit::Closed("Closed.".to_owned())),
        ..BrowserState::default()
    };
    let request = |number| BrowserState {
        ui_request: Some((number, UiRequest::Find)),
        ..tabs(1)
    };
    prop_oneof![
        (0u32..3).prop_map(tabs),
        (0u64..3).prop_map(request),
        Just(closed),
        Just(crash())
    ]
}

fn any_display() -> impl Strategy<Value = DisplayState> {
    let cursor = prop::sample::select(vec!["default", "text"]);
    (any::<bool>(), 0u64..3, cursor).prop_map(|(drawn, windows, cursor)| DisplayState {
        drawn,
        windows,
        cursor: Cursor::Named(cursor.to_owned()),
        ..DisplayState::new(Geometry::unscaled(VideoSize::default()))
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    // A few of them never join.
    let who = || 0usize..6;
    let actor = prop::sample::select(vec![Actor::Page, script()]);
    prop_oneof![
        4 => (0u64..30_000).prop_map(Step::Wait),
        4 => actor.prop_map(Step::Join),
        1 => who().prop_map(Step::Offer),
        1 => who().prop_map(Step::Attach),
        1 => who().prop_map(Step::Present),
        2 => who().prop_map(Step::Leave),
        2 => (who(), prop::collection::vec(any_message(), 0..4)).prop_map(|(who, messages)| Step::Input(who, messages)),
        4 => (prop::option::of(who()), any_control()).prop_map(|(who, control)| Step::Control(who, control)),
        1 => prop::option::weighted(0.9, who()).prop_map(Step::End),
        1 => Just(Step::HandlesDropped),
        4 => who().prop_map(Step::Connected),
        4 => who().prop_map(Step::ChannelOpen),
        12 => (who(), any_message()).prop_map(|(who, message)| Step::Message(who, message)),
        1 => (who(), prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(who, bytes)| Step::Garbage(who, bytes)),
        2 => who().prop_map(Step::Disconnected),
        6 => Just(Step::EngineStarts),
        1 => Just(Step::EngineFails),
        1 => (0u64..5).prop_map(Step::OtherEngine),
        2 => Just(Step::EnginesEnd),
        4 => any_browser().prop_map(|state| Step::Browser(Box::new(state))),
        4 => any_display().prop_map(Step::Display),
        1 => any::<u32>().prop_map(Step::NotificationGone),
    ]
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Wait(millis) => drop(self.wait(Duration::from_millis(millis))),
            Step::Join(by) => drop(self.join(by)),
            Step::Offer(who) => {
                let sdp = "v=0".to_owned();
                self.request(Request::Offer {
                    viewer: viewer(who),
                    sdp,
                });
            }
            Step::Attach(who) => drop(self.request(Request::Attach {
                viewer: viewer(who),
            })),
            Step::Present(who) => drop(self.request(Request::Present {
                viewer: viewer(who),
            })),
            Step::Leave(who) => drop(self.request(Request::Leave {
                viewer: viewer(who),
            })),
            Step::Input(who, messages) => {
                self.request(Request::Input {
                    viewer: viewer(who),
                    messages,
                });
            }
            Step::Control(who, control) => {
                let actor = who.map_or_else(script, |who| Actor::Viewer(viewer(who)));
                self.request(Request::Control { actor, control });
            }
            Step::End(who) => {
                let actor = who.map_or_else(script, |who| Actor::Viewer(viewer(who)));
                self.request(Request::End { actor });
            }
            Step::HandlesDropped => drop(self.feed(Event::HandlesDropped)),
            Step::Connected(who) => drop(self.peer(&viewer(who), connected())),
            Step::ChannelOpen(who) => drop(self.peer(&viewer(who), PeerEvent::ChannelOpen)),
            Step::Message(who, message) => drop(self.message(&viewer(who), message)),
            Step::Garbage(who, bytes) => {
                self.peer(
                    &viewer(who),
                    PeerEvent::Message {
                        bytes: bytes.into(),
                    },
                );
            }
            Step::Disconnected(who) => drop(self.peer(&viewer(who), disconnected())),
            Step::EngineStarts => self.engine_starts(),
            Step::EngineFails => self.engine_fails(),
            Step::OtherEngine(number) => {
                let engine = EngineId(number);
                if self.engine.is_none_or(|(live, _)| live != engine) {
                    self.feed(Event::EngineStarted(engine));
                    self.feed(Event::EngineFailed(engine, "No Chrome.".to_owned()));
                }
            }
            Step::EnginesEnd => self.engines_end(),
            Step::Browser(state) => drop(self.feed(Event::Browser(state))),
            Step::NotificationGone(number) => {
                let gone = NotificationEvent::Gone(number);
                drop(self.feed(Event::Notification(gone)));
            }
            Step::Display(state) => drop(self.feed(Event::Display(state))),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// `World` checks each action: nothing is answered twice, everything is answered, one engine at a time, versions
    /// grow, nobody forgotten is spoken of, nothing stays down, and time goes on.
    #[test]
    fn any_order_of_events_ends_what_it_began(steps in prop::collection::vec(any_step(), 0..80)) {
        let mut world = World::new(Actor::Page);
        for step in steps {
            world.take(step);
        }
        world.request(Request::End { actor: Actor::Page });
        world.engines_end();
        prop_assert!(world.machine.is_over());
        prop_assert_eq!(world.engine, None);
        prop_assert!(world.viewers.is_empty(), "left behind: {:?}", world.viewers);
        prop_assert_eq!(world.machine.deadline(), None);
    }

    #[test]
    fn a_session_that_nobody_comes_to_ends_by_itself(steps in prop::collection::vec(any_step(), 0..40)) {
        let mut world = World::new(Actor::Page);
        for step in steps {
            world.take(step);
        }
        for viewer in world.viewers.clone() {
            world.peer(&viewer, disconnected());
        }
        world.wait(10 * LOST);
        world.engines_end();
        prop_assert!(world.machine.is_over());
    }
}

#[test]
fn a_file_is_taken_for_the_page_that_asks_and_for_no_other() {
    let mut world = World::running();
    let begin = |chooser, path: &str| Request::BeginUpload {
        actor: Actor::Page,
        chooser,
        path: path.to_owned(),
        bytes: 3,
    };
    let refused = |response| matches!(response, Err(ApiError::NotFound(_)));
    assert!(refused(world.ask(begin(1, "a"))), "no page asks");
    let asks = |directory| {
        chrome_is(BrowserState {
            file_chooser: Some(FileChooser {
                number: 1,
                directory,
                ..FileChooser::default()
            }),
            ..tabs(1)
        })
    };
    world.feed(asks(false));
    assert!(refused(world.ask(begin(2, "a"))), "it is another that asks");
    let path = |actions: Vec<Action>| match actions.into_iter().next() {
        Some(Action::BeginUpload { path, .. }) => path,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        path(world.request(begin(1, "x/y/a"))),
        "a",
        "no folder is asked for"
    );
    world.feed(asks(true));
    assert_eq!(path(world.request(begin(1, "x/y/a"))), "x/y/a");
    world.feed(asks(false));
    let two = Request::ChooseFiles {
        actor: Actor::Page,
        chooser: 1,
        uploads: vec!["a".parse().unwrap(), "b".parse().unwrap()],
    };
    assert!(matches!(world.ask(two), Err(ApiError::Conflict(_))));
    world.feed(chrome_is(crash()));
    assert!(refused(world.ask(begin(1, "a"))), "it is gone");
}

#[test]
fn who_lets_go_of_everything_does_not_act() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    let acts = Action::SetPacesetter(viewer.clone());
    assert!(world.message(&viewer, button(true)).contains(&acts));
    assert!(
        !world
            .message(&viewer, ClientMessage::ReleaseAll)
            .contains(&acts)
    );
}

#[test]
fn what_is_dropped_need_not_be_asked_for_and_goes_where_it_was_dropped() {
    let mut world = World::running();
    let drop = |x| Request::DropFiles {
        actor: Actor::Page,
        at: Some(AimedPoint {
            x,
            y: 20.0,
            epoch: None,
        }),
        types: Vec::new(),
    };
    let number = match &world.request(drop(10.0))[..] {
        [Action::ExpectFiles { drop, .. }] => *drop,
        other => panic!("{other:?}"),
    };
    let begin = world.request(Request::BeginUpload {
        actor: Actor::Page,
        chooser: number,
        path: "x/y/a".to_owned(),
        bytes: 3,
    });
    assert!(
        matches!(&begin[..], [Action::BeginUpload { path, .. }] if path == "x/y/a"),
        "{begin:?}"
    );
    let choose = || Request::ChooseFiles {
        actor: Actor::Page,
        chooser: number,
        uploads: vec!["a".parse().unwrap(), "b".parse().unwrap()],
    };
    let given = world.request(choose());
    let there = DropPlace::Point(PointInPage::new(10.0, 20.0));
    assert!(
        matches!(&given[..], [Action::GiveFiles { place, .. }] if *place == there),
        "{given:?}"
    );
    assert!(
        matches!(world.ask(choose()), Err(ApiError::NotFound(_))),
        "once"
    );
    assert!(matches!(
        world.ask(drop(f32::NAN)),
        Err(ApiError::Conflict(_))
    ));
    let next = match &world.request(drop(10.0))[..] {
        [Action::ExpectFiles { drop, .. }] => *drop,
        other => panic!("{other:?}"),
    };
    let none = world.request(Request::ChooseFiles {
        actor: Actor::Page,
        chooser: next,
        uploads: Vec::new(),
    });
    assert!(
        none.contains(&Action::ForgetUploads { drop: next }),
        "{none:?}"
    );
    let refused = match &world.request(drop(10.0))[..] {
        [Action::ExpectFiles { drop, .. }] => *drop,
        other => panic!("{other:?}"),
    };
    let forgotten = [Action::ForgetUploads { drop: refused }];
    assert_eq!(world.feed(Event::DropRefused(refused)), forgotten);
    assert_eq!(world.feed(Event::DropRefused(refused)), [], "once");
    let begin = Request::BeginUpload {
        actor: Actor::Page,
        chooser: refused,
        path: "a".to_owned(),
        bytes: 3,
    };
    assert!(matches!(world.ask(begin), Err(ApiError::NotFound(_))));
    world.feed(chrome_is(crash()));
    assert!(
        matches!(world.ask(drop(10.0)), Err(ApiError::Conflict(_))),
        "no page"
    );
}

#[test]
fn a_finished_download_is_handed_to_whoever_acts_and_opened_for_nobody_before() {
    let mut world = World::running();
    let viewer = world.watch(Actor::Page);
    world.message(&viewer, button(true));
    let id: DownloadId = "a".parse().unwrap();
    let list = |state| {
        chrome_is(BrowserState {
            downloads: vec![Download {
                id: "a".parse().unwrap(),
                name: "a.pdf".to_owned(),
                received: 1,
                total: None,
                state,
            }],
            ..tabs(1)
        })
    };
    let open = || Request::OpenDownload {
        actor: Actor::Page,
        download: "a".parse().unwrap(),
    };
    world.feed(list(DownloadState::InProgress));
    assert!(matches!(world.ask(open()), Err(ApiError::Conflict(_))));
    let actions = world.feed(list(DownloadState::Finished));
    assert!(actions.contains(&Action::Send {
        to: viewer,
        message: ServerMessage::Deliver(id),
    }));
    let opened = world.request(open());
    assert!(matches!(opened[..], [Action::OpenDownload { .. }]));
    world.feed(chrome_is(tabs(1)));
    assert!(matches!(world.ask(open()), Err(ApiError::NotFound(_))));
}
