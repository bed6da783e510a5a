//! Offers, bytes and messages that nobody should send.

use farpane::transport::PeerError;
use shared::wire::MAX_CLIENT_MESSAGE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

async fn refusal(stage: &Stage, offer: &str) -> PeerError {
    let (events, _) = mpsc::channel(8);
    let request = PeerRequest {
        session: stage.session.clone(),
        viewer: "hostile".parse().unwrap(),
        offer: offer.to_owned(),
        ceiling: Bitrate::kbps(4000),
        adapt: true,
        events,
    };
    stage.hub.connect(request).await.unwrap_err()
}

#[tokio::test]
async fn offers_that_cannot_be_answered_are_refused_by_name() {
    let stage = Stage::new().await;
    let (viewer, _) = Viewer::new("model", Way::Udp).await;
    let offer = viewer.connection.create_offer(None).await.unwrap().sdp;
    for malformed in [
        "",
        "v=0",
        "\u{0}",
        &offer[..offer.len() / 2],
        &"v=0\r\n".repeat(50_000),
    ] {
        let refused = refusal(&stage, malformed).await;
        let named = matches!(
            refused,
            PeerError::Malformed(_) | PeerError::NoVideo | PeerError::NoH264
        );
        assert!(named, "{refused:?}");
    }
    let audio = offer.replace("m=video", "m=audio");
    assert_eq!(refusal(&stage, &audio).await, PeerError::NoVideo);
    let vp8 = offer.replace("H264/90000", "VP8/90000");
    assert_eq!(refusal(&stage, &vp8).await, PeerError::NoH264);
    // The hub lives on.
    stage.watch("polite", Way::Udp, 100).await;
}

#[tokio::test]
async fn garbage_on_the_ports_disturbs_nobody() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("watcher", Way::Udp, 100).await;
    let noise = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut datagram = vec![0u8; 1500];
    for round in 0..3000u32 {
        // STUN, DTLS, RTP and nothing known, with anything in them.
        datagram[0] = [0, 22, 128, 255][round as usize % 4];
        for (index, byte) in datagram.iter_mut().enumerate().skip(1) {
            *byte = (index as u32 * 31 + round * 17) as u8;
        }
        let length = round as usize % 1500;
        let _ = noise.try_send_to(&datagram[..length], stage.address());
    }
    // A well-formed request for somebody who does not exist.
    let request = b"\x00\x01\x00\x0c\x21\x12\xa4\x42abcdefghijkl\x00\x06\x00\x05no:me\0\0\0";
    for _ in 0..1000 {
        let _ = noise.try_send_to(request, stage.address());
    }
    // TCP: not the framing, frames of nothing, a frame larger than any datagram.
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 4000], &[0xff; 70_000]] {
        let mut stream = TcpStream::connect(stage.address()).await.unwrap();
        // The other side may hang up in the middle.
        let _ = stream.write_all(words).await;
    }
    let mut huge = TcpStream::connect(stage.address()).await.unwrap();
    huge.write_all(&[0xff, 0xff, 1]).await.unwrap();
    let end = soon("the end of a lie", huge.read(&mut [0; 8])).await;
    assert!(matches!(end, Ok(0) | Err(_)));
    stage.paint(200);
    viewer.sees(200).await;
}

#[tokio::test]
async fn idle_tcp_connections_are_few_and_short_lived() {
    let stage = Stage::new().await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(TcpStream::connect(stage.address()).await.unwrap());
    }
    // The ones beyond the limit are closed at once, the others after ten seconds of silence.
    for stream in &mut idle {
        soon("an idle connection's end", stream.read(&mut [0; 8]))
            .await
            .unwrap();
    }
    // And there is room again.
    stage.watch("late", Way::Tcp, 100).await;
}

#[tokio::test]
async fn an_oversize_message_does_no_harm() {
    let stage = Stage::new().await;
    let mut viewer = stage.watch("loud", Way::Udp, 100).await;
    let mut other = stage.watch("quiet", Way::Udp, 110).await;
    viewer.channel_is_open().await;
    // The viewer's own side knows the limit from the answer and refuses.
    let huge = vec![7; MAX_CLIENT_MESSAGE + 1];
    assert!(viewer.control.send(huge[..].into()).await.is_err());
    let largest = vec![7; MAX_CLIENT_MESSAGE];
    viewer.say(&viewer.control, &largest).await;
    let bytes = largest.into();
    viewer.until(PeerEvent::Message { bytes }).await;
    stage.paint(200);
    other.sees(200).await;
}

#[tokio::test]
async fn a_session_that_does_not_listen_loses_the_peer_but_not_for_moves() {
    let stage = Stage::new().await;
    let (viewer, _) = Viewer::new("ignored", Way::Udp).await;
    // What connecting brings fits in: Connected, ChannelOpen.
    const ROOM: usize = 2;
    let (events, mut received) = mpsc::channel(ROOM);
    viewer
        .negotiate(&stage.hub, &stage.session, events)
        .await
        .unwrap();
    viewer.channel_is_open().await;
    for _ in 0..10 {
        viewer.say(&viewer.moves, b"move").await;
    }
    // One of them may still have come in time.
    for _ in 0..=ROOM {
        viewer.say(&viewer.control, b"click").await;
    }
    // Not before: listening would make room.
    viewer.channel_is_closed().await;
    let mut last = None;
    soon("the last event", async {
        while let Some((_, event)) = received.recv().await {
            last = Some(event);
        }
    })
    .await;
    assert!(matches!(last, Some(PeerEvent::Disconnected { reason }) if reason.contains("keep up")));
}
