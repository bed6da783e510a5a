use std::time::UNIX_EPOCH;

use proptest::prelude::*;
use pulseaudio::protocol::{
    AuthParams, CorkStreamParams, LatencyParams, read_ack_message, read_command_message,
    read_reply_message, write_command_message,
};

use super::*;
use crate::sound::playback::PERIOD;

const CLIENT: ClientId = 7;

/// Chrome, as far as it is heard.
struct Chrome {
    pulse: Pulse,
    sequence: u32,
}

impl Chrome {
    fn connected() -> Chrome {
        let mut pulse = Pulse::default();
        pulse.connect(CLIENT);
        let mut chrome = Chrome { pulse, sequence: 0 };
        let greeting = AuthParams {
            version: MAX_VERSION,
            supports_shm: true,
            supports_memfd: true,
            cookie: vec![0; 256],
        };
        let reply: AuthReply = chrome.ask(Command::Auth(greeting));
        assert!(!reply.use_shm && !reply.use_memfd && reply.version == MAX_VERSION);
        let reply: SetClientNameReply = chrome.ask(Command::SetClientName(Props::new()));
        assert_eq!(reply.client_id, CLIENT);
        chrome
    }

    fn say(&mut self, command: &Command) {
        self.sequence += 1;
        let mut bytes = Vec::new();
        write_command_message(&mut bytes, self.sequence, command, MAX_VERSION).unwrap();
        self.pulse
            .on_message(CLIENT, COMMAND, &bytes[20..])
            .unwrap();
    }

    fn heard(&mut self) -> Vec<u8> {
        let (client, bytes) = self.pulse.poll_reply().expect("an answer");
        assert_eq!(client, CLIENT);
        bytes
    }

    fn ask<R: CommandReply>(&mut self, command: Command) -> R {
        self.say(&command);
        let (sequence, reply) = read_reply_message(&mut &self.heard()[..], MAX_VERSION).unwrap();
        assert_eq!(sequence, self.sequence);
        reply
    }

    fn acknowledged(&mut self, command: Command) {
        self.say(&command);
        assert_eq!(
            read_ack_message(&mut &self.heard()[..]).unwrap(),
            self.sequence
        );
    }

    fn refused(&mut self, command: Command) {
        self.say(&command);
        let answer = read_ack_message(&mut &self.heard()[..]);
        assert!(
            matches!(answer, Err(ProtocolError::ServerError(_))),
            "{answer:?}"
        );
    }

    fn period(&mut self) -> Period {
        let mut period = [1.0; 2 * PERIOD];
        self.pulse.take_period(&mut period);
        period
    }

    /// A stream as Chrome makes it.
    fn stream(&mut self) -> CreatePlaybackStreamReply {
        let mut wanted = PlaybackStreamParams {
            sample_spec: SPEC,
            channel_map: ChannelMap::stereo(),
            ..PlaybackStreamParams::default()
        };
        wanted.flags.start_corked = true;
        self.ask(Command::CreatePlaybackStream(wanted))
    }

    fn cork(&mut self, channel: u32, cork: bool) {
        self.acknowledged(Command::CorkPlaybackStream(CorkStreamParams {
            channel,
            cork,
        }));
    }

    fn requested(&mut self) -> Option<Request> {
        let (_, bytes) = self.pulse.poll_reply()?;
        let (_, command) = read_command_message(&mut &bytes[..], MAX_VERSION).unwrap();
        match command {
            Command::Request(request) => Some(request),
            other => panic!("{other:?}"),
        }
    }

    fn write(&mut self, channel: u32, bytes: u32, value: f32) {
        let pcm = value.to_le_bytes().repeat(bytes as usize / 4);
        self.pulse.on_message(CLIENT, channel, &pcm).unwrap();
    }
}

#[test]
fn chrome_finds_one_sink_and_no_source() {
    let mut chrome = Chrome::connected();
    let server: ServerInfo = chrome.ask(Command::GetServerInfo);
    assert_eq!(
        (server.sample_spec, server.default_source_name),
        (SPEC, None)
    );
    let sinks: Vec<SinkInfo> = chrome.ask(Command::GetSinkInfoList);
    assert_eq!(sinks.len(), 1);
    assert_eq!(server.default_sink_name.as_ref(), Some(&sinks[0].name));
    let by_name = |name: &str| {
        Command::GetSinkInfo(GetSinkInfo {
            index: None,
            name: CString::new(name).ok(),
        })
    };
    let sink: SinkInfo = chrome.ask(by_name(SINK_NAME));
    assert_eq!(sink.sample_spec, SPEC);
    chrome.refused(by_name("another"));
    chrome.acknowledged(Command::GetSourceInfoList);
    chrome.refused(Command::Stat);
}

#[test]
fn a_stream_plays_waits_and_goes() {
    let mut chrome = Chrome::connected();
    let stream = chrome.stream();
    let (channel, target) = (stream.channel, stream.buffer_attr.target_length);
    assert!(!chrome.pulse.is_playing());
    assert_eq!(chrome.requested(), None, "it waits");
    chrome.cork(channel, false);
    assert!(chrome.pulse.is_playing());
    let length = target;
    assert_eq!(chrome.requested(), Some(Request { channel, length }));
    chrome.write(channel, length, 0.25);
    assert_eq!(chrome.period()[..4], [0.25; 4]);
    let length = PERIOD as u32 * 8;
    assert_eq!(chrome.requested(), Some(Request { channel, length }));
    let now = UNIX_EPOCH;
    let latency: PlaybackLatency =
        chrome.ask(Command::GetPlaybackLatency(LatencyParams { channel, now }));
    assert_eq!((latency.write_offset, latency.read_offset), (7680, 3840));
    chrome.cork(channel, true);
    chrome.acknowledged(Command::FlushPlaybackStream(channel));
    assert_eq!(
        (chrome.pulse.is_playing(), chrome.requested()),
        (false, None)
    );
    chrome.acknowledged(Command::DeletePlaybackStream(channel));
    chrome.refused(Command::FlushPlaybackStream(channel));
    chrome.write(channel, 8, 1.0);
}

#[test]
fn a_drain_is_answered_when_all_is_played_or_never_will_be() {
    let mut chrome = Chrome::connected();
    let channel = chrome.stream().channel;
    chrome.acknowledged(Command::DrainPlaybackStream(channel));
    chrome.cork(channel, false);
    chrome.requested();
    chrome.write(channel, PERIOD as u32 * 8 + 8, 0.5);
    chrome.say(&Command::DrainPlaybackStream(channel));
    let drain = chrome.sequence;
    assert_eq!(chrome.period()[0], 0.5);
    assert_eq!(chrome.pulse.poll_reply(), None, "something is left");
    chrome.period();
    assert_eq!(read_ack_message(&mut &chrome.heard()[..]).unwrap(), drain);
}

#[test]
fn streams_are_heard_together_and_end_with_their_connection() {
    let mut chrome = Chrome::connected();
    for value in [0.25, 0.5] {
        let channel = chrome.stream().channel;
        chrome.cork(channel, false);
        let length = chrome.requested().unwrap().length;
        chrome.write(channel, length, value);
    }
    assert_eq!(chrome.period()[0], 0.75);
    chrome.pulse.disconnect(CLIENT);
    assert!(!chrome.pulse.is_playing());
    assert_eq!(chrome.period()[0], 0.0);
}

#[test]
fn who_has_not_greeted_gets_nothing_and_there_is_an_end_to_streams() {
    let mut pulse = Pulse::default();
    pulse.connect(CLIENT);
    let mut stranger = Chrome { pulse, sequence: 0 };
    stranger.refused(Command::GetServerInfo);
    let mut chrome = Chrome::connected();
    for _ in 0..MOST_STREAMS {
        chrome.stream();
    }
    chrome.refused(Command::CreatePlaybackStream(PlaybackStreamParams {
        sample_spec: SPEC,
        channel_map: ChannelMap::stereo(),
        ..PlaybackStreamParams::default()
    }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        channel in prop_oneof![Just(COMMAND), Just(0), any::<u32>()],
    ) {
        let mut chrome = Chrome::connected();
        chrome.stream();
        let _ = chrome.pulse.on_message(CLIENT, channel, &bytes);
        chrome.period();
    }
}
