// Runs in the own world of a page and of each of its frames. Chrome has no printer here, so its `window.print()` does
// nothing and tells nobody; this one dispatches an event that `script.js` hears in its isolated world. A frame may be made,
// printed and removed at once: the event comes to the outermost window that it may reach, which has that script for long.
(() => {
  const [MadeEvent, MadeUIEvent, send, later] = [Event, UIEvent, EventTarget.prototype.dispatchEvent, setTimeout];
  const [MOST_TRIES, BETWEEN_TRIES] = [40, 50];
  const outermost = () => {
    let window = self;
    try {
      while (window.parent !== window && window.parent.document) window = window.parent;
    } catch {
      // What lies around it is another site's.
    }
    return window;
  };
  const tell = (name) => send.call(self, new MadeEvent(name));
  // A page that prints while it loads may be there before our script is.
  const want = (tries) => {
    const isHeard = !send.call(outermost(), new MadeUIEvent('farpane-print', { view: self, cancelable: true }));
    if (!isHeard && tries < MOST_TRIES) later(() => want(tries + 1), BETWEEN_TRIES);
  };
  const isMain = self === top;
  const print = function () {
    // Of a page Chrome itself tells that.
    if (!isMain) tell('beforeprint');
    want(0);
    if (!isMain) tell('afterprint');
  }.bind();
  Object.defineProperty(print, 'name', { value: 'print', configurable: true });
  Object.defineProperty(window, 'print', { value: print, writable: true, enumerable: true, configurable: true });
})();
