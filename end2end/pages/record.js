// What happens to this page → the site that served it (support/site.mjs), one report per event.
//
// A page with <html data-record="mousedown keydown …"> reports these DOM events by itself.

const run = new URLSearchParams(location.search).get('run');
let number = 0;

window.record = (type, details = {}) => {
  if (!run) return;
  const report = { type, page: location.pathname, opened: performance.timeOrigin, number: number++, ...details };
  const send = (keepalive) => fetch(`/events?run=${run}`, { method: 'POST', body: JSON.stringify(report), keepalive });
  // keepalive: the report outlives the page. Chrome refuses it beyond 64 KiB on their way at once.
  send(true)
    .catch(() => send(false))
    .catch(() => {});
};

// What a test compares; the DOM's own names.
const DETAILS = [
  'button', 'buttons', 'clientX', 'clientY', 'detail', 'deltaX', 'deltaY', 'deltaMode', 'isTrusted',
  'key', 'code', 'location', 'repeat', 'shiftKey', 'ctrlKey', 'altKey', 'metaKey', 'data', 'inputType', 'isComposing',
];

function report(event) {
  const details = {};
  for (const name of DETAILS) if (event[name] !== undefined) details[name] = event[name];
  if (event.getModifierState) {
    for (const lock of ['AltGraph', 'CapsLock', 'NumLock']) details[lock] = event.getModifierState(lock);
  }
  const target = event.target;
  details.target = target?.id ?? '';
  if (target?.value !== undefined) details.value = target.value;
  else if (target?.isContentEditable) details.value = target.textContent;
  details.selected = String(getSelection());
  record(event.type, details);
}

for (const type of (document.documentElement.dataset.record ?? '').split(' ').filter(Boolean)) {
  // Capturing, and not passive: a page may prevent what follows.
  addEventListener(type, report, { capture: true, passive: false });
}

function layout() {
  const boxes = {};
  for (const element of document.querySelectorAll('[id]')) {
    const { x, y, width, height } = element.getBoundingClientRect();
    boxes[element.id] = { x, y, width, height };
  }
  record('layout', { boxes, query: location.search, width: innerWidth, height: innerHeight });
}
addEventListener('load', () => {
  layout();
  addEventListener('resize', layout);
  // Chrome hands no input to a page that has not been seen yet.
  requestAnimationFrame(() => requestAnimationFrame(() => record('seen')));
});
