//! Pure: whether this browser can show what the server sends, and by which way.

use super::fallback::SocketDecoder;

/// The server's format, as WebCodecs call it: constrained baseline, level 3.1.
pub const CODEC: &str = "avc1.42e01f";

const NO_H264: &str = "This browser cannot decode H.264 video, which Farpane sends.";

/// How pictures can come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// By WebRTC, and the web socket is for networks that do not let it through.
    WebRtc,
    /// By the web socket alone (Firefox without its OpenH264 plugin).
    SocketOnly,
    /// WebCodecs have not answered yet.
    Unknown,
    None {
        sentence: &'static str,
    },
}

/// `in_webrtc`: whether the browser offers to receive H.264 ([`offers_h264`]).
pub fn support(in_webrtc: bool, in_webcodecs: SocketDecoder) -> Support {
    match (in_webrtc, in_webcodecs) {
        (true, _) => Support::WebRtc,
        (false, SocketDecoder::Able) => Support::SocketOnly,
        (false, SocketDecoder::Unknown) => Support::Unknown,
        (false, SocketDecoder::Unable) => Support::None { sentence: NO_H264 },
    }
}

/// Whether an offer's SDP takes H.264 in the one packetization that the server sends (RFC 6184: mode 1).
pub fn offers_h264(sdp: &str) -> bool {
    // A format's `fmtp` follows its `rtpmap`.
    let mut h264 = None;
    for line in sdp.lines() {
        if let Some((payload_type, codec)) = attribute(line, "a=rtpmap:") {
            h264 = codec.starts_with("H264/").then_some(payload_type);
        } else if let Some((payload_type, parameters)) = attribute(line, "a=fmtp:")
            && h264 == Some(payload_type)
            && (parameters.split(';')).any(|parameter| parameter.trim() == "packetization-mode=1")
        {
            return true;
        }
    }
    false
}

/// The offer, taking Opus in stereo (RFC 7587 §6.1): browsers play one channel unless their own offer says so.
pub fn with_stereo(sdp: &str) -> String {
    let mut opus = None;
    let lines = sdp.split_inclusive('\n').map(|line| {
        let text = line.trim_end();
        if let Some((payload_type, codec)) = attribute(text, "a=rtpmap:") {
            opus = codec
                .to_ascii_lowercase()
                .starts_with("opus/")
                .then_some(payload_type);
        } else if let Some((payload_type, parameters)) = attribute(text, "a=fmtp:")
            && opus == Some(payload_type)
            && !parameters.contains("stereo=")
        {
            let end = &line[text.len()..];
            return format!("{text};stereo=1{end}");
        }
        line.to_owned()
    });
    lines.collect()
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<(&'a str, &'a str)> {
    line.strip_prefix(name)?.split_once(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 109\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:109 H264/90000\r\n\
        a=fmtp:109 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

    #[test]
    fn an_offer_says_whether_the_browser_takes_h264() {
        assert!(offers_h264(OFFER));
        for without in [
            OFFER.replace("H264", "H265"),
            OFFER.replace("packetization-mode=1", "packetization-mode=0"),
            OFFER.replace("fmtp:109", "fmtp:96"),
            String::new(),
        ] {
            assert!(!offers_h264(&without), "{without}");
        }
    }

    #[test]
    fn opus_alone_is_taken_in_stereo() {
        let offer = format!(
            "{OFFER}m=audio 9 UDP/TLS/RTP/SAVPF 111 63\r\na=rtpmap:111 opus/48000/2\r\n\
            a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n"
        );
        let stereo = with_stereo(&offer);
        assert_eq!(stereo.matches("stereo=1").count(), 1);
        assert!(stereo.contains("a=fmtp:111 minptime=10;useinbandfec=1;stereo=1\r\n"));
        assert_eq!(stereo.replace(";stereo=1", ""), offer);
        assert_eq!(with_stereo(&stereo), stereo);
    }

    #[test]
    fn webcodecs_take_what_webrtc_does_not() {
        assert_eq!(support(false, SocketDecoder::Able), Support::SocketOnly);
        for decoder in [
            SocketDecoder::Able,
            SocketDecoder::Unable,
            SocketDecoder::Unknown,
        ] {
            assert_eq!(support(true, decoder), Support::WebRtc);
        }
    }

    #[test]
    fn a_browser_that_can_neither_gets_one_sentence() {
        let Support::None { sentence } = support(false, SocketDecoder::Unable) else {
            panic!("it cannot show anything")
        };
        assert!(sentence.contains("cannot decode H.264"), "{sentence}");
        assert_eq!(support(false, SocketDecoder::Unknown), Support::Unknown);
    }
}
