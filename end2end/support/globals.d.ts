// What the instruments leave on the viewer's window.

import type { Instruments } from './instruments.mjs';
import type { Stopwatch } from './stopwatch.mjs';

declare global {
  interface Window {
    instruments: Instruments;
    stopwatch: Stopwatch;
    /** With `keepMediaPortShut`. */
    mediaPort: { open: () => void };
  }
}
