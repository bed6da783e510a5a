//! Encoder and hub with real WebRTC peers over real sockets.

mod viewer;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use farpane::bitrate::Bitrate;
use farpane::encode::{Encoder, EncoderOptions};
use farpane::latest::Latest;
use farpane::peer::{Hub, HubOptions, PeerError, PeerEvent, PeerRequest, Transport};
use shared::geometry::VideoSize;
use shared::session::SessionId;
use shared::wire::MAX_CLIENT_MESSAGE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;
use viewer::{PATIENCE, Viewer, Way, soon};

/// A session's video without a browser: what is painted is what viewers see.
struct Stage {
    hub: Hub,
    feed: SessionId,
    latest: Arc<Latest>,
    encoder: Encoder,
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
        Stage::of(hub, "feed1").await
    }

    async fn of(hub: Hub, feed: &str) -> Stage {
        let feed: SessionId = feed.parse().unwrap();
        let latest = Latest::new(VideoSize::HD);
        let options = EncoderOptions {
            size: VideoSize::HD,
            bitrate: Bitrate::kbps(4000),
            frame_rate: 60,
        };
        let encoder = Encoder::start(options, latest.clone(), {
            let (hub, feed) = (hub.clone(), feed.clone());
            move |frame| hub.send_frame(&feed, frame)
        })
        .unwrap();
        Stage {
            hub,
            feed,
            latest,
            encoder,
        }
    }

    fn paint(&self, luma: u8) {
        self.latest.publish(Instant::now(), |canvas| {
            let height = canvas.size().usize().1;
            let (y, u, v) = canvas.planes_mut();
            y.fill(luma);
            u.fill(90);
            v.fill(240 - luma / 2);
            0..height
        });
    }

    fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.hub.port()).into()
    }

    async fn join(&self, id: &str, way: Way) -> Viewer {
        Viewer::join(id, &self.hub, &self.feed, way).await
    }

    /// Joins, and watches until it sees this.
    async fn watch(&self, id: &str, way: Way, luma: u8) -> Viewer {
        self.paint(luma);
        let mut viewer = self.join(id, way).await;
        viewer.until(PeerEvent::KeyframeNeeded).await;
        self.encoder.request_keyframe();
        viewer.sees(luma).await;
        viewer
    }
}

#[tokio::test]
async fn a_viewer_over_udp_sees_the_picture_and_its_changes() {
    let stage = Stage::new().await;
    stage.paint(100);
    let mut viewer = stage.join("udp", Way::Udp).await;
    let transport = Transport::Udp;
    assert_eq!(viewer.event().await, PeerEvent::Connected { transport });
    assert_eq!(viewer.event().await, PeerEvent::KeyframeNeeded);
    stage.encoder.request_keyframe();
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
    let transport = Transport::Tcp;
    assert_eq!(viewer.event().await, PeerEvent::Connected { transport });
    stage.encoder.request_keyframe();
    viewer.sees(100).await;
    stage.paint(180);
    viewer.sees(180).await;
}
