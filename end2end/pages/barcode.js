// A number → 24 black or white blocks; support/picture.mjs reads them from the video.
//
// 24 px a block: what is left of it after chroma subsampling, quantization and scaling still has a clear centre.
// First white, then black (so that the reader knows both), 20 bits, the highest first, and the number of ones modulo 4.

function barcode(left, top) {
  const BLOCK = 24;
  const canvas = document.createElement('canvas');
  canvas.width = 24;
  canvas.height = 1;
  canvas.style.cssText =
    `position: fixed; left: ${left}px; top: ${top}px; width: ${24 * BLOCK}px; height: ${BLOCK}px; image-rendering: pixelated`;
  (document.body ?? document.documentElement).append(canvas);
  const brush = canvas.getContext('2d');
  return {
    draw(number) {
      const bits = (number % 2 ** 20).toString(2).padStart(20, '0');
      const ones = [...bits].filter((bit) => bit === '1').length % 4;
      const blocks = `10${bits}${ones.toString(2).padStart(2, '0')}`;
      brush.fillStyle = 'black';
      brush.fillRect(0, 0, 24, 1);
      brush.fillStyle = 'white';
      for (let at = 0; at < 24; at++) if (blocks[at] === '1') brush.fillRect(at, 0, 1, 1);
    },
  };
}
