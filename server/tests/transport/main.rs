//! Encoder and hub with real WebRTC peers over real sockets.

// clippy knows `#[test]` functions as tests, but not what they share.
#![allow(clippy::unwrap_used)]

mod hostile;
mod links;
mod relay;
mod viewer;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farpane::bitrate::Bitrate;
use farpane::latency_trace::{InputTrace, PresentedInput};
use farpane::picture::mailbox::{Drawn, Mailbox};
use farpane::stream::Downlink;
use farpane::transport::{Hub, HubOptions, PeerEvent, PeerRequest, TransportKind};
use farpane::video::{Encoder, EncoderOptions};
use shared::geometry::{Geometry, VideoSize};
use shared::latency::InputId;
use shared::message::ServerMessage;
use shared::session::SessionId;
use shared::wire;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use viewer::{PATIENCE, Viewer, Way, soon, until};

/// A session's video without a browser: what is painted is what viewers see.
struct Stage {
    hub: Hub,
    session: SessionId,
    latest: Arc<Mailbox>,
    downlink: Arc<Downlink>,
    _encoder: Encoder,
}

impl Stage {
    async fn new() -> Stage {
        let hub = Hub::start(HubOptions {
            bind: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            public_ips: vec![],
        })
        .await
        .unwrap();
        Stage::of(hub, "session1").await
    }

    async fn of(hub: Hub, session: &str) -> Stage {
        let session: SessionId = session.parse().unwrap();
        let latest = Mailbox::new();
        let options = EncoderOptions {
            bitrate: Bitrate::kbps(4000),
            frame_rate: 60,
            adapt: true,
        };
        let downlink = Arc::new(Downlink::new(options.bitrate, options.frame_rate, {
            let latest = latest.clone();
            move || latest.notify()
        }));
        let encoder = Encoder::start(options, latest.clone(), downlink.clone(), {
            let (hub, session) = (hub.clone(), session.clone());
            move |sample| hub.send_sample(&session, sample)
        })
        .unwrap();
        let opened = hub.open_stream(session.clone(), downlink.clone()).await;
        opened.unwrap();
        Stage {
            hub,
            session,
            latest,
            downlink,
            _encoder: encoder,
        }
    }

    fn paint(&self, luma: u8) {
        self.latest.publish(
            Geometry::unscaled(VideoSize::HD),
            Instant::now(),
            |canvas| {
                let height = canvas.size().usize().1;
                let (y, u, v) = canvas.planes_mut();
                y.fill(luma);
                u.fill(90);
                v.fill(240 - luma / 2);
                0..height
            },
        );
    }

    /// A strip of something that no encoder makes small, some kilobytes.
    fn paint_noise(&self, seed: u8) {
        self.latest.publish(
            Geometry::unscaled(VideoSize::HD),
            Instant::now(),
            |canvas| {
                let (height, stride) = (48, canvas.stride());
                let mut random = u32::from(seed) + 1;
                for luma in canvas.planes_mut().0[..height * stride].iter_mut() {
                    random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *luma = (random >> 24) as u8;
                }
                0..height
            },
        );
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.hub.port()).into()
    }

    async fn join(&self, id: &str, way: Way) -> Viewer {
        Viewer::join(id, &self.hub, &self.session, way).await
    }

    /// Joins, and watches until it sees this.
    async fn watch(&self, id: &str, way: Way, luma: u8) -> Viewer {
        self.paint(luma);
        let mut viewer = self.join(id, way).await;
        viewer.sees(luma).await;
        viewer
    }
}

#[tokio::test]
async fn a_viewer_over_udp_sees_the_picture_and_its_changes() {
    let stage = Stage::new().await;
    stage.paint(100);
    let mut viewer = stage.join("udp", Way::Udp).await;
    let transport = TransportKind::Udp;
    assert_eq!(viewer.event().await, PeerEvent::Connected { transport });
    let first = viewer.picture().await;
    assert!(first.keyframe, "a viewer starts with a keyframe");
    assert_eq!(first.size, (1280, 720));
    assert!(first.luma.abs_diff(100) <= 4);
    assert!(first.chroma.0.abs_diff(90) <= 4 && first.chroma.1.abs_diff(190) <= 4);
    stage.paint(180);
    let second = viewer.sees(180).await;
    assert!(!second.keyframe);
    let ticks = second.timestamp.wrapping_sub(first.timestamp);
    assert!((1..90 * 20_000).contains(&ticks), "{ticks}");
}

#[tokio::test]
async fn a_viewer_without_udp_sees_the_picture_over_tcp() {
    let stage = Stage::new().await;
    stage.paint(100);
    let mut viewer = stage.join("tcp", Way::Tcp).await;
    let transport = TransportKind::Tcp;
    assert_eq!(viewer.event().await, PeerEvent::Connected { transport });
    viewer.sees(100).await;
    stage.paint(180);
    viewer.sees(180).await;
}

#[tokio::test]
async fn messages_go_both_ways() {
    let stage = Stage::new().await;
    let mut viewer = stage.join("talk", Way::Udp).await;
    assert!(!stage.hub.send_message(&viewer.id, b"too early".to_vec()));
    viewer.until(PeerEvent::ChannelOpen).await;
    viewer.channel_is_open().await;
    assert!(stage.hub.send_message(&viewer.id, b"hello".to_vec()));
    assert_eq!(&viewer.message().await[..], b"hello");
    for channel in [viewer.control.clone(), viewer.moves.clone()] {
        viewer.say(&channel, b"here").await;
        let bytes = (&b"here"[..]).into();
        viewer.until(PeerEvent::Message { bytes }).await;
    }
}

#[tokio::test]
async fn a_mark_arrives_beside_its_frame_at_its_own_viewer_alone() {
    let stage = Stage::new().await;
    let mut own = stage.watch("own", Way::Udp, 100).await;
    let mut other = stage.watch("other", Way::Udp, 120).await;
    own.sees(120).await;
    for viewer in [&own, &other] {
        viewer.channel_is_open().await;
    }
    let answered = |viewer: &Viewer, input| {
        let now = Instant::now();
        PresentedInput {
            trace: InputTrace {
                viewer: viewer.id.clone(),
                input: InputId(input),
                tentative: false,
                received_at: now,
            },
            seated_at: now,
            drawn_at: now,
            exact: true,
        }
    };
    for (viewer, input, luma) in [(&mut own, 7, 160u8), (&mut other, 8, 200)] {
        let inputs = vec![answered(viewer, input)];
        stage.latest.publish(
            Geometry::unscaled(VideoSize::HD),
            Instant::now(),
            |canvas| {
                let rows = 0..canvas.size().usize().1;
                canvas.planes_mut().0.fill(luma);
                Drawn { rows, inputs }
            },
        );
        let shown = viewer.sees(luma).await;
        let message = wire::decode_server(&viewer.message().await).unwrap();
        let ServerMessage::InputPresented(marked) = message else {
            panic!("{message:?}");
        };
        assert_eq!(marked.input, InputId(input));
        assert_eq!(marked.rtp_timestamp, shown.timestamp);
        assert!(marked.encode > 0);
        assert!(marked.sent_micros() > marked.received_micros);
    }
}

#[tokio::test]
async fn two_viewers_of_a_session_see_the_same_and_others_do_not() {
    let stage = Stage::new().await;
    let other = Stage::of(stage.hub.clone(), "session2").await;
    let mut one = stage.watch("one", Way::Udp, 100).await;
    let mut two = stage.watch("two", Way::Tcp, 120).await;
    let mut three = other.watch("three", Way::Udp, 60).await;
    stage.paint(200);
    let (a, b) = (one.sees(200).await, two.sees(200).await);
    assert_eq!(a.timestamp, b.timestamp);
    other.paint(30);
    assert!(three.picture().await.luma < 100);
}

#[tokio::test]
async fn a_lost_picture_asks_for_a_keyframe_and_gets_it() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("lost", Way::Udp, 100).await;
    viewer.ask_for_a_keyframe().await;
    // The page at rest is still being sharpened.
    viewer.keyframe().await;
}

#[tokio::test]
async fn a_viewer_who_is_late_gets_a_keyframe() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("late", Way::Udp, 100).await;
    stage.hub.skip_to_live(&viewer.id);
    // What had left before still arrives.
    viewer.keyframe().await;
}

#[tokio::test]
async fn frames_carry_no_playout_delay_and_the_numbers_the_viewer_chose() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("numbers", Way::Udp, 100).await;
    stage.paint(110);
    let packet = viewer.packet().await;
    assert_eq!(packet.header.payload_type, 109);
    let answer = viewer.connection.remote_description().await.unwrap().sdp;
    let line = answer.lines().find(|line| line.ends_with("playout-delay"));
    let id = line.unwrap()["a=extmap:".len()..]
        .split(' ')
        .next()
        .unwrap();
    let delay = packet.header.get_extension(id.parse().unwrap()).unwrap();
    assert_eq!(&delay[..], [0, 0, 0]);
}

#[tokio::test]
async fn reports_tell_loss_and_round_trip() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("reports", Way::Udp, 100).await;
    let mut luma = 16;
    let feedback = soon("every kind of report", async {
        loop {
            // Something to report on.
            luma = luma % 200 + 1;
            stage.paint(luma);
            viewer.picture().await;
            let pacesetter = stage.downlink.pacesetter().expect("a viewer is connected");
            assert_eq!(pacesetter.viewer, viewer.id);
            let feedback = pacesetter.feedback;
            if feedback.loss.is_some() && feedback.round_trip.is_some() {
                break feedback;
            }
        }
    })
    .await;
    assert_eq!(feedback.loss, Some(0.0));
    assert!(feedback.round_trip.unwrap() < Duration::from_secs(1));
    let estimate = feedback.estimate.unwrap();
    assert_eq!(estimate.bitrate, Bitrate::kbps(4000), "a free link");
    assert!(
        estimate.acked_bitrate > Bitrate::kbps(0) && estimate.backlog < Duration::from_millis(50)
    );
    assert_eq!(stage.downlink.rate(), estimate.for_video());
}

#[tokio::test]
async fn keyframes_that_are_asked_for_keep_their_distance() {
    let stage = Stage::new().await;
    stage.paint(100);
    let mut viewer = stage.join("insistent", Way::Udp).await;
    let first = viewer.keyframe().await;
    for _ in 0..3 {
        viewer.ask_for_a_keyframe().await;
    }
    let second = viewer.keyframe().await;
    // In 1/90000 s; the first one is stamped with its picture, before it was encoded.
    let ticks = second.timestamp.wrapping_sub(first.timestamp);
    assert!((45_000..90 * 20_000).contains(&ticks), "{ticks}");
}

#[tokio::test]
async fn whoever_acts_sets_the_pace_and_while_somebody_is_connected_somebody_does() {
    let stage = Stage::new().await;
    let downlink = &stage.downlink;
    let one = stage.watch("one", Way::Udp, 100).await;
    let two = stage.watch("two", Way::Udp, 150).await;
    assert!(downlink.is_pacesetter(&one.id) && !downlink.is_named_pacesetter(&one.id));
    stage.hub.set_pacesetter(&stage.session, &two.id);
    until("the one who acts", || downlink.is_named_pacesetter(&two.id)).await;
    stage.hub.disconnect(&two.id);
    until("the one who is left", || downlink.is_pacesetter(&one.id)).await;
    stage.hub.disconnect(&one.id);
    until("nobody", || downlink.pacesetter().is_none()).await;
}

#[tokio::test]
async fn a_viewer_who_closes_is_reported_at_once() {
    let stage = Stage::new().await;
    let mut viewer = stage.join("leaver", Way::Udp).await;
    viewer.until(PeerEvent::ChannelOpen).await;
    let before = Instant::now();
    viewer.connection.close().await.unwrap();
    viewer.reason_of_the_end().await;
    // Not by the silence of ICE, which takes 20 s.
    assert!(before.elapsed() < PATIENCE / 2);
    assert!(!stage.hub.send_message(&viewer.id, vec![1]));
}

#[tokio::test]
async fn a_newer_offer_of_a_viewer_replaces_the_older_peer() {
    let stage = Stage::new().await;
    let mut older = stage.watch("again", Way::Udp, 100).await;
    let mut newer = stage.watch("again", Way::Udp, 110).await;
    // Its events end without a word.
    soon("the end of events", async {
        while let Some((_, event)) = older.events.recv().await {
            assert!(!matches!(event, PeerEvent::Disconnected { .. }));
        }
    })
    .await;
    stage.paint(150);
    newer.sees(150).await;
}

#[tokio::test]
async fn a_newer_offer_of_the_same_connection_restarts_ice() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("restart", Way::Udp, 100).await;
    let ufrag = |sdp: &str| {
        let line = sdp.lines().find(|line| line.starts_with("a=ice-ufrag:"));
        line.unwrap().to_owned()
    };
    let before = viewer.connection.remote_description().await.unwrap().sdp;
    viewer.connection.restart_ice().await.unwrap();
    let (unused, _) = mpsc::channel(1);
    let after = viewer
        .negotiate(&stage.hub, &stage.session, unused)
        .await
        .unwrap();
    assert_ne!(ufrag(&before), ufrag(&after));
    // Events go on where they did. What was drawn meanwhile is not lost.
    stage.paint(170);
    viewer.sees(170).await;
    viewer.channel_is_open().await;
    viewer.say(&viewer.control, b"still here").await;
    let bytes = (&b"still here"[..]).into();
    viewer.until(PeerEvent::Message { bytes }).await;
}

#[tokio::test]
async fn disconnecting_a_viewer_is_told_to_it() {
    let stage = Stage::new().await;
    let mut viewer = stage.join("guest", Way::Udp).await;
    viewer.until(PeerEvent::ChannelOpen).await;
    viewer.channel_is_open().await;
    stage.hub.disconnect(&viewer.id);
    viewer.channel_is_closed().await;
}

#[tokio::test]
async fn the_last_handle_ends_the_hub_and_frees_its_port() {
    let stage = Stage::new().await;
    let address = stage.address();
    let mut viewer = stage.join("last", Way::Udp).await;
    viewer.until(PeerEvent::ChannelOpen).await;
    drop(stage);
    std::net::TcpListener::bind(address).unwrap();
    std::net::UdpSocket::bind(address).unwrap();
}

#[tokio::test]
async fn a_taken_port_is_a_typed_error() {
    let stage = Stage::new().await;
    let again = Hub::start(HubOptions {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: stage.hub.port(),
        public_ips: vec![],
    });
    let error = again.await.err().unwrap();
    assert!(error.to_string().contains(&stage.hub.port().to_string()));
}

#[tokio::test]
async fn answers_name_every_way_in() {
    let public: IpAddr = "192.0.2.44".parse().unwrap();
    let hub = Hub::start(HubOptions {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        public_ips: vec![public],
    })
    .await
    .unwrap();
    let stage = Stage::of(hub, "session1").await;
    let (viewer, events) = Viewer::new("ways", Way::Udp).await;
    let answer = viewer.negotiate(&stage.hub, &stage.session, events).await;
    let answer = answer.unwrap();
    let port = stage.hub.port();
    for ip in ["127.0.0.1", "192.0.2.44"] {
        for (protocol, end) in [("udp", "typ host"), ("tcp", "tcptype passive")] {
            let mut lines = answer.lines().map(str::trim);
            let found = lines.any(|line| {
                line.starts_with("a=candidate:")
                    && line.contains(&format!(" {protocol} "))
                    && line.contains(&format!(" {ip} {port} typ host"))
                    && line.contains(end)
            });
            assert!(found, "{protocol} {ip} in {answer}");
        }
    }
    assert!(answer.contains("a=setup:passive") && answer.contains("a=end-of-candidates"));
}
