// The viewer's page → the luma of its video, frame by frame, and a picture's pixels. All of it runs inside that page.

/**
 * What `watchLuma` leaves on `window.lumaWatch`.
 * @typedef {object} LumaWatch
 * @property {{ at: number, bytes: Uint8Array, width: number, height: number }[]} frames the last ones that were shown: when
 *   (epoch milliseconds), and luma as it was decoded, 16 to 235
 */

/** Keeps every frame that is shown from now on, and the one that is shown now. */
export async function watchLuma() {
  const KEPT = 60;
  const video = document.querySelector('video');
  if (!video) throw new Error('no video');
  /** @type {LumaWatch} */
  const watch = { frames: [] };
  Object.assign(window, { lumaWatch: watch });
  const keep = async () => {
    const at = performance.timeOrigin + performance.now();
    const frame = new VideoFrame(video);
    const { width, height } = frame.visibleRect ?? { width: 0, height: 0 };
    const bytes = new Uint8Array(frame.allocationSize());
    // Planes without gaps, luma first.
    const [{ stride }] = await frame.copyTo(bytes);
    frame.close();
    const luma = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) luma.set(bytes.subarray(y * stride, y * stride + width), y * width);
    watch.frames.push({ at, bytes: luma, width, height });
    watch.frames.splice(0, watch.frames.length - KEPT);
  };
  const next = () => {
    void keep();
    video.requestVideoFrameCallback(next);
  };
  video.requestVideoFrameCallback(next);
  await keep();
}

/**
 * What was kept, without a number for each pixel: luma as base64.
 */
export function keptLuma() {
  return window.lumaWatch.frames.map(({ at, bytes, width, height }) => {
    let text = '';
    for (let from = 0; from < bytes.length; from += 8192) text += String.fromCharCode(...bytes.subarray(from, from + 8192));
    return { at, width, height, luma: btoa(text) };
  });
}

/**
 * A picture's red, green and blue with a fourth byte each, as base64.
 * @param {string} url
 */
export async function pixelsOf(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  const brush = new OffscreenCanvas(image.width, image.height).getContext('2d', { willReadFrequently: true });
  if (!brush) throw new Error('no 2d context');
  brush.drawImage(image, 0, 0);
  const { data } = brush.getImageData(0, 0, image.width, image.height);
  let text = '';
  for (let from = 0; from < data.length; from += 8192) text += String.fromCharCode(...data.subarray(from, from + 8192));
  return btoa(text);
}
