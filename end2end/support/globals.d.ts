// What the instruments leave on the viewer's window.

import type { Ear } from './ear.mjs';
import type { Instruments } from './instruments.mjs';
import type { LumaWatch } from './luma.mjs';
import type { Stopwatch } from './stopwatch.mjs';

declare global {
  interface Window {
    instruments: Instruments;
    /** With `hearAll`. */
    ear: Ear;
    lumaWatch: LumaWatch;
    stopwatch: Stopwatch;
    /** With `keepMediaPortShut`. */
    mediaPort: { open: () => void };
    /** Frames, where nothing decodes them. */
    arrived: number;
  }
}
