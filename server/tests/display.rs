//! A real Chrome on our display: what it draws arrives as pixels, and what a person does arrives in its page.

mod support;

use farpane::display::SeatEvent;
use shared::{geometry::PointInVideo, session::Cursor};
use support::{GREEN, RED, Screen, WHITE, near};

// linux/input-event-codes.h
const KEY_A: u32 = 30;
const KEY_LEFTSHIFT: u32 = 42;

/// A page whose script calls `paint(colour)`; red until then.
fn page(body: &str, script: &str) -> String {
    format!(
        "<!doctype html><meta charset=utf-8><style>html,body{{margin:0;height:100%}}body{{background:#f00}}</style>
         <body>{body}<script>const paint = colour => document.body.style.background = colour;
         const at = (x, y, w, h) => `position:absolute;left:${{x}}px;top:${{y}}px;width:${{w}}px;height:${{h}}px`;
         {script}</script>"
    )
}

#[test]
fn a_red_page_arrives_red_and_then_nothing_more_is_drawn() {
    let screen = Screen::open(&page("", ""));
    screen.wait("a red page everywhere", |picture| {
        [(2, 2), (640, 360), (1277, 2), (1277, 717), (2, 717)]
            .iter()
            .all(|&(x, y)| near(support::colour(picture, x, y), RED))
    });
    screen.wait_state("the display says it has drawn", |state| state.drawn);
}

#[test]
fn a_click_turns_the_page_green() {
    let screen = Screen::open(&page(
        "",
        "addEventListener('click', e => { if (e.clientX == 300 && e.clientY == 200 && e.isTrusted) paint('#0f0') })",
    ));
    screen.wait_colour("the page", 640, 360, RED);
    screen.click(300.0, 200.0);
    screen.wait_colour("the page after the click", 640, 360, GREEN);
}

#[test]
fn keys_arrive_with_their_modifiers() {
    let screen = Screen::open(&page(
        "",
        "addEventListener('keydown', e => {
           if (e.key == 'A' && e.code == 'KeyA' && e.shiftKey) paint('#fff');
           if (e.key == 'a' && e.code == 'KeyA' && !e.shiftKey) paint('#0f0');
         })",
    ));
    screen.wait_colour("the page", 640, 360, RED);
    screen.key(KEY_LEFTSHIFT, true);
    screen.tap(KEY_A);
    screen.wait_colour("the page after shift+a", 640, 360, WHITE);
    screen.key(KEY_LEFTSHIFT, false);
    screen.tap(KEY_A);
    screen.wait_colour("the page after a", 640, 360, GREEN);
}

#[test]
fn the_cursor_has_the_shape_the_page_asks_for() {
    let screen = Screen::open(&page(
        "<div style='position:absolute;left:0;top:0;width:600px;height:600px;cursor:pointer'></div>
         <div style='position:absolute;left:600px;top:0;width:600px;height:600px;cursor:text'></div>",
        "",
    ));
    screen.wait_colour("the page", 640, 360, RED);
    let named = |name: &str| Cursor::Named(name.to_owned());
    screen.move_to(100.0, 100.0);
    screen.wait_state("a pointer", |state| state.cursor == named("pointer"));
    screen.move_to(700.0, 100.0);
    screen.wait_state("a text cursor", |state| state.cursor == named("text"));
}

#[test]
fn a_wheel_scrolls() {
    let screen = Screen::open(&page(
        "<div style='height:120px'></div><div style='height:5000px;background:#0f0'></div>",
        "",
    ));
    screen.wait_colour("the top of the page", 640, 60, RED);
    screen.send(SeatEvent::Wheel {
        at: PointInVideo::new(640.0, 360.0),
        delta_x: 0.0,
        delta_y: 120.0,
        notched: true,
    });
    screen.wait_colour("what lay below", 640, 2, GREEN);
}
