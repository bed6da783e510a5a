//! Pure: a link → what `nft` and `tc` are told. Loss and the bottleneck are the kernel's; the relay does the rest.

use super::link::Link;

/// The pictures' port, over UDP and TCP, at the server and at the relay.
pub const MEDIA_PORT: u16 = 40_000;

/// `tc` may send so much at once: two packets, so that the pace is even.
const BURST_BYTES: u32 = 3_100;
/// Of so many packets `nft` counts the lost ones.
const OUT_OF: u32 = 10_000;

/// Loses what comes in over `device`, whatever it is.
///
/// Where packets come in, and not where they go out: whoever sends must not hear of it.
pub fn loss(device: &str, link: &Link) -> String {
    let lost = (link.loss * f64::from(OUT_OF)).round() as u32;
    let rule = if lost >= OUT_OF {
        format!("iifname \"{device}\" drop")
    } else {
        format!("iifname \"{device}\" numgen random mod {OUT_OF} < {lost} drop")
    };
    let rule = if lost == 0 { String::new() } else { rule };
    format!(
        "table inet loss {{}}\n\
         flush table inet loss\n\
         table inet loss {{ chain arrivals {{ type filter hook prerouting priority raw; {rule}; }}; }}\n"
    )
    .replace("raw; ; }", "raw; }")
}

/// Pages may be fetched from the server itself; pictures and input have to take the relay.
pub fn only_by_relay() -> String {
    format!(
        "table inet detour {{ chain past {{ type filter hook forward priority filter; \
         meta l4proto udp drop; tcp dport {MEDIA_PORT} drop; tcp sport {MEDIA_PORT} drop; }}; }}\n"
    )
}

/// The words after `tc`; `None` when there is no bottleneck.
pub fn bottleneck(device: &str, link: &Link) -> Option<Vec<String>> {
    let rate = link.rate?;
    let words = format!(
        "qdisc replace dev {device} root tbf rate {rate}bit burst {BURST_BYTES} latency {}us",
        link.queue.as_micros().max(1_000)
    );
    Some(words.split(' ').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_link_that_loses_nothing_has_no_rule() {
        let rules = loss("up0", &Link::default());
        assert!(rules.contains("priority raw; }"), "{rules}");
        assert!(!rules.contains("drop"), "{rules}");
    }

    #[test]
    fn loss_is_counted_per_ten_thousand_and_a_cut_is_certain() {
        let link = |loss| Link {
            loss,
            ..Link::default()
        };
        assert!(loss("up0", &link(0.03)).contains("mod 10000 < 300 drop"));
        assert!(loss("up0", &link(1.0)).contains("iifname \"up0\" drop"));
    }

    #[test]
    fn the_bottleneck_is_a_token_bucket_with_the_queues_length() {
        let link = Link {
            rate: Some(1_500_000),
            queue: Duration::from_millis(200),
            ..Link::default()
        };
        let words = bottleneck("down0", &link).unwrap().join(" ");
        assert!(
            words.ends_with("tbf rate 1500000bit burst 3100 latency 200000us"),
            "{words}"
        );
        assert_eq!(bottleneck("down0", &Link::default()), None);
    }
}
