// Runs in the own world of a page and of each of its frames. Chrome has no printer here, so its `window.print()` does
// nothing and tells nobody; this one dispatches an event that `script.js` hears in its isolated world. A frame may be made,
// printed and removed at once: the event comes to the outermost window that it may reach, which has that script for long.
(() => {
  const [MadeEvent, MadeUIEvent, send] = [Event, UIEvent, EventTarget.prototype.dispatchEvent];
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
  const isMain = self === top;
  const print = function () {
    // Of a page Chrome itself tells that.
    if (!isMain) tell('beforeprint');
    send.call(outermost(), new MadeUIEvent('farpane-print', { view: self }));
    if (!isMain) tell('afterprint');
  }.bind();
  Object.defineProperty(print, 'name', { value: 'print', configurable: true });
  Object.defineProperty(window, 'print', { value: print, writable: true, enumerable: true, configurable: true });
})();
