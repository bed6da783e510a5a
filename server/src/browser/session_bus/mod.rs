//! The D-Bus session bus of one Chrome, in this process. It has one service, that of notifications; whatever else Chrome
//! looks for on a desktop is not there.

mod notifications;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::time::Instant;

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use shared::notification::Notification;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zbus::message::{Header, Message, Type};
use zbus::{Connection, Guid, MessageStream};

use super::profile_dir::ProfileDir;
use crate::locked_dir::{DirError, at};

use notifications::{Effect, Notifications};

/// Of one Chrome at a time: it makes half a dozen.
const MOST_CONNECTIONS: usize = 32;

/// Messages of one connection that wait.
const QUEUE: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// That the session has not heard of, or that wait to be answered.
const EVENTS: usize = 32;

const BUS: &str = "org.freedesktop.DBus";
const SERVICE: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// The unique name of whoever owns [`SERVICE`].
const OWNER: &str = ":1.0";

/// What the session is to tell its viewers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotificationEvent {
    /// A page shows it.
    Shown(Notification),
    /// The one of that number is over.
    Gone(u32),
}

/// The bus runs until this is dropped.
pub struct SessionBus {
    address: String,
    events: mpsc::Receiver<NotificationEvent>,
    answers: mpsc::Sender<(u32, bool)>,
    task: JoinHandle<()>,
}

impl SessionBus {
    /// Listens in that Chrome's directory, which no other reaches.
    pub fn start(home: &ProfileDir) -> Result<SessionBus, DirError> {
        let path = home.session_bus();
        let listener = UnixListener::bind(&path).map_err(at(&path))?;
        home.chown(&path)?;
        let (events, received) = mpsc::channel(EVENTS);
        let (answers, answered) = mpsc::channel(EVENTS);
        let guid = Guid::generate();
        let task = Task {
            guid: guid.to_string(),
            notifications: Notifications::new(Instant::now()),
            connections: HashMap::new(),
            messages: SelectAll::new(),
            events,
        };
        Ok(SessionBus {
            address: format!("unix:path={},guid={guid}", path.display()),
            events: received,
            answers,
            task: tokio::spawn(task.run(listener, answered)),
        })
    }

    /// For `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The next thing that viewers are told.
    pub async fn event(&mut self) -> Option<NotificationEvent> {
        self.events.recv().await
    }

    /// The person has followed that notification, or put it away. Nothing happens unless it is shown.
    pub fn answer(&self, number: u32, is_followed: bool) {
        // More than anybody can follow at once.
        let _ = self.answers.try_send((number, is_followed));
    }
}

impl Drop for SessionBus {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Task {
    guid: String,
    notifications: Notifications,
    connections: HashMap<u32, Connection>,
    messages: SelectAll<BoxStream<'static, (u32, Option<Message>)>>,
    events: mpsc::Sender<NotificationEvent>,
}

impl Task {
    async fn run(mut self, listener: UnixListener, mut answers: mpsc::Receiver<(u32, bool)>) {
        let mut number = 0;
        let mut greeting: FuturesUnordered<BoxFuture<'static, Option<(u32, Connection)>>> =
            FuturesUnordered::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = listener.accept() => {
                    if greeting.len() + self.connections.len() < MOST_CONNECTIONS {
                        number += 1;
                        greeting.push(Box::pin(greet(number, stream, self.guid.clone())));
                    }
                }
                Some(greeted) = greeting.next() => {
                    if let Some((number, connection)) = greeted {
                        self.connect(number, connection);
                    }
                }
                Some((number, message)) = self.messages.next() => match message {
                    Some(message) => self.on_message(number, &message).await,
                    None => {
                        self.connections.remove(&number);
                        let effects = self.notifications.on_disconnected(number);
                        self.perform(effects).await;
                    }
                },
                Some((number, is_followed)) = answers.recv() => {
                    let effects = self.notifications.answer(number, is_followed);
                    self.perform(effects).await;
                }
                else => return,
            }
        }
    }

    fn connect(&mut self, number: u32, connection: Connection) {
        let messages = MessageStream::from(&connection);
        let messages = messages.map(move |message| (number, message.ok()));
        let end = futures::stream::once(async move { (number, None) });
        self.connections.insert(number, connection);
        self.messages.push(messages.chain(end).boxed());
    }

    async fn on_message(&mut self, number: u32, message: &Message) {
        if message.message_type() != Type::MethodCall {
            return;
        }
        let header = message.header();
        let (reply, effects) = self.answer(number, message, &header);
        match (reply, self.connections.get(&number)) {
            (Ok(reply), Some(connection)) => {
                // A connection that is closed says so in its stream.
                let _ = connection.send(&reply).await;
            }
            (Err(error), _) => tracing::debug!(%error, "a call of Chrome's to its session bus"),
            (Ok(_), None) => {}
        }
        self.perform(effects).await;
    }

    fn answer(
        &mut self,
        connection: u32,
        message: &Message,
        header: &Header<'_>,
    ) -> (zbus::Result<Message>, Vec<Effect>) {
        let body = message.body();
        let text = || body.deserialize_ignore_signature::<&str>();
        let reply = || Message::method_return(header).sender(OWNER);
        let interface = header.interface().map_or(BUS, |name| name.as_str());
        let member = header.member().map_or("", |name| name.as_str());
        let answered = match (interface, member) {
            (BUS, "Hello") => reply().build(&unique_name(connection)),
            // The only one who asks has it.
            (BUS, "RequestName" | "ReleaseName") => reply().build(&1_u32),
            (BUS, "AddMatch" | "RemoveMatch") => reply().build(&()),
            (BUS, "ListNames") => reply().build(&[BUS, SERVICE].as_slice()),
            (BUS, "ListActivatableNames") => reply().build(&[SERVICE].as_slice()),
            (BUS, "NameHasOwner") => {
                text().and_then(|name| reply().build(&matches!(name, BUS | SERVICE)))
            }
            (BUS, "GetNameOwner") => text().and_then(|name| match name {
                SERVICE => reply().build(&OWNER),
                BUS => reply().build(&BUS),
                _ => error(header, "NameHasNoOwner"),
            }),
            // 2: it runs already.
            (BUS, "StartServiceByName") => text().and_then(|name| match name {
                SERVICE => reply().build(&2_u32),
                _ => error(header, "ServiceUnknown"),
            }),
            (SERVICE, "GetCapabilities") => {
                reply().build(&["actions", "body", "persistence"].as_slice())
            }
            (SERVICE, "GetServerInformation") => {
                let version = env!("CARGO_PKG_VERSION");
                reply().build(&("Farpane", "Farpane", version, "1.2"))
            }
            (SERVICE, "Notify") => {
                return match body.deserialize_ignore_signature() {
                    Ok(asked) => {
                        let (_, replaces, _, title, body): (&str, u32, &str, &str, &str) = asked;
                        let (number, effects) = self.notifications.notify(
                            connection,
                            replaces,
                            title,
                            body,
                            Instant::now(),
                        );
                        (reply().build(&number), effects)
                    }
                    Err(_) => (error(header, "InvalidArgs"), Vec::new()),
                };
            }
            (SERVICE, "CloseNotification") => {
                return match body.deserialize_ignore_signature() {
                    Ok(number) => (reply().build(&()), self.notifications.close(number)),
                    Err(_) => (error(header, "InvalidArgs"), Vec::new()),
                };
            }
            _ => error(header, "ServiceUnknown"),
        };
        (
            answered.or_else(|_| error(header, "InvalidArgs")),
            Vec::new(),
        )
    }

    async fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Show(notification) => self.tell(NotificationEvent::Shown(notification)),
                Effect::Withdraw(number) => self.tell(NotificationEvent::Gone(number)),
                Effect::Invoked { connection, number } => {
                    self.signal(connection, "ActionInvoked", &(number, "default"))
                        .await;
                }
                Effect::Closed {
                    connection,
                    number,
                    reason,
                } => {
                    self.signal(connection, "NotificationClosed", &(number, reason as u32))
                        .await;
                }
            }
        }
    }

    fn tell(&self, event: NotificationEvent) {
        // A session that does not keep up misses some.
        let _ = self.events.try_send(event);
    }

    async fn signal<B>(&mut self, connection: u32, name: &str, body: &B)
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        let signal = Message::signal(PATH, SERVICE, name)
            .sender(OWNER)
            .destination(unique_name(connection))
            .build(body);
        if let (Ok(signal), Some(connection)) = (signal, self.connections.get(&connection)) {
            // A connection that is closed says so in its stream.
            let _ = connection.send(&signal).await;
        }
    }
}

fn unique_name(connection: u32) -> String {
    format!(":1.{connection}")
}

fn error(header: &Header<'_>, name: &str) -> zbus::Result<Message> {
    let sentence = "This browser runs on a server, without a desktop.";
    Message::error(header, format!("{BUS}.Error.{name}"))
        .sender(OWNER)
        .build(&sentence)
}

/// Chrome says who it is. `None` for one that does not.
async fn greet(number: u32, stream: UnixStream, guid: String) -> Option<(u32, Connection)> {
    let stream = stream.into_std().ok()?;
    let connection = zbus::connection::Builder::unix_stream(stream)
        .server(guid.as_str())
        .p2p()
        .max_queued(QUEUE)
        .build()
        .await;
    match connection {
        Ok(connection) => Some((number, connection)),
        Err(error) => {
            tracing::debug!(%error, "Chrome does not greet its session bus");
            None
        }
    }
}
