//! What Chrome plays → Opus, on a thread of its own.
//!
//! The thread is one Chrome's PulseAudio server. Its sink has no device: every 10 ms of our own clock each stream that plays
//! gives 10 ms and is asked for as much. So nothing drifts, nothing is resampled, and while nothing plays nothing wakes up.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::UnixListener;
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep_until;

use crate::browser::profile_dir::ProfileDir;
use crate::locked_dir::{DirError, at};
use crate::stream::{Media, Sample};

// Pure: which 10 ms are played, and which of them are heard.
mod clock;
mod playback;
mod talkspurt;
// Pure: what Chrome says → what it is answered.
mod pulse;
// What performs.
mod connections;
mod opus;

use clock::Clock;
use connections::{Connections, Received};
use opus::Opus;
use playback::{PERIOD, Period};
use pulse::{ClientId, Pulse};
use talkspurt::Talkspurt;

/// Messages of Chrome that wait to be looked at; those who send more wait.
const QUEUE: usize = 64;

/// Why there is no sound.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// Its socket.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Its thread, or what that waits with.
    #[error("the thread for sound cannot be started: {0}")]
    Thread(io::Error),
    /// Its codec.
    #[error("the Opus encoder cannot be made: {0}")]
    Opus(#[from] ::opus::Error),
}

/// Handle of the thread; dropping it stops and joins it.
pub struct Sound {
    stop: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Sound {
    /// Listens in that Chrome's directory, which no other reaches, and hands each sample to `deliver` on its own thread.
    pub fn start(
        home: &ProfileDir,
        deliver: impl Fn(Sample) + Send + 'static,
    ) -> Result<Sound, SoundError> {
        let path = home.pulse_socket();
        let listener = std::os::unix::net::UnixListener::bind(&path).map_err(at(&path))?;
        listener.set_nonblocking(true).map_err(at(&path))?;
        home.chown(&path)?;
        let opus = Opus::new()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(SoundError::Thread)?;
        let stop = Arc::new(Notify::new());
        let thread = std::thread::Builder::new().name("sound".to_owned()).spawn({
            let stop = Arc::clone(&stop);
            move || {
                let tasks = tokio::task::LocalSet::new();
                tasks.block_on(&runtime, async {
                    match UnixListener::from_std(listener) {
                        Ok(listener) => serve(listener, opus, deliver, &stop).await,
                        Err(error) => tracing::error!(%error, "there is no sound"),
                    }
                });
            }
        });
        Ok(Sound {
            stop,
            thread: Some(thread.map_err(SoundError::Thread)?),
        })
    }
}

impl Drop for Sound {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: UnixListener, opus: Opus, deliver: impl Fn(Sample), stop: &Notify) {
    let (received, mut messages) = mpsc::channel(QUEUE);
    let mut connections = Connections::new(received);
    let mut pulse = Pulse::default();
    let mut clock = Clock::default();
    let mut period = [0.0; 2 * PERIOD];
    let mut player = Player {
        opus,
        talkspurt: Talkspurt::default(),
        deliver,
    };
    loop {
        let due_at = clock.due_at(pulse.is_playing(), Instant::now());
        let due = async {
            match due_at {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = stop.notified() => return,
            () = due => {
                while let Some(at) = clock.take(Instant::now()) {
                    pulse.take_period(&mut period);
                    player.play(&period, at);
                }
            }
            Some((client, received)) = messages.recv() => match received {
                Received::Message { channel, payload } => {
                    if let Err(error) = pulse.on_message(client, channel, &payload) {
                        tracing::debug!(%error, "Chrome's sound is not understood");
                        close(&mut connections, &mut pulse, client);
                    }
                }
                Received::End => close(&mut connections, &mut pulse, client),
            },
            Ok((stream, _)) = listener.accept() => {
                if let Some(client) = connections.add(stream) {
                    pulse.connect(client);
                }
            }
        }
        while let Some((client, bytes)) = pulse.poll_reply() {
            if !connections.send(client, &bytes) {
                close(&mut connections, &mut pulse, client);
            }
        }
    }
}

fn close(connections: &mut Connections, pulse: &mut Pulse, client: ClientId) {
    connections.remove(client);
    pulse.disconnect(client);
}

struct Player<D> {
    opus: Opus,
    talkspurt: Talkspurt,
    deliver: D,
}

impl<D: Fn(Sample)> Player<D> {
    /// Encodes what can be heard. `at` is when it is played.
    fn play(&mut self, period: &Period, at: Instant) {
        let Some(begins) = self.talkspurt.on_period(period) else {
            return;
        };
        let began = Instant::now();
        match self.opus.encode(period) {
            Ok(packet) => {
                let encoded_at = Instant::now();
                (self.deliver)(Sample {
                    at,
                    data: Bytes::copy_from_slice(packet),
                    encode: encoded_at - began,
                    encoded_at,
                    media: Media::Sound { begins },
                });
            }
            Err(error) => tracing::warn!(%error, "sound cannot be encoded"),
        }
    }
}

/// A period's length.
const PERIOD_TIME: Duration = Duration::from_millis(10);
const _: () = assert!(PERIOD as u128 * 1000 == 48_000 * PERIOD_TIME.as_millis());
