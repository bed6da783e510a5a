// Runs in the page's own world. Chrome has no printer here, so its `window.print()` does nothing and tells nobody; this one
// dispatches an event that `script.js` hears in its isolated world.
(() => {
  if (self !== top) return;
  const print = dispatchEvent.bind(window, new Event('farpane-print'));
  Object.defineProperty(print, 'name', { value: 'print', configurable: true });
  Object.defineProperty(window, 'print', { value: print, writable: true, enumerable: true, configurable: true });
})();
