//! The tab strip.

use leptos::ev::{KeyboardEvent, MouseEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use shared::session::{Tab, TabId};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::input::modifiers;
use crate::viewer::icon::{self, Icon};
use crate::viewer::tab_strip::{self, TabAction, along, round};

/// A press that moves less is a click.
const DRAG_AFTER: i32 = 6;

/// A tab that a pointer took hold of.
#[derive(Clone, Debug, PartialEq)]
struct Drag {
    tab: TabId,
    pressed_at: i32,
    /// Once it moves.
    place: Option<usize>,
    /// Let go: it stays there until the session says so too.
    dropped: bool,
}

/// The session's tabs, and what is done with them.
#[derive(Clone, Copy)]
pub struct Strip {
    view: ViewState,
    tabs: Memo<Vec<Tab>>,
    /// In the session's order.
    order: Memo<Vec<TabId>>,
    active: Memo<Option<TabId>>,
    drag: RwSignal<Option<Drag>>,
    list: NodeRef<html::Div>,
}

impl Strip {
    pub fn new(view: ViewState) -> Strip {
        let tabs = Memo::new(move |_| {
            view.state.with(|state| {
                let tabs = state.as_ref().map(|state| state.tabs.clone());
                tabs.unwrap_or_default()
            })
        });
        Strip {
            view,
            tabs,
            order: Memo::new(move |_| {
                tabs.with(|tabs| tabs.iter().map(|tab| tab.id.clone()).collect())
            }),
            active: Memo::new(move |_| view.state.with(|state| state.as_ref()?.active.clone())),
            drag: RwSignal::new(None),
            list: NodeRef::new(),
        }
    }

    /// A key that concerns the strip wherever the focus is.
    pub fn on_key(&self, event: &KeyboardEvent) {
        if let (Some(action), Some(active)) = (
            tab_strip::anywhere(&event.key(), modifiers(event)),
            self.active.get_untracked(),
        ) {
            event.prevent_default();
            self.perform(action, &active);
        }
    }

    /// Asked of that tab.
    fn perform(&self, action: TabAction, tab: &TabId) {
        let (view, order) = (self.view, self.order.get_untracked());
        let Some(place) = order.iter().position(|known| known == tab) else {
            return;
        };
        let count = order.len();
        match action {
            TabAction::Focus(step) => self.focus(round(place, step, count)),
            TabAction::FocusFirst => self.focus(0),
            TabAction::FocusLast => self.focus(count.saturating_sub(1)),
            TabAction::Move(step) => self.move_to(tab, along(place, step, count)),
            TabAction::Close => self.close(tab.clone()),
            TabAction::Switch(step) => {
                let next = order[round(place, step, count)].clone();
                view.ask(api::activate_tab(view.session(), view.viewer(), next));
            }
        }
    }

    fn close(&self, tab: TabId) {
        let view = self.view;
        view.ask(api::close_tab(view.session(), view.viewer(), tab));
    }

    fn move_to(&self, tab: &TabId, place: usize) {
        let view = self.view;
        let to = u32::try_from(place).unwrap_or(u32::MAX);
        view.ask(api::move_tab(
            view.session(),
            view.viewer(),
            tab.clone(),
            to,
        ));
    }

    fn focus(&self, place: usize) {
        let elements = self.elements();
        let title = elements
            .get(place)
            .and_then(|tab| tab.first_element_child());
        if let Some(title) = title.and_then(|title| title.dyn_into::<HtmlElement>().ok()) {
            crate::input::focus(&title);
            self.reveal(&title);
        }
    }

    /// Each tab's element, in the order that is shown.
    fn elements(&self) -> Vec<Element> {
        let Some(list) = self.list.get_untracked() else {
            return Vec::new();
        };
        let children = list.children();
        let children = (0..children.length()).filter_map(|place| children.item(place));
        children
            .filter(|child| child.class_list().contains("tab"))
            .collect()
    }

    /// Scrolls the strip, and nothing else.
    fn reveal(&self, element: &Element) {
        if let Some(list) = self.list.get_untracked() {
            let (own, around) = (
                element.get_bounding_client_rect(),
                list.get_bounding_client_rect(),
            );
            let beyond = (own.right() - around.right()).max(0.0);
            let by = if own.left() < around.left() {
                own.left() - around.left()
            } else {
                beyond
            };
            list.set_scroll_left(list.scroll_left() + by as i32);
        }
    }

    fn shown_order(&self) -> Vec<TabId> {
        self.order.with(|order| {
            self.drag.with(|drag| match drag {
                Some(Drag {
                    tab,
                    place: Some(place),
                    ..
                }) => tab_strip::with_moved(order, tab, *place),
                _ => order.clone(),
            })
        })
    }

    fn take_hold(&self, tab: TabId, event: &PointerEvent) {
        if event.button() == 0 {
            self.drag.set(Some(Drag {
                tab,
                pressed_at: event.client_x(),
                place: None,
                dropped: false,
            }));
        }
    }

    fn drag(&self, event: &PointerEvent) {
        let Some(mut drag) = self.drag.get_untracked().filter(|drag| !drag.dropped) else {
            return;
        };
        let x = event.client_x();
        if drag.place.is_none() {
            if (x - drag.pressed_at).abs() < DRAG_AFTER {
                return;
            }
            if let Some(list) = self.list.get_untracked() {
                // Fails for a pointer that was lifted meanwhile.
                let _ = list.set_pointer_capture(event.pointer_id());
            }
        }
        let shown = self.shown_order_untracked();
        let others = self.elements().into_iter().zip(shown);
        let middles: Vec<f64> = others
            .filter(|(_, tab)| *tab != drag.tab)
            .map(|(element, _)| {
                let place = element.get_bounding_client_rect();
                place.left() + place.width() / 2.0
            })
            .collect();
        let place = Some(tab_strip::place_at(f64::from(x), &middles));
        if drag.place != place {
            drag.place = place;
            self.drag.set(Some(drag));
        }
    }

    fn shown_order_untracked(&self) -> Vec<TabId> {
        untrack(|| self.shown_order())
    }

    fn let_go(&self) {
        let Some(drag) = self.drag.get_untracked() else {
            return;
        };
        let before = self
            .order
            .with_untracked(|order| order.iter().position(|tab| *tab == drag.tab));
        match drag.place {
            Some(place) if Some(place) != before && !drag.dropped => {
                self.move_to(&drag.tab, place);
                self.drag.set(Some(Drag {
                    dropped: true,
                    ..drag
                }));
            }
            _ => self.drag.set(None),
        }
    }
}

#[component]
pub fn Tabs(strip: Strip) -> impl IntoView {
    let view = strip.view;
    Effect::new(move |_| {
        strip.order.track();
        // What the session says is what is shown.
        if strip.drag.with_untracked(|drag| drag.is_some()) {
            strip.drag.set(None);
        }
    });
    Effect::new(move |_| {
        let (active, shown) = (strip.active.get(), strip.order.get());
        let place = shown.iter().position(|tab| Some(tab) == active.as_ref());
        if let Some(element) = place.and_then(|place| strip.elements().get(place).cloned()) {
            strip.reveal(&element);
        }
    });
    let no_session = move || view.state.with(|state| state.is_none());
    let owned = move || {
        let shown = strip.shown_order();
        shown.iter().map(element_id).collect::<Vec<_>>().join(" ")
    };
    view! {
        <div class="strip">
            // A list of tabs may hold nothing else, and beside each tab is the button that closes it.
            <div class="unseen" role="tablist" aria-label="Tabs" aria-owns=owned></div>
            <div
                node_ref=strip.list
                class="tabs"
                on:pointermove=move |event| strip.drag(&event)
                on:pointerup=move |_| strip.let_go()
                on:pointercancel=move |_| strip.drag.set(None)
            >
                <For each=move || strip.shown_order() key=|id| id.clone() let(id)>
                    <TabItem id strip />
                </For>
            </div>
            <button
                class="tool"
                aria-label="New tab"
                title="New tab"
                disabled=no_session
                on:mousedown=|event: MouseEvent| event.prevent_default()
                on:click=move |_| view.ask(api::new_tab(view.session(), view.viewer(), None))
            >
                <Icon path=icon::NEW />
            </button>
        </div>
    }
    .into_any()
}

/// What a tab's button is called in the document.
fn element_id(tab: &TabId) -> String {
    format!("tab-{}", tab.as_str())
}

/// What a tab is called in the strip.
pub fn name(tab: &Tab) -> String {
    let title = if tab.title.trim().is_empty() {
        &tab.url
    } else {
        &tab.title
    };
    match title.as_str() {
        "" | "about:blank" => "New tab".to_owned(),
        title => title.to_owned(),
    }
}

#[component]
fn TabItem(id: TabId, strip: Strip) -> impl IntoView {
    let view = strip.view;
    let id = StoredValue::new(id);
    let tab = move |part: fn(&Tab) -> bool| {
        strip.tabs.with(|tabs| {
            let tab = tabs.iter().find(|tab| tab.id == id.get_value());
            tab.is_some_and(part)
        })
    };
    let title = Memo::new(move |_| {
        strip.tabs.with(|tabs| {
            let tab = tabs.iter().find(|tab| tab.id == id.get_value());
            tab.map(name).unwrap_or_default()
        })
    });
    let is_active = move || strip.active.with(|active| *active == Some(id.get_value()));
    let is_loading = move || tab(|tab| tab.loading);
    let is_dragged = move || {
        strip.drag.with(|drag| {
            let drag = drag.as_ref();
            drag.is_some_and(|drag| drag.place.is_some() && drag.tab == id.get_value())
        })
    };
    let has_trouble = move || tab(|tab| tab.trouble.is_some());
    let icon = Memo::new(move |_| {
        let id = strip.tabs.with(|tabs| {
            let tab = tabs.iter().find(|tab| tab.id == id.get_value());
            tab.and_then(|tab| tab.icon.clone())
        })?;
        view.icons.with(|icons| icons.get(&id).cloned())
    });
    let mark = move || {
        match icon.get().filter(|_| !is_loading() && !has_trouble()) {
        Some(url) => view! { <img class="tab-icon" src=url alt="" draggable="false" /> }.into_any(),
        None => view! {
            <span class="tab-mark" class:loading=is_loading class:trouble=has_trouble aria-hidden="true"></span>
        }
        .into_any(),
    }
    };
    let sound = move || {
        tab(|tab| tab.audible).then(|| {
            view! {
                <span class="sound">
                    <Icon path=icon::SOUND />
                    <span class="unseen">"plays sound"</span>
                </span>
            }
        })
    };
    let key = move |event: KeyboardEvent| {
        if let Some(action) = tab_strip::on_tab(&event.key(), modifiers(&event)) {
            event.prevent_default();
            event.stop_propagation();
            strip.perform(action, &id.get_value());
        }
    };
    let middle_click = move |event: MouseEvent| {
        if event.button() == 1 {
            event.prevent_default();
            strip.close(id.get_value());
        }
    };
    view! {
        <div
            class="tab"
            class:active=is_active
            class:dragged=is_dragged
            // A click leaves the keyboard with the remote page; the middle button would scroll.
            on:mousedown=|event: MouseEvent| event.prevent_default()
            on:auxclick=middle_click
        >
            <button
                id=id.with_value(element_id)
                role="tab"
                class="title"
                title=title
                tabindex=move || if is_active() { "0" } else { "-1" }
                aria-selected=move || is_active().to_string()
                aria-busy=move || is_loading().to_string()
                aria-keyshortcuts="Delete Alt+ArrowLeft Alt+ArrowRight"
                on:pointerdown=move |event| strip.take_hold(id.get_value(), &event)
                on:keydown=key
                on:click=move |_| view.ask(api::activate_tab(view.session(), view.viewer(), id.get_value()))
            >
                {mark}
                <span class="name">{title}</span>
                {sound}
            </button>
            <button
                class="tool"
                tabindex="-1"
                aria-label=move || format!("Close tab {}", title.get())
                title="Close tab"
                on:click=move |_| strip.close(id.get_value())
            >
                <Icon path=icon::STOP />
            </button>
        </div>
    }
}
