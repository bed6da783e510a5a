//! Opus packets → the speaker: each packet's samples are a source of their own, begun at its very sample.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::Function;
use shared::socket::SoundOnSocket;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AudioContext, AudioContextOptions, AudioContextState, GainNode};

use super::decoder::{self, AudioData, AudioDecoder};
use super::schedule::Schedule;
use super::volume::Volume;

const RATE: f32 = 48_000.0;

pub struct Player {
    context: AudioContext,
    gain: GainNode,
    schedule: RefCell<Schedule>,
    /// None after it has failed: the next packet gets another.
    decoder: RefCell<Option<Decoder>>,
}

struct Decoder {
    decoder: AudioDecoder,
    _on_data: Closure<dyn FnMut(AudioData)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
}

impl Player {
    /// Throws where the browser cannot decode sound.
    pub fn new() -> Result<Rc<Player>, JsValue> {
        let options = AudioContextOptions::new();
        options.set_sample_rate(RATE);
        let context = AudioContext::new_with_context_options(&options)?;
        let gain = context.create_gain()?;
        gain.connect_with_audio_node(&context.destination())?;
        let player = Rc::new(Player {
            context,
            gain,
            schedule: RefCell::default(),
            decoder: RefCell::default(),
        });
        player.prepare()?;
        Ok(player)
    }

    fn prepare(self: &Rc<Self>) -> Result<(), JsValue> {
        let weak = Rc::downgrade(self);
        let on_data = Closure::<dyn FnMut(AudioData)>::new(move |data: AudioData| {
            with(&weak, |player| {
                // What cannot be played is not heard.
                let _ = player.hear(&data);
            });
            data.close();
        });
        let weak = Rc::downgrade(self);
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |_: JsValue| {
            with(&weak, |player| {
                let decoder = player.decoder.take();
                // It is this closure that is running.
                wasm_bindgen_futures::spawn_local(async move { drop(decoder) });
            });
        });
        let as_function = |closure: &JsValue| closure.unchecked_ref::<Function>().clone();
        let decoder = decoder::decoder(
            &as_function(on_data.as_ref()),
            &as_function(on_error.as_ref()),
        )?;
        *self.decoder.borrow_mut() = Some(Decoder {
            decoder,
            _on_data: on_data,
            _on_error: on_error,
        });
        Ok(())
    }

    /// Nothing is heard before the person has done something.
    pub fn is_blocked(&self) -> bool {
        self.context.state() == AudioContextState::Suspended
    }

    /// The person has done something.
    pub fn resume(&self) {
        // What comes of it is its state.
        let _ = self.context.resume();
    }

    pub fn set_volume(&self, volume: Volume) {
        let gain = if volume.is_muted() {
            0.0
        } else {
            volume.gain()
        };
        self.gain.gain().set_value(gain as f32);
    }

    /// Plays a packet in its turn.
    pub fn take(self: &Rc<Self>, sound: SoundOnSocket<'_>) {
        if self.is_blocked() {
            return self.resume();
        }
        if self.decoder.borrow().is_none() && self.prepare().is_err() {
            return;
        }
        if let Some(Decoder { decoder, .. }) = &*self.decoder.borrow() {
            // A packet that is none is not heard.
            let _ = decoder.take(sound.packet, sound.timestamp);
        }
    }

    fn hear(&self, data: &AudioData) -> Result<(), JsValue> {
        let now = self.context.current_time();
        let at = self.schedule.borrow_mut().at(data.timestamp() as u32, now);
        let Some(at) = at else { return Ok(()) };
        let channels = data.number_of_channels().min(2);
        let buffer = self
            .context
            .create_buffer(channels, data.number_of_frames(), RATE)?;
        for channel in 0..channels {
            buffer.copy_to_channel(&data.channel(channel)?, channel.cast_signed())?;
        }
        let source = self.context.create_buffer_source()?;
        source.set_buffer(Some(&buffer));
        source.connect_with_audio_node(&self.gain)?;
        source.start_with_when(at)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Some(Decoder { decoder, .. }) = self.decoder.get_mut() {
            // Throws when an error has closed it already.
            let _ = decoder.close();
        }
        let _ = self.context.close();
    }
}

fn with(weak: &Weak<Player>, act: impl FnOnce(&Rc<Player>)) {
    if let Some(player) = weak.upgrade() {
        act(&player);
    }
}
