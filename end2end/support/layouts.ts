// What a person's own browser reports on each layout, key by key.

/** As the DevTools protocol counts them. */
export const ALT = 1;
export const CTRL = 2;
export const META = 4;
export const SHIFT = 8;

/** A key that is pressed and let go: its place, what it is called there, and what the person holds meanwhile. */
export interface Stroke {
  code: string;
  key: string;
  shift?: boolean;
  /** AltGr, or Option on a Mac: as Windows tells it, Ctrl and Alt are down. */
  altGr?: boolean;
  location?: number;
}

export interface Layout {
  name: string;
  strokes: Stroke[];
}

const plain = (pairs: Record<string, string>): Stroke[] => Object.entries(pairs).map(([code, key]) => ({ code, key }));
const shifted = (pairs: Record<string, string>): Stroke[] => plain(pairs).map((stroke) => ({ ...stroke, shift: true }));
const third = (pairs: Record<string, string>): Stroke[] => plain(pairs).map((stroke) => ({ ...stroke, altGr: true }));

export const LAYOUTS: Layout[] = [
  {
    name: 'US',
    strokes: [
      ...plain({ KeyQ: 'q', KeyZ: 'z', Digit2: '2', Semicolon: ';', Quote: "'", Backquote: '`', Backslash: '\\', Slash: '/' }),
      ...shifted({ KeyQ: 'Q', Digit2: '@', Digit3: '#', Quote: '"', Backquote: '~', Backslash: '|' }),
    ],
  },
  {
    name: 'UK',
    strokes: [
      ...plain({ IntlBackslash: '\\', Backslash: '#', Quote: "'" }),
      ...shifted({ Digit2: '"', Digit3: '£', Quote: '@', Backslash: '~', IntlBackslash: '|', Backquote: '¬' }),
      ...third({ Digit4: '€', KeyE: 'é' }),
    ],
  },
  {
    name: 'German',
    strokes: [
      ...plain({ KeyY: 'z', KeyZ: 'y', Semicolon: 'ö', Quote: 'ä', BracketLeft: 'ü', Minus: 'ß', Slash: '-', IntlBackslash: '<', Backslash: '#' }),
      ...shifted({ KeyY: 'Z', Semicolon: 'Ö', Digit7: '/', Digit0: '=', Minus: '?', Backquote: '°', IntlBackslash: '>' }),
      ...third({ KeyQ: '@', KeyE: '€', Digit7: '{', Digit0: '}', Minus: '\\', IntlBackslash: '|', BracketRight: '~' }),
    ],
  },
  {
    name: 'French',
    strokes: [
      ...plain({ KeyQ: 'a', KeyW: 'z', KeyA: 'q', Semicolon: 'm', KeyM: ',', Digit2: 'é', Digit7: 'è', Digit9: 'ç', Digit0: 'à', Quote: 'ù', Slash: '!' }),
      ...shifted({ KeyQ: 'A', Digit2: '2', Digit0: '0', Comma: '.', Slash: '§', Backslash: 'µ' }),
      ...third({ Digit0: '@', Digit3: '#', Digit4: '{', KeyE: '€' }),
    ],
  },
  {
    name: 'Spanish',
    strokes: [
      ...plain({ Semicolon: 'ñ', Backslash: 'ç', Equal: '¡', Minus: "'", IntlBackslash: '<', Backquote: 'º' }),
      ...shifted({ Semicolon: 'Ñ', Digit7: '/', Minus: '?', Equal: '¿', Digit3: '·', Backquote: 'ª' }),
      ...third({ Digit2: '@', Digit3: '#', Digit1: '|', Quote: '{' }),
    ],
  },
  {
    name: 'Swiss',
    strokes: [
      ...plain({ KeyY: 'z', KeyZ: 'y', BracketLeft: 'ü', Semicolon: 'ö', Quote: 'ä', Backquote: '§', Backslash: '$' }),
      ...shifted({ BracketLeft: 'è', Semicolon: 'é', Quote: 'à', Digit1: '+', Digit3: '*', Digit4: 'ç', Backslash: '£' }),
      ...third({ Digit2: '@', Digit3: '#', BracketLeft: '[', Backslash: '}' }),
    ],
  },
  {
    name: 'Japanese',
    strokes: [
      ...plain({ BracketLeft: '@', BracketRight: '[', Backslash: ']', Quote: ':', Equal: '^', IntlYen: '¥', IntlRo: '\\' }),
      ...shifted({ Digit2: '"', Digit6: '&', Digit7: "'", Minus: '=', Equal: '~', IntlYen: '|', IntlRo: '_', Semicolon: '+' }),
    ],
  },
  {
    name: 'Brazilian',
    strokes: [
      ...plain({ Semicolon: 'ç', Slash: ';', IntlRo: '/', IntlBackslash: '\\', Backquote: "'", Backslash: ']', BracketRight: '[' }),
      ...shifted({ Semicolon: 'Ç', IntlRo: '?', Slash: ':', IntlBackslash: '|', Backslash: '}' }),
      ...third({ KeyE: '°', Digit1: '¹', Digit2: '²' }),
    ],
  },
];
