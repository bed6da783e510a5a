// The viewer's page → what its <video>, or the canvas over it, shows; its peers and sockets. Runs inside that page, before its own scripts.

/**
 * A box in the page's pixels.
 * @typedef {{ x: number, y: number, width: number, height: number }} Box
 */

/**
 * What `installInstruments` leaves on `window.instruments`.
 * @typedef {object} Instruments
 * @property {RTCPeerConnection[]} peers all that the page has made
 * @property {RTCDataChannel[]} channels
 * @property {WebSocket[]} sockets
 * @property {() => { width: number, height: number } | null} size of the page: of the largest picture so far; `null` before any
 * @property {(x: number, y: number) => Promise<number[] | null>} pixel red, green, blue; `null` while there is no picture
 * @property {() => Promise<number | null>} barcode the number that pages/barcode.js drew at the top left, if it can be
 *   read; like `pixel`, of the picture that is shown at the call
 * @property {() => void} remember keeps the picture of now for `changed`
 * @property {(within?: Box) => Box | null} changed the smallest box around what differs from the remembered picture
 */

/** For `addInitScript`: must not refer to anything outside itself. */
export function installInstruments() {
  const peers = /** @type {RTCPeerConnection[]} */ ([]);
  const channels = /** @type {RTCDataChannel[]} */ ([]);
  const sockets = /** @type {WebSocket[]} */ ([]);
  window.WebSocket = class extends WebSocket {
    /** @param {[url: string | URL, protocols?: string | string[]]} how */
    constructor(...how) {
      super(...how);
      sockets.push(this);
    }
  };
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      super(configuration);
      peers.push(this);
    }
    /**
     * @param {string} label
     * @param {RTCDataChannelInit} [options]
     */
    createDataChannel(label, options) {
      const channel = super.createDataChannel(label, options);
      channels.push(channel);
      return channel;
    }
  };

  /**
   * @param {number} width
   * @param {number} height
   */
  function brushOf(width, height) {
    const brush = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
    if (!brush) throw new Error('no 2d context');
    return brush;
  }
  /** @returns {{ source: HTMLVideoElement | HTMLCanvasElement, width: number, height: number } | null} */
  function picture() {
    const canvas = /** @type {HTMLCanvasElement | null} */ (document.querySelector('canvas.over'));
    if (canvas && !canvas.hidden) return { source: canvas, width: canvas.width, height: canvas.height };
    const video = document.querySelector('video');
    if (!video || video.videoWidth === 0 || video.readyState < 2) return null;
    return { source: video, width: video.videoWidth, height: video.videoHeight };
  }

  /** The page's size: a picture that is smaller for a while shows the same page. */
  const size = { width: 0, height: 0 };
  /**
   * The picture's pixels per pixel of the page.
   * @param {{ width: number, height: number }} shown
   */
  function scaleOf({ width, height }) {
    if (width > size.width) Object.assign(size, { width, height });
    return width / size.width;
  }

  const BLOCK = 24;

  /** @typedef {(x: number, y: number) => number[]} Colors red, green, blue at a point of the picture */

  /**
   * The colours in a box of the picture that is shown now. To draw a video costs its page the conversion of the whole
   * frame, 30 ms at 1080p; of a frame as it was decoded, nothing but the box is read.
   * @param {{ source: HTMLVideoElement | HTMLCanvasElement, width: number, height: number }} shown
   * @param {Box} box
   * @returns {Promise<Colors>}
   */
  async function colorsIn(shown, box) {
    const even = (/** @type {number} */ side) => Math.floor(side / 2) * 2;
    const x = even(Math.min(box.x, shown.width - 2));
    const y = even(Math.min(box.y, shown.height - 2));
    const rect = { x, y, width: even(box.x + box.width - x + 1), height: even(box.y + box.height - y + 1) };
    if (shown.source instanceof HTMLVideoElement && window.VideoFrame) {
      const frame = new VideoFrame(shown.source);
      try {
        if (frame.format === 'I420' && frame.displayWidth === shown.width) {
          const bytes = new Uint8Array(frame.allocationSize({ rect }));
          const { colorSpace } = frame;
          const planes = await frame.copyTo(bytes, { rect });
          return (x, y) => rgbOf(bytes, planes, x - rect.x, y - rect.y, colorSpace);
        }
      } finally {
        frame.close();
      }
    }
    const brush = brushOf(rect.width, rect.height);
    brush.drawImage(shown.source, -rect.x, -rect.y);
    const { data } = brush.getImageData(0, 0, rect.width, rect.height);
    return (x, y) => [...data.slice(((y - rect.y) * rect.width + x - rect.x) * 4).slice(0, 3)];
  }

  /**
   * @param {Uint8Array} bytes
   * @param {PlaneLayout[]} planes
   * @param {number} x
   * @param {number} y
   * @param {VideoColorSpace} space
   */
  function rgbOf(bytes, planes, x, y, { matrix, fullRange }) {
    const sample = (/** @type {number} */ plane, /** @type {number} */ by) =>
      bytes[planes[plane].offset + (y >> by) * planes[plane].stride + (x >> by)];
    const [black, range, chroma] = fullRange ? [0, 255, 255] : [16, 219, 224];
    const [kr, kb] = matrix === 'bt709' ? [0.2126, 0.0722] : [0.299, 0.114];
    const [luma, cb, cr] = [(sample(0, 0) - black) / range, (sample(1, 1) - 128) / chroma, (sample(2, 1) - 128) / chroma];
    const [red, blue] = [luma + 2 * (1 - kr) * cr, luma + 2 * (1 - kb) * cb];
    const green = (luma - kr * red - kb * blue) / (1 - kr - kb);
    return [red, green, blue].map((level) => Math.min(Math.max(Math.round(level * 255), 0), 255));
  }

  /** @type {ImageData | null} */
  let remembered = null;
  function wholePicture() {
    const shown = picture();
    if (!shown) return null;
    const brush = brushOf(shown.width, shown.height);
    brush.drawImage(shown.source, 0, 0);
    return brush.getImageData(0, 0, shown.width, shown.height);
  }

  /** @type {Instruments} */
  const instruments = {
    peers,
    channels,
    sockets,
    size() {
      const shown = picture();
      if (shown) scaleOf(shown);
      return size.width > 0 ? size : null;
    },
    async pixel(x, y) {
      const shown = picture();
      if (!shown) return null;
      const scale = scaleOf(shown);
      const [left, top] = [Math.floor(x * scale), Math.floor(y * scale)];
      const colors = await colorsIn(shown, { x: left, y: top, width: 1, height: 1 });
      return colors(left, top);
    },
    async barcode() {
      const shown = picture();
      if (!shown) return null;
      const block = BLOCK * scaleOf(shown);
      const middle = Math.floor(block / 2);
      const colors = await colorsIn(shown, { x: 0, y: middle, width: Math.ceil(24 * block), height: 1 });
      const green = Array.from({ length: 24 }, (_, at) => colors(Math.floor((at + 0.5) * block), middle)[1]);
      const [white, black] = green;
      if (white - black < 120) return null;
      const bits = green.map((level) => Number(level > (white + black) / 2));
      const ones = bits.slice(2, 22).reduce((sum, bit) => sum + bit, 0);
      if (ones % 4 !== bits[22] * 2 + bits[23]) return null;
      return bits.slice(2, 22).reduce((number, bit) => number * 2 + bit, 0);
    },
    remember() {
      remembered = wholePicture();
    },
    changed(within) {
      const before = remembered;
      const now = wholePicture();
      if (!before || !now || before.width !== now.width || before.height !== now.height) return null;
      const area = within ?? { x: 0, y: 0, width: now.width, height: now.height };
      let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
      for (let y = Math.round(area.y); y < Math.min(area.y + area.height, now.height); y++) {
        for (let x = Math.round(area.x); x < Math.min(area.x + area.width, now.width); x++) {
          const at = (y * now.width + x) * 4;
          const difference =
            Math.abs(now.data[at] - before.data[at]) +
            Math.abs(now.data[at + 1] - before.data[at + 1]) +
            Math.abs(now.data[at + 2] - before.data[at + 2]);
          // Quantization moves a still pixel by a few steps; a popup over another colour by far more.
          if (difference > 90) {
            left = Math.min(left, x);
            right = Math.max(right, x);
            top = Math.min(top, y);
            bottom = Math.max(bottom, y);
          }
        }
      }
      return right < 0 ? null : { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
    },
  };
  Object.assign(window, { instruments });
}

/**
 * For `addInitScript`: the page's data channels never open, as on a network that lets nothing but media through.
 * The peer still has channels of its own in its offer; the page only holds others, of a peer that is never connected.
 */
export function keepDataChannelsShut() {
  const create = RTCPeerConnection.prototype.createDataChannel;
  /** @type {typeof create} */
  RTCPeerConnection.prototype.createDataChannel = function (label, options) {
    create.call(this, label, options);
    return create.call(new RTCPeerConnection(), label, options);
  };
}

/**
 * For `addInitScript`: the server's media port cannot be reached, as where nothing but a proxy for the web leads out.
 * Every way over UDP and TCP ends at port 9 of the same machine, where nobody listens, until `mediaPort.open()`.
 */
export function keepMediaPortShut() {
  let shut = true;
  const accept = RTCPeerConnection.prototype.setRemoteDescription;
  /** @type {typeof accept} */
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const closed = description.sdp?.replace(/^(a=candidate:\S+ \d+ \w+ \d+ \S+) \d+ /gim, '$1 9 ');
    return accept.call(this, { ...description, type: description.type, sdp: shut ? closed : description.sdp });
  };
  const open = () => {
    shut = false;
  };
  Object.assign(window, { mediaPort: { open } });
}

/** For `addInitScript`: the browser's WebRTC has no H.264, as Firefox without its OpenH264 plugin. */
export function hideH264() {
  const tell = RTCRtpReceiver.getCapabilities;
  RTCRtpReceiver.getCapabilities = (kind) => {
    const told = tell.call(RTCRtpReceiver, kind);
    return told && { ...told, codecs: told.codecs.filter(({ mimeType }) => !/h264/i.test(mimeType)) };
  };
}

/** For `addInitScript`: the page uses relayed candidates alone, as where only the TURN server can be reached. */
export function keepToRelays() {
  const configure = RTCPeerConnection.prototype.setConfiguration;
  RTCPeerConnection.prototype.setConfiguration = function (configuration) {
    configure.call(this, { ...configuration, iceTransportPolicy: 'relay' });
  };
}

/** For `addInitScript`: the page knows no way over UDP, as on a network that lets only TCP through. */
export function keepUdpShut() {
  const accept = RTCPeerConnection.prototype.setRemoteDescription;
  /** @type {typeof accept} */
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp?.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '');
    return accept.call(this, { ...description, type: description.type, sdp });
  };
}

/**
 * For `addInitScript`: all packets arrive, but nothing is decoded, as where a browser is not ready for the stream yet,
 * until `decoder.open()`.
 */
export function keepDecoderShut() {
  let shut = true;
  window.RTCPeerConnection = class extends RTCPeerConnection {
    /** @param {RTCConfiguration} [configuration] */
    constructor(configuration) {
      // Chromium's own, from before `RTCRtpScriptTransform`, which would need a worker.
      super(/** @type {RTCConfiguration} */ ({ ...configuration, encodedInsertableStreams: true }));
      this.addEventListener('track', ({ receiver }) => {
        const { readable, writable } = /** @type {any} */ (receiver).createEncodedStreams();
        /** @type {Transformer} */
        const gate = { transform: (frame, out) => void (shut || out.enqueue(frame)) };
        void readable.pipeThrough(new TransformStream(gate)).pipeTo(writable);
      });
    }
  };
  const open = () => {
    shut = false;
  };
  Object.assign(window, { decoder: { open } });
}

/** For `addInitScript`: the page does not learn that it should show frames at once. */
export function allowBuffering() {
  const accept = RTCPeerConnection.prototype.setRemoteDescription;
  /** @type {typeof accept} */
  RTCPeerConnection.prototype.setRemoteDescription = function (description) {
    const sdp = description.sdp?.replace(/^a=extmap:\d+ \S*playout-delay\r\n/gim, '');
    return accept.call(this, { ...description, type: description.type, sdp });
  };
}
