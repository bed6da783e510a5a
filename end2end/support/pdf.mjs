// What a PDF of Chrome's says, to whoever reads it: its text, as far as its fonts map glyphs to letters alike.

import { inflateSync } from 'node:zlib';

/** The streams of a PDF that are compressed, in their order. */
function streams(pdf) {
  const found = [];
  const text = pdf.toString('latin1');
  for (const { index, 0: begin } of text.matchAll(/stream\r?\n/g)) {
    const at = index + begin.length;
    try {
      found.push(inflateSync(pdf.subarray(at, text.indexOf('endstream', at))).toString('latin1'));
    } catch {
      // It is not compressed, or the end of one.
    }
  }
  return found;
}

/** Which letters its fonts' glyphs are. */
function letters(stream, known) {
  const number = (hex) => parseInt(hex, 16);
  for (const [, block] of stream.matchAll(/beginbfchar([^]*?)endbfchar/g)) {
    for (const [, glyph, letter] of block.matchAll(/<(\w+)> <(\w+)>/g)) known.set(number(glyph), number(letter));
  }
  for (const [, block] of stream.matchAll(/beginbfrange([^]*?)endbfrange/g)) {
    for (const [, first, last, letter] of block.matchAll(/<(\w+)> <(\w+)> <(\w+)>/g)) {
      for (let glyph = number(first); glyph <= number(last); glyph++) known.set(glyph, number(letter) + glyph - number(first));
    }
  }
}

/** Line by line. */
export function textOf(pdf) {
  const all = streams(pdf);
  const known = new Map();
  for (const stream of all) letters(stream, known);
  const lines = all.filter((stream) => !stream.includes('beginbf')).flatMap((stream) => stream.match(/(?<=BT)[^]*?(?=\bET\b)/g) ?? []);
  const glyphs = (line) => [...line.matchAll(/<(\w+)>/g)].flatMap(([, hex]) => hex.match(/.{4}/g) ?? []);
  return lines.map((line) => glyphs(line).map((glyph) => String.fromCodePoint(known.get(parseInt(glyph, 16)) ?? 0xfffd)).join('')).join('\n');
}
