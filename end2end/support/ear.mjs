// Runs in the viewer's page before its own scripts: hears all that comes out of it, by an element or by Web Audio.

/** @typedef {{ frequency: number, level: number }} Tone the loudest, in Hz, and its level in dB below full scale */
/** @typedef {{ left: () => Tone, right: () => Tone, clicks: number[], gaps: number[], from: string | null, volume: number, isPlaying: boolean }} Ear */

/** Installs `window.ear`. */
export function hearAll() {
  /** @type {{ context: AudioContext, channels: AnalyserNode[], from: string } | null} */
  let heard = null;
  /** @type {HTMLAudioElement | null} */
  let element = null;
  const ear = {
    left: () => tone(0),
    right: () => tone(1),
    /** When clicks were heard, in milliseconds since 1970. */
    clicks: /** @type {number[]} */ ([]),
    /** How long it was silent in the midst of what it hears, in milliseconds. */
    gaps: /** @type {number[]} */ ([]),
    /** Which way it came: `track` or `packets`. */
    get from() {
      return heard && heard.from;
    },
    /** Whether its element plays. */
    get isPlaying() {
      return element !== null && !element.paused;
    },
    /** What its element multiplies it by. */
    get volume() {
      return element ? Number(!element.muted) * element.volume : 1;
    },
  };
  Object.assign(window, { ear });

  const tone = (/** @type {number} */ channel) => {
    if (!heard) return { frequency: 0, level: -Infinity };
    const analyser = heard.channels[channel];
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const at = bins.reduce((best, level, bin) => (level > bins[best] ? bin : best), 0);
    return { frequency: (at * heard.context.sampleRate) / analyser.fftSize, level: bins[at] };
  };

  const LOUD = 0.05;
  const listen = (/** @type {AudioContext} */ context, /** @type {AudioNode} */ source, /** @type {string} */ from) => {
    const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
    source.connect(splitter);
    const channels = [0, 1].map((channel) => {
      const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
      splitter.connect(analyser, channel);
      return analyser;
    });
    heard = { context, channels, from };
    // To the sample: what it is given is older than its event.
    const SIZE = 256;
    const taken = context.createScriptProcessor(SIZE, 2, 1);
    let loudAt = -1;
    taken.onaudioprocess = ({ inputBuffer, playbackTime }) => {
      const samples = inputBuffer.getChannelData(0);
      const { contextTime = 0, performanceTime = 0 } = context.getOutputTimestamp();
      for (let at = 0; at < SIZE; at++) {
        if (Math.abs(samples[at]) < LOUD) continue;
        const time = playbackTime - (2 * SIZE - at) / context.sampleRate;
        const silent = (time - loudAt) * 1000;
        if (loudAt < 0 || silent > 100) ear.clicks.push(performance.timeOrigin + performanceTime + (time - contextTime) * 1000);
        else if (silent > 3) ear.gaps.push(silent);
        loudAt = time;
      }
    };
    source.connect(taken);
    own.call(taken, new GainNode(context, { gain: 0 }));
    own.call(taken, context.destination);
  };

  const own = /** @type {(node: AudioNode) => AudioNode} */ (AudioNode.prototype.connect);
  // @ts-expect-error: of its three ways only this is of use here.
  AudioNode.prototype.connect = function (/** @type {any} */ to, /** @type {any[]} */ ...rest) {
    if (to instanceof AudioDestinationNode && !(this instanceof ScriptProcessorNode)) {
      listen(/** @type {AudioContext} */ (this.context), this, 'packets');
    }
    // @ts-expect-error: as it was called.
    return own.call(this, to, ...rest);
  };

  const Native = window.Audio;
  // @ts-expect-error: a constructor that gives what another made.
  window.Audio = function () {
    const made = new Native();
    element = made;
    const given = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'srcObject');
    Object.defineProperty(made, 'srcObject', {
      get: () => given?.get?.call(made),
      set(/** @type {MediaStream | null} */ stream) {
        given?.set?.call(made, stream);
        if (!stream?.getAudioTracks().length) return;
        const context = new AudioContext({ sampleRate: 48_000 });
        listen(context, context.createMediaStreamSource(stream), 'track');
      },
    });
    return made;
  };
  window.Audio.prototype = Native.prototype;
}
