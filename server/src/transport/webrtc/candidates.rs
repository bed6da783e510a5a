//! Addresses → ICE candidates: our own for the ICE agent, a router's for the viewer alone.

use std::net::SocketAddr;

use rtc::ice::tcp_type::TcpType;
use rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCIceCandidate, RTCIceCandidateInit,
};
use rtc::shared::error::Error;

/// Type preference of a host candidate over UDP (RFC 8445 §5.1.2.2).
const UDP_PREFERENCE: u32 = 126;
/// … and over TCP: after all over UDP (RFC 6544 §4.2).
const TCP_PREFERENCE: u32 = 90;

/// A host candidate over UDP, and a passive one over TCP (RFC 6544) on the same port.
pub(super) fn host_candidates(address: SocketAddr) -> Result<Vec<RTCIceCandidateInit>, Error> {
    let kinds = [("udp", TcpType::Unspecified), ("tcp", TcpType::Passive)];
    let candidates = kinds.map(|(network, tcp_type)| {
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: network.to_owned(),
                address: address.ip().to_string(),
                port: address.port(),
                component: 1,
                ..CandidateConfig::default()
            },
            tcp_type,
        };
        RTCIceCandidate::from(&candidate.new_candidate_host()?).to_json()
    });
    candidates.into_iter().collect()
}

/// Adds candidates for addresses that a router translates to our own (NAT 1:1). Our ICE agent need not know them: it sees
/// what arrives at the socket.
pub(super) fn with_public_candidates(answer: &str, public: &[SocketAddr]) -> String {
    if public.is_empty() {
        return answer.to_owned();
    }
    let mut lines = String::with_capacity(answer.len() + 200 * public.len());
    for line in answer.split_inclusive('\n') {
        if line.starts_with("a=end-of-candidates") {
            for (index, address) in (0..).zip(public) {
                let (ip, port) = (address.ip(), address.port());
                let udp = priority(UDP_PREFERENCE, index);
                let tcp = priority(TCP_PREFERENCE, index);
                lines += &format!("a=candidate:7{index} 1 udp {udp} {ip} {port} typ host\r\n");
                lines += &format!(
                    "a=candidate:8{index} 1 tcp {tcp} {ip} {port} typ host tcptype passive\r\n"
                );
            }
        }
        lines += line;
    }
    lines
}

/// RFC 8445 §5.1.2.1, for component 1. Earlier addresses are preferred.
fn priority(type_preference: u32, index: u32) -> u32 {
    let local_preference = 65_000 - index.min(65_000);
    (type_preference << 24) + (local_preference << 8) + 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_come_before_the_end_of_candidates_udp_first() {
        let answer = "m=video 9\r\na=candidate:1 …\r\na=end-of-candidates\r\n";
        let public = [SocketAddr::from(([192, 0, 2, 1], 9))];
        assert_eq!(with_public_candidates(answer, &[]), answer);
        let lines = with_public_candidates(answer, &public);
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(
            lines[2..4],
            [
                "a=candidate:70 1 udp 2130569471 192.0.2.1 9 typ host",
                "a=candidate:80 1 tcp 1526589695 192.0.2.1 9 typ host tcptype passive"
            ]
        );
        assert_eq!(lines[4], "a=end-of-candidates");
    }
}
