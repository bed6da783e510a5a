// Runs in the page's own world: Chrome, which has no printer here, tells nobody that a page wants to be printed. So the page
// tells `script.js`, as it tells its window of anything else.
(() => {
  if (self !== top) return;
  const print = dispatchEvent.bind(window, new Event('farpane-print'));
  Object.defineProperty(print, 'name', { value: 'print', configurable: true });
  Object.defineProperty(window, 'print', { value: print, writable: true, enumerable: true, configurable: true });
})();
