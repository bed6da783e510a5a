//! `RTCStatsReport` → [`Reading`].

use js_sys::{Map, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use crate::stats::reading::Reading;

/// What a browser does not report stays 0 or `None`.
pub fn read(report: &JsValue) -> Reading {
    // A report is map-like: its `forEach` is a `Map`'s.
    let report: &Map = report.unchecked_ref();
    let mut reading = Reading::default();
    let mut pair_id = None;
    report.for_each(&mut |entry, _| match text(&entry, "type").as_deref() {
        Some("inbound-rtp") if text(&entry, "kind").as_deref() == Some("video") => {
            read_stream(&entry, &mut reading);
        }
        Some("transport") => {
            pair_id = text(&entry, "selectedCandidatePairId");
            reading.transport_packets = number(&entry, "packetsReceived").unwrap_or(0.0);
        }
        _ => {}
    });
    // Firefox has no `transport`: there the pair says itself that it was chosen.
    let (mut local_id, mut remote_id) = (None, None);
    report.for_each(&mut |entry, id| {
        let chosen = match &pair_id {
            Some(pair_id) => id.as_string().as_ref() == Some(pair_id),
            None => get(&entry, "selected").is_truthy(),
        };
        if chosen && text(&entry, "type").as_deref() == Some("candidate-pair") {
            reading.current_round_trip_time = number(&entry, "currentRoundTripTime");
            local_id = text(&entry, "localCandidateId");
            remote_id = text(&entry, "remoteCandidateId");
        }
    });
    let candidate = |id: Option<String>| id.map(|id| report.get(&id.into()));
    let relay = candidate(local_id)
        .filter(|local| text(local, "candidateType").as_deref() == Some("relay"))
        // How the relay is reached; from there on it is always UDP.
        .map(|local| text(&local, "relayProtocol").unwrap_or_default());
    reading.protocol = match relay {
        Some(over) => Some(format!("relay over {over}")),
        None => candidate(remote_id).and_then(|remote| text(&remote, "protocol")),
    };
    reading
}

fn read_stream(entry: &JsValue, reading: &mut Reading) {
    let counter = |name| number(entry, name).unwrap_or(0.0);
    reading.at_millis = counter("timestamp");
    reading.frames_received = counter("framesReceived");
    reading.frames_decoded = counter("framesDecoded");
    reading.frames_dropped = counter("framesDropped");
    reading.freeze_count = counter("freezeCount");
    reading.bytes_received = counter("bytesReceived");
    reading.packets_received = counter("packetsReceived");
    reading.packets_lost = Some(counter("packetsLost"));
    reading.jitter_buffer_delay = counter("jitterBufferDelay");
    reading.jitter_buffer_emitted_count = counter("jitterBufferEmittedCount");
    reading.total_decode_time = counter("totalDecodeTime");
    reading.frame_width = counter("frameWidth");
    reading.frame_height = counter("frameHeight");
    reading.decoder = text(entry, "decoderImplementation");
}

fn get(entry: &JsValue, name: &str) -> JsValue {
    // Throws only where there is no object at all, and then there is no value either.
    Reflect::get(entry, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

fn number(entry: &JsValue, name: &str) -> Option<f64> {
    get(entry, name).as_f64()
}

fn text(entry: &JsValue, name: &str) -> Option<String> {
    get(entry, name).as_string()
}
