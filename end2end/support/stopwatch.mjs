// DOM events and presented frames of the viewer's page → when what was done was seen. Runs inside that page.
//
// It must not slow down what it measures: one pixel, or one row of 24 blocks, is read from each new frame, nothing else.

/**
 * @typedef {object} Stopwatch
 * @property {'color' | 'clock' | 'off'} reads what is read from each frame
 * @property {number} rest with `clock`, milliseconds between two readings; a frame that nobody reads counts all the same
 * @property {{ waited: number, dispatch: number }[]} answers per press: from the DOM event to the frame that shows the
 *   change, and from the browser's own time stamp of that event to its first listener; milliseconds
 * @property {boolean} waiting a press has not been answered yet
 * @property {{ at: number, age?: number | null }[]} frames with `clock`: when each was presented, and how long before
 *   that the far page had drawn it (`null`: the barcode could not be read; none: nobody looked)
 * @property {number | null} firstPicture epoch milliseconds of the first frame in the colour that was waited for
 * @property {number} opened epoch milliseconds when this document's navigation began
 * @property {number} clicked epoch milliseconds of the last click in this tab, whatever page it was on
 */

/**
 * For `addInitScript`, after `installInstruments`.
 * @param {{ x: number, y: number, color: number[] }} watch a point in the video, and the colour that means "it is there"
 */
export function installStopwatch({ x, y, color }) {
  const CLICKED = 'stopwatch.clicked';
  /** @type {Stopwatch} */
  const stopwatch = {
    reads: 'color',
    rest: 0,
    answers: [],
    get waiting() {
      return pressed !== null;
    },
    frames: [],
    firstPicture: null,
    opened: performance.timeOrigin,
    get clicked() {
      return Number(sessionStorage.getItem(CLICKED));
    },
  };

  /** @type {HTMLVideoElement | null} */
  let watched = null;

  let looked = -Infinity;
  /** @type {number[] | null} */
  let seen = null;
  /** @type {{ at: number, dispatch: number, was: number[] | null } | null} */
  let pressed = null;

  /** @param {Event} event */
  const press = (event) => {
    const at = performance.now();
    pressed = { at, dispatch: at - event.timeStamp, was: seen };
  };
  // On the window and capturing: before any listener of the page itself.
  addEventListener('mousedown', press, true);
  addEventListener('keydown', press, true);
  addEventListener(
    'click',
    () => sessionStorage.setItem(CLICKED, String(performance.timeOrigin + performance.now())),
    true,
  );

  /**
   * @param {number[]} one
   * @param {number[]} other
   */
  const distance = (one, other) => one.reduce((sum, level, at) => sum + Math.abs(level - other[at]), 0);

  /** @param {number} at */
  async function look(at) {
    const { instruments } = window;
    if (stopwatch.reads === 'clock') {
      if (at - looked < stopwatch.rest) {
        stopwatch.frames.push({ at });
        return;
      }
      looked = at;
      /** @type {Stopwatch['frames'][number]} */
      const frame = { at };
      stopwatch.frames.push(frame);
      const reading = instruments.barcode();
      // Not before the picture was taken: meanwhile a newer one may have come than the clock knows of.
      const clock = Date.now();
      const drawn = await reading;
      // The barcode carries the lowest 20 bits.
      frame.age = drawn === null ? null : (((clock - drawn) % 2 ** 20) + 2 ** 20) % 2 ** 20;
    } else if (stopwatch.reads === 'color') {
      const shows = await instruments.pixel(x, y);
      if (!shows) return;
      seen = shows;
      if (stopwatch.firstPicture === null && distance(shows, color) < 90) {
        stopwatch.firstPicture = performance.timeOrigin + at;
      }
      if (pressed?.was && at > pressed.at && distance(shows, pressed.was) > 120) {
        stopwatch.answers.push({ waited: at - pressed.at, dispatch: pressed.dispatch });
        pressed = null;
      }
    }
  }

  function attach() {
    const element = document.querySelector('video');
    if (!element || element === watched) return;
    watched = element;
    element.requestVideoFrameCallback(function next() {
      // Before anything is read: reading takes its time too.
      look(performance.now());
      if (element === watched) element.requestVideoFrameCallback(next);
    });
  }
  new MutationObserver(attach).observe(document, { childList: true, subtree: true });
  Object.assign(window, { stopwatch });
}
