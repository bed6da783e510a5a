//! Pure: what Chrome says in PulseAudio's protocol → what it is answered, and the streams that it plays.
//!
//! There is one sink, without a source that could listen to it. What Chrome never asks for is refused. Every cork, flush and
//! drain is answered: Chrome's thread waits for that without a deadline.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::CString;
use std::io::Cursor;

use pulseaudio::protocol::{
    AuthReply, ChannelMap, ChannelVolume, Command, CommandReply, CreatePlaybackStreamReply,
    FormatEncoding, FormatInfo, GetSinkInfo, LookupReply, MAX_VERSION, MIN_VERSION,
    PlaybackLatency, PlaybackStreamParams, Props, ProtocolError, PulseError, Request, SampleFormat,
    SampleSpec, ServerInfo, SetClientNameReply, SetPlaybackStreamBufferAttrReply, SinkInfo,
    SinkState, Volume, stream::BufferAttr, write_ack_message, write_command_message, write_error,
    write_reply_message,
};

use super::playback::{Period, Playback, RATE};

/// One of Chrome's connections; never used twice.
pub type ClientId = u32;

/// The channel of messages that are no stream's.
pub const COMMAND: u32 = u32::MAX;

/// Of all connections: a page with more is heard in part.
const MOST_STREAMS: usize = 128;
/// Of one command, in bytes.
const LONGEST_COMMAND: usize = 64 * 1024;
/// Of what is not an answer.
const NO_SEQUENCE: u32 = u32::MAX;

const SINK: u32 = 0;
const SINK_NAME: &str = "farpane";
/// How PulseAudio names the one that it would choose.
const DEFAULT_SINK: &[u8] = b"@DEFAULT_SINK@";
const SPEC: SampleSpec = SampleSpec {
    format: SampleFormat::Float32Le,
    channels: 2,
    sample_rate: RATE,
};
/// From here to the ear, less what the picture takes to the eye, in microseconds: pages with a film hold its picture back by
/// as much.
const LATENCY: u64 = 40_000;

/// All of one Chrome's connections.
#[derive(Debug, Default)]
pub struct Pulse {
    clients: BTreeMap<ClientId, Client>,
    next_channel: u32,
    replies: Replies,
}

/// In order, with whom each is for.
type Replies = VecDeque<(ClientId, Vec<u8>)>;

#[derive(Debug, Default)]
struct Client {
    /// None before it has said which it speaks.
    version: Option<u16>,
    /// By their channels.
    streams: BTreeMap<u32, Stream>,
}

#[derive(Debug)]
struct Stream {
    playback: Playback,
    /// The command that is answered when all that was written is played.
    drain: Option<u32>,
}

impl Pulse {
    /// Chrome has connected.
    pub fn connect(&mut self, client: ClientId) {
        self.clients.insert(client, Client::default());
    }

    /// That connection is over.
    pub fn disconnect(&mut self, client: ClientId) {
        self.clients.remove(&client);
    }

    /// Whether time passes for any stream.
    pub fn is_playing(&self) -> bool {
        let mut streams = self
            .clients
            .values()
            .flat_map(|client| client.streams.values());
        streams.any(|stream| !stream.playback.is_corked())
    }

    /// What goes to Chrome next, in order.
    pub fn poll_reply(&mut self) -> Option<(ClientId, Vec<u8>)> {
        self.replies.pop_front()
    }

    /// The next 10 ms of all that plays; the streams are asked for as much.
    pub fn take_period(&mut self, period: &mut Period) {
        period.fill(0.0);
        for (id, client) in &mut self.clients {
            for stream in client.streams.values_mut() {
                stream.playback.mix_into(period);
                if stream.playback.is_empty()
                    && let Some(drain) = stream.drain.take()
                {
                    acknowledge(&mut self.replies, *id, drain);
                }
            }
            client.ask(*id, &mut self.replies);
        }
    }

    /// `Err` if it is none: the connection is of no use any more.
    pub fn on_message(
        &mut self,
        id: ClientId,
        channel: u32,
        payload: &[u8],
    ) -> Result<(), ProtocolError> {
        let Some(client) = self.clients.get_mut(&id) else {
            return Ok(());
        };
        if channel != COMMAND {
            // A stream that is gone may have something on its way.
            let Some(stream) = client.streams.get_mut(&channel) else {
                return Ok(());
            };
            let written = stream.playback.write(payload);
            return written.map_err(|_| ProtocolError::Invalid("half a frame".to_owned()));
        }
        if payload.len() > LONGEST_COMMAND {
            return Err(ProtocolError::Invalid("a command is too long".to_owned()));
        }
        let version = client.version.unwrap_or(MIN_VERSION);
        let (sequence, command) = Command::read_tag_prefixed(&mut Cursor::new(payload), version)?;
        let is_greeted = client.version.is_some();
        match command {
            Command::Auth(greeting) => {
                let version = greeting.version.clamp(MIN_VERSION, MAX_VERSION);
                client.version = Some(version);
                // Only bytes are sent here, never memory that is shared.
                let reply = AuthReply {
                    version,
                    ..AuthReply::default()
                };
                self.answer(id, sequence, &reply);
            }
            _ if !is_greeted => self.refuse(id, sequence, PulseError::AccessDenied),
            command => self.on_command(id, sequence, command),
        }
        Ok(())
    }

    fn on_command(&mut self, id: ClientId, sequence: u32, command: Command) {
        match command {
            Command::SetClientName(_) => {
                self.answer(id, sequence, &SetClientNameReply { client_id: id });
            }
            Command::GetServerInfo => self.answer(id, sequence, &server_info()),
            Command::GetSinkInfoList => self.answer(id, sequence, &vec![self.sink_info()]),
            Command::GetSinkInfo(GetSinkInfo { index, name }) => {
                let is_ours = match (&name, index) {
                    (Some(name), _) => is_sink(name),
                    (None, index) => index == Some(SINK),
                };
                match is_ours {
                    true => self.answer(id, sequence, &self.sink_info()),
                    false => self.refuse(id, sequence, PulseError::NoEntity),
                }
            }
            Command::LookupSink(name) if is_sink(&name) => {
                self.answer(id, sequence, &LookupReply(SINK));
            }
            Command::GetSourceInfoList
            | Command::GetCardInfoList
            | Command::Subscribe(_)
            | Command::SetPlaybackStreamName(_)
            | Command::UpdatePlaybackStreamProplist(_)
            | Command::UpdateClientProplist(_)
            | Command::SetSinkInputVolume(_)
            | Command::SetSinkInputMute(_) => self.acknowledge(id, sequence),
            Command::CreatePlaybackStream(wanted) => self.create(id, sequence, &wanted),
            Command::DeletePlaybackStream(channel) => {
                let client = self.clients.get_mut(&id);
                let removed = client.and_then(|client| client.streams.remove(&channel));
                self.answer_for(id, sequence, removed.is_some());
            }
            Command::CorkPlaybackStream(wanted) => {
                let drain = self.with(id, wanted.channel, |stream| {
                    stream.playback.cork(wanted.cork);
                    // Nothing more is played of what waits.
                    stream.drain.take_if(|_| wanted.cork)
                });
                if let Some(Some(drain)) = drain {
                    self.acknowledge(id, drain);
                }
                self.answer_for(id, sequence, drain.is_some());
                self.ask(id);
            }
            Command::FlushPlaybackStream(channel) => {
                let found = self.with(id, channel, |stream| stream.playback.flush());
                self.answer_for(id, sequence, found.is_some());
                self.ask(id);
            }
            Command::TriggerPlaybackStream(channel) | Command::PrebufPlaybackStream(channel) => {
                let found = self.with(id, channel, |_| ());
                self.answer_for(id, sequence, found.is_some());
            }
            Command::DrainPlaybackStream(channel) => {
                let waits = self.with(id, channel, |stream| {
                    stream.playback.drain();
                    let waits = !stream.playback.is_empty() && !stream.playback.is_corked();
                    stream.drain = waits.then_some(sequence);
                    waits
                });
                if waits != Some(true) {
                    self.answer_for(id, sequence, waits.is_some());
                }
            }
            Command::GetPlaybackLatency(asked) => {
                let latency = self.with(id, asked.channel, |stream| {
                    let (written, played) = stream.playback.offsets();
                    PlaybackLatency {
                        sink_usec: LATENCY,
                        source_usec: 0,
                        playing: !stream.playback.is_corked(),
                        local_time: asked.now,
                        // One machine has one time.
                        remote_time: asked.now,
                        write_offset: written.cast_signed(),
                        read_offset: played.cast_signed(),
                        underrun_for: 0,
                        playing_for: played,
                    }
                });
                match latency {
                    Some(latency) => self.answer(id, sequence, &latency),
                    None => self.refuse(id, sequence, PulseError::NoEntity),
                }
            }
            Command::SetPlaybackStreamBufferAttr(wanted) => {
                // It stays what it was: that is the answer.
                let attributes = self.with(id, wanted.index, |stream| attributes(&stream.playback));
                match attributes {
                    Some(buffer_attr) => {
                        let reply = SetPlaybackStreamBufferAttrReply {
                            buffer_attr,
                            configured_sink_latency: LATENCY,
                        };
                        self.answer(id, sequence, &reply);
                    }
                    None => self.refuse(id, sequence, PulseError::NoEntity),
                }
            }
            other => {
                tracing::debug!(?other, "Chrome asks its sound for what it has not");
                self.refuse(id, sequence, PulseError::NotSupported);
            }
        }
    }

    fn create(&mut self, id: ClientId, sequence: u32, wanted: &PlaybackStreamParams) {
        let streams: usize = self
            .clients
            .values()
            .map(|client| client.streams.len())
            .sum();
        if streams >= MOST_STREAMS {
            return self.refuse(id, sequence, PulseError::TooLarge);
        }
        let spec = wanted.sample_spec;
        let playback = Playback::new(spec, wanted.flags.start_corked);
        let Ok(playback) = playback else {
            tracing::debug!(?spec, "a page's sound has an unknown format");
            return self.refuse(id, sequence, PulseError::NotSupported);
        };
        let channel = self.next_channel;
        // The last one is for commands.
        self.next_channel = (self.next_channel + 1) % COMMAND;
        let reply = CreatePlaybackStreamReply {
            channel,
            stream_index: channel,
            // It is asked once it is to be heard.
            requested_bytes: 0,
            buffer_attr: attributes(&playback),
            sample_spec: spec,
            channel_map: wanted.channel_map,
            stream_latency: LATENCY,
            sink_index: SINK,
            sink_name: CString::new(SINK_NAME).ok(),
            suspended: false,
            format: FormatInfo::new(FormatEncoding::Pcm),
        };
        let stream = Stream {
            playback,
            drain: None,
        };
        if let Some(client) = self.clients.get_mut(&id) {
            client.streams.insert(channel, stream);
        }
        self.answer(id, sequence, &reply);
        self.ask(id);
    }

    fn ask(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.ask(id, &mut self.replies);
        }
    }

    fn with<T>(
        &mut self,
        id: ClientId,
        channel: u32,
        change: impl FnOnce(&mut Stream) -> T,
    ) -> Option<T> {
        let client = self.clients.get_mut(&id)?;
        client.streams.get_mut(&channel).map(change)
    }

    fn answer(&mut self, id: ClientId, sequence: u32, reply: &impl CommandReply) {
        let version = self.clients.get(&id).and_then(|client| client.version);
        let version = version.unwrap_or(MIN_VERSION);
        push(&mut self.replies, id, |bytes| {
            write_reply_message(bytes, sequence, reply, version)
        });
    }

    fn answer_for(&mut self, id: ClientId, sequence: u32, is_there: bool) {
        match is_there {
            true => self.acknowledge(id, sequence),
            false => self.refuse(id, sequence, PulseError::NoEntity),
        }
    }

    /// Without anything to say; also that a list is empty.
    fn acknowledge(&mut self, id: ClientId, sequence: u32) {
        acknowledge(&mut self.replies, id, sequence);
    }

    fn refuse(&mut self, id: ClientId, sequence: u32, error: PulseError) {
        push(&mut self.replies, id, |bytes| {
            write_error(bytes, sequence, &error)
        });
    }

    fn sink_info(&self) -> SinkInfo {
        SinkInfo {
            index: SINK,
            name: CString::new(SINK_NAME).unwrap_or_default(),
            description: CString::new("Farpane").ok(),
            props: Props::new(),
            state: match self.is_playing() {
                true => SinkState::Running,
                false => SinkState::Idle,
            },
            sample_spec: SPEC,
            channel_map: ChannelMap::stereo(),
            cvolume: ChannelVolume::norm(SPEC.channels),
            base_volume: Volume::from_linear(1.0),
            actual_latency: LATENCY,
            configured_latency: LATENCY,
            formats: vec![FormatInfo::new(FormatEncoding::Pcm)],
            ..SinkInfo::default()
        }
    }
}

impl Client {
    /// Every stream for what it is to have ahead.
    fn ask(&mut self, id: ClientId, replies: &mut Replies) {
        let version = self.version.unwrap_or(MIN_VERSION);
        for (channel, stream) in &mut self.streams {
            if stream.drain.is_none()
                && let Some(length) = stream.playback.ask()
            {
                let request = Command::Request(Request {
                    channel: *channel,
                    length,
                });
                push(replies, id, |bytes| {
                    write_command_message(bytes, NO_SEQUENCE, &request, version)
                });
            }
        }
    }
}

fn acknowledge(replies: &mut Replies, id: ClientId, sequence: u32) {
    push(replies, id, |bytes| write_ack_message(bytes, sequence));
}

fn push(
    replies: &mut Replies,
    id: ClientId,
    write: impl FnOnce(&mut Vec<u8>) -> Result<(), ProtocolError>,
) {
    let mut bytes = Vec::new();
    match write(&mut bytes) {
        Ok(()) => replies.push_back((id, bytes)),
        Err(error) => tracing::warn!(%error, "an answer to Chrome's sound cannot be written"),
    }
}

fn is_sink(name: &CString) -> bool {
    name.as_bytes() == SINK_NAME.as_bytes() || name.as_bytes() == DEFAULT_SINK
}

fn server_info() -> ServerInfo {
    let text = |text: &str| CString::new(text).ok();
    ServerInfo {
        server_name: text("farpane"),
        server_version: text("16.1"),
        user_name: text("farpane"),
        host_name: text("farpane"),
        sample_spec: SPEC,
        cookie: 0,
        default_sink_name: text(SINK_NAME),
        default_source_name: None,
        channel_map: ChannelMap::stereo(),
    }
}

fn attributes(playback: &Playback) -> BufferAttr {
    let target = playback.target_bytes();
    BufferAttr {
        max_length: target.saturating_mul(4),
        target_length: target,
        pre_buffering: target,
        minimum_request_length: 1,
        fragment_size: 0,
    }
}

#[cfg(test)]
mod tests;
