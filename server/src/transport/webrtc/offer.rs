//! Pure: a viewer's SDP offer → whether it can be answered, and what of it is used; before anything is set up for it.

use std::io::Cursor;

use rtc::sdp::{MediaDescription, SessionDescription};

use crate::transport::PeerError;

/// Bytes. A browser's offer has 3 to 10 kB.
const MAX_LENGTH: usize = 64 * 1024;
/// A computer with many interfaces names about ten; each costs us connectivity checks.
const MAX_CANDIDATES: usize = 24;

/// An offer that can be answered.
#[derive(Clone, Debug)]
pub struct Offer {
    /// As it came, without candidates that are of no use here.
    pub sdp: String,
    /// Whose offer it is.
    pub origin: Origin,
}

/// Says whether two offers come from the same `RTCPeerConnection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    session_id: u64,
    fingerprint: String,
}

impl Offer {
    /// `Err` says what the offer lacks: it must be SDP with a DTLS fingerprint, and receive H.264 with packetization mode 1.
    pub fn read(text: &str) -> Result<Offer, PeerError> {
        if text.len() > MAX_LENGTH {
            return Err(PeerError::Malformed(format!(
                "it is longer than {MAX_LENGTH} bytes"
            )));
        }
        let sdp = without_useless_candidates(text);
        let parsed = SessionDescription::unmarshal(&mut Cursor::new(sdp.as_bytes()))
            .map_err(|error| PeerError::Malformed(error.to_string()))?;
        let videos = || {
            let all = parsed.media_descriptions.iter();
            all.filter(|media| {
                media.media_name.media == "video" && media.media_name.port.value != 0
            })
        };
        if !videos().any(receives) {
            return Err(PeerError::NoVideo);
        }
        if !videos().any(|media| receives(media) && takes_h264(media)) {
            return Err(PeerError::NoH264);
        }
        let fingerprint = parsed
            .attribute("fingerprint")
            .map(String::as_str)
            .or_else(|| {
                let mut media = parsed.media_descriptions.iter();
                media.find_map(|media| media.attribute("fingerprint").flatten())
            })
            .ok_or_else(|| PeerError::Malformed("it has no DTLS fingerprint".to_owned()))?;
        let origin = Origin {
            session_id: parsed.origin.session_id,
            fingerprint: fingerprint.to_ascii_lowercase(),
        };
        Ok(Offer { sdp, origin })
    }
}

fn receives(media: &MediaDescription) -> bool {
    media.attribute("sendonly").is_none() && media.attribute("inactive").is_none()
}

/// Any baseline profile with packetization mode 1: that is what the encoder makes.
fn takes_h264(media: &MediaDescription) -> bool {
    let values = |key: &'static str| {
        let attributes = media.attributes.iter();
        attributes.filter_map(move |a| (a.key == key).then_some(a.value.as_deref()?))
    };
    let h264 = values("rtpmap").filter_map(|value| {
        let (payload_type, codec) = value.split_once(' ')?;
        let is_h264 = codec.to_ascii_lowercase().starts_with("h264/90000");
        is_h264.then_some(payload_type)
    });
    h264.into_iter().any(|payload_type| {
        values("fmtp").any(|value| {
            let Some((of, parameters)) = value.split_once(' ') else {
                return false;
            };
            let has = |wanted: &dyn Fn(&str) -> bool| {
                let mut each = parameters.split(';').map(str::trim);
                each.any(wanted)
            };
            of == payload_type
                && has(&|p| p == "packetization-mode=1")
                && has(&|p| p.starts_with("profile-level-id=42"))
        })
    })
}

/// Names that only the viewer's own network can resolve, TCP candidates that only wait to be called (or cannot be
/// called), and whatever exceeds the limit. The viewer's checks reach us and tell its address anyway.
fn without_useless_candidates(text: &str) -> String {
    let mut left = MAX_CANDIDATES;
    let lines = text.split_inclusive('\n').filter(|line| {
        let Some(candidate) = line.trim_end().strip_prefix("a=candidate:") else {
            return true;
        };
        let fields: Vec<_> = candidate.split(' ').collect();
        let address_is_literal = fields
            .get(4)
            .is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok());
        let is_udp = fields
            .get(2)
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("udp"));
        let keep = address_is_literal && is_udp && left > 0;
        if keep {
            left -= 1;
        }
        keep
    });
    lines.collect()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Chromium sends, shortened.
    pub const CHROMIUM: &str = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 103 104\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=candidate:1 1 udp 2122260223 6b0c4e8a-1d1f-4f04-8b9f-6b8c1e2e8d1a.local 54321 typ host generation 0\r\na=candidate:2 1 udp 2122260222 192.0.2.7 54322 typ host generation 0\r\na=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=ice-options:trickle\r\na=fingerprint:sha-256 0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20:21:22:23:24:25:26:27:28:29\r\na=setup:actpass\r\na=mid:0\r\na=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:103 H264/90000\r\na=rtcp-fb:103 nack\r\na=rtcp-fb:103 nack pli\r\na=fmtp:103 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:104 rtx/90000\r\na=fmtp:104 apt=103\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F:20:21:22:23:24:25:26:27:28:29\r\na=setup:actpass\r\na=mid:1\r\na=sctp-port:5000\r\n";

    #[test]
    fn useful_candidates_stay_and_others_go() {
        let offer = Offer::read(CHROMIUM).unwrap();
        assert!(offer.sdp.contains("a=candidate:2 "));
        assert!(!offer.sdp.contains("a=candidate:1 ") && !offer.sdp.contains("a=candidate:3 "));
        let flood: String = (0..1000)
            .map(|n| format!("a=candidate:9 1 udp 1 192.0.2.7 {n} typ host\r\n"))
            .collect();
        let offer = Offer::read(&format!("{CHROMIUM}{flood}")).unwrap();
        assert_eq!(offer.sdp.matches("a=candidate:").count(), MAX_CANDIDATES);
    }

    #[test]
    fn each_refusal_has_its_own_name() {
        let refusal = |sdp: &str| Offer::read(sdp).err();
        assert_eq!(
            refusal(&CHROMIUM.replace("m=video", "m=audio")),
            Some(PeerError::NoVideo)
        );
        assert_eq!(
            refusal(&CHROMIUM.replace("recvonly", "sendonly")),
            Some(PeerError::NoVideo)
        );
        assert_eq!(
            refusal(&CHROMIUM.replace("H264", "H265")),
            Some(PeerError::NoH264)
        );
        assert_eq!(
            refusal(&CHROMIUM.replace("packetization-mode=1", "packetization-mode=0")),
            Some(PeerError::NoH264)
        );
        for malformed in ["", "hello", "{}", &CHROMIUM.replace("a=fingerprint", "a=x")] {
            let refused = refusal(malformed);
            assert!(
                matches!(refused, Some(PeerError::Malformed(_))),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn the_same_connection_is_recognized() {
        let origin = |sdp: &str| Offer::read(sdp).unwrap().origin;
        let restarted = CHROMIUM
            .replace("abcd", "efgh")
            .replace("336 2 IN", "336 3 IN");
        assert_eq!(origin(CHROMIUM), origin(&restarted));
        assert_ne!(
            origin(CHROMIUM),
            origin(&CHROMIUM.replace("0A:0B", "AA:BB"))
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,300}") {
            let _ = Offer::read(&text);
        }

        #[test]
        fn a_damaged_offer_is_read_without_panic(from in 0usize..1500, to in 0usize..1500) {
            let (from, to) = (from.min(to).min(CHROMIUM.len()), from.max(to).min(CHROMIUM.len()));
            let _ = Offer::read(&format!("{}{}", &CHROMIUM[..from], &CHROMIUM[to..]));
        }
    }
}
