// Runs in an isolated world of every frame: it sees the page's document, and the page sees nothing of it. What it reports
// is decoded in `report.rs`; what it is asked stands at the end.
(() => {
  if (globalThis.farpane) return;

  const isMain = self === top;
  const report = (kind, value) => farpaneReport(JSON.stringify({ [kind]: value }));

  // Calls `action` once, so many milliseconds after the first of several calls.
  const throttled = (millis, action) => {
    let timer = 0;
    return () => {
      timer ||= setTimeout(() => {
        timer = 0;
        action();
      }, millis);
    };
  };

  // The same value is reported once.
  const reporter = (kind, initial) => {
    let last = JSON.stringify(initial);
    return (value) => {
      const text = JSON.stringify(value);
      if (text !== last) {
        last = text;
        report(kind, value);
      }
    };
  };

  // As it is without zoom. A window that floats has its shadow on both sides, and a page that is told its size is told its
  // screen's.
  const pageWidth = () => Math.min(outerWidth - (toolbar.visible ? 0 : 2 * 16), screen.width);

  const target = (event) => event.composedPath()[0];
  const isElement = (node) => node?.nodeType === Node.ELEMENT_NODE;
  const on = (name, handler) => addEventListener(name, handler, { capture: true, passive: true });

  // Text fields.

  const TYPED = ['text', 'search', 'url', 'tel', 'email', 'password', 'number'];
  const isEditable = (element) =>
    isElement(element) &&
    (element.isContentEditable ||
      (element.localName === 'textarea' && !element.readOnly && !element.disabled) ||
      (element.localName === 'input' && TYPED.includes(element.type) && !element.readOnly && !element.disabled));

  const MODES = { tel: 'tel', url: 'url', email: 'email', number: 'decimal', search: 'search' };
  const describe = (element) =>
    isEditable(element)
      ? {
          input_mode: String(element.inputMode || MODES[element.type] || ''),
          enter_key_hint: String(element.enterKeyHint || ''),
          multiline: element.isContentEditable || element.localName === 'textarea',
        }
      : null;
  const tellField = reporter('field', null);
  const focused = () => {
    let element = document.activeElement;
    while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
    return element;
  };
  const fieldChanged = throttled(25, () => tellField(document.hasFocus() ? describe(focused()) : null));
  for (const name of ['focus', 'blur']) on(name, fieldChanged);
  fieldChanged();

  // Input that would be lost with the page.

  const tellUnsaved = reporter('unsaved', false);
  on('input', (event) => {
    const element = target(event);
    if (event.isTrusted && isEditable(element) && element.type !== 'search' && element.type !== 'password') {
      tellUnsaved(Boolean(element.isContentEditable ? element.textContent : element.value));
    }
  });
  on('submit', (event) => setTimeout(() => event.defaultPrevented || tellUnsaved(false)));

  // What can be heard.

  const playing = new Set();
  const tellAudible = reporter('audible', false);
  // A film without sound has decoded none.
  const isHeard = (media) =>
    !media.paused &&
    !media.ended &&
    !media.muted &&
    media.volume > 0 &&
    (media.localName === 'audio' || media.webkitAudioDecodedByteCount !== 0);
  const listenAgain = throttled(250, () => {
    for (const media of playing) if (media.paused || media.ended) playing.delete(media);
    tellAudible([...playing].some(isHeard));
    // What has begun may not have decoded anything yet.
    if (playing.size) listenAgain();
  });
  for (const name of ['playing', 'pause', 'ended', 'emptied']) {
    on(name, (event) => {
      if (event.target instanceof HTMLMediaElement) {
        playing.add(event.target);
        listenAgain();
      }
    });
  }

  // A context menu, where the page has none of its own. Whether it has is known when all its listeners were called.

  const shown = (node, name) => (isElement(node) && node.localName === name ? node : null);
  on('contextmenu', (event) => {
    if (!event.isTrusted) return;
    const path = event.composedPath();
    const link = path.find((node) => isElement(node) && (node.localName === 'a' || node.localName === 'area') && node.href);
    const image = path.map((node) => shown(node, 'img')).find(Boolean);
    const element = path[0];
    const field = isEditable(element);
    setTimeout(() => {
      if (event.defaultPrevented) return;
      report('menu', {
        link: link ? String(link.href.baseVal ?? link.href).slice(0, 4000) : null,
        image: image ? image.currentSrc.slice(0, 60000) : null,
        has_selection:
          String(getSelection()) !== '' || (field && element.selectionStart !== element.selectionEnd),
        is_editable: field,
      });
    });
  });

  // Find, print and save. After the page's own listeners, but for those that it adds to its window later.

  addEventListener('keydown', (event) => {
    if (!event.isTrusted || !event.ctrlKey || event.shiftKey || event.altKey || event.metaKey) return;
    const wants = (letter) => event.code === `Key${letter.toUpperCase()}` || event.key === letter;
    const wanted = wants('f') ? 'find' : wants('p') ? 'print' : wants('s') ? 'save' : null;
    if (!wanted || event.defaultPrevented) return;
    event.preventDefault();
    report(wanted, wanted === 'print' ? { by_person: true, of_frame: false } : true);
  });

  // A link for another program, before Chrome asks to run that on the server.

  const SHOWN = ['http:', 'https:', 'about:', 'blob:', 'data:', 'javascript:', 'file:'];
  addEventListener('click', (event) => {
    if (!event.isTrusted || event.defaultPrevented) return;
    const link = event.composedPath().find((node) => isElement(node) && node.localName === 'a' && node.protocol);
    if (!link || SHOWN.includes(link.protocol)) return;
    event.preventDefault();
    report('link', link.href);
  });

  // `window.print()` of this window, or of a frame within: once by itself, then only for a person, some times. A frame's
  // document is kept as it is then: the frame may be gone before anybody asks for it.

  const LARGEST_PRINTED = 32 * 1024 * 1024;
  // For as long as one click counts.
  const [MOST_PRINTS, WITHIN] = [5, 5000];
  let hasPrinted = false;
  let prints = [];
  let printed = null;
  const mayPrint = (isByPerson) => {
    const now = performance.now();
    prints = prints.filter((at) => now - at < WITHIN);
    const may = isByPerson ? prints.length < MOST_PRINTS : !hasPrinted;
    hasPrinted = true;
    if (may) prints.push(now);
    return may;
  };
  // Where a page of its own may be that loads what this document does; nowhere in one without an origin.
  const addressOf = ({ baseURI }, origin) => {
    const isOwn = /^https?:/.test(baseURI) && new URL(baseURI).origin === origin;
    if (isOwn) return baseURI.split('#')[0];
    return /^https?:/.test(origin) ? origin + '/' : null;
  };
  const pdfAt = async (url) => {
    try {
      const pdf = await (await fetch(url)).blob();
      return pdf.size <= LARGEST_PRINTED ? pdf : null;
    } catch {
      return null;
    }
  };
  const keep = ({ document, origin }) => {
    // Chrome shows it itself: it is printed already.
    const isPdf = document.contentType === 'application/pdf';
    const html = isPdf ? null : farpaneDocument(document, LARGEST_PRINTED);
    const content = isPdf ? pdfAt(document.URL) : html && new Blob([html]);
    printed = { address: isPdf ? null : addressOf(document, origin), content };
  };
  const onPrint = (event) => {
    // It is heard.
    event.preventDefault();
    const window = event.view ?? self;
    const isByPerson = [self, window].some(({ navigator }) => navigator.userActivation.isActive);
    if (!mayPrint(isByPerson)) return;
    const isOfFrame = window !== top;
    if (isOfFrame) keep(window);
    report('print', { by_person: isByPerson, of_frame: isOfFrame });
  };
  addEventListener('farpane-print', onPrint, { capture: true });

  if (isMain) {
    // The full screen: an element of a frame within makes that frame's element here the one.

    const tellFullscreen = reporter('fullscreen', false);
    on('fullscreenchange', () => tellFullscreen(document.fullscreenElement !== null));

    // Chrome's zoom. Only zoom tells the two widths apart.

    const tellZoom = reporter('zoom', undefined);
    const zoomed = throttled(150, () => {
      if (innerWidth > 0) tellZoom(Math.round((100 * pageWidth()) / innerWidth));
    });
    on('resize', zoomed);
    zoomed();

    // The page's icon.

    const size = (link) => {
      const sizes = [...link.sizes].map((size) => parseInt(size, 10) || 0);
      return Math.max(0, ...sizes);
    };
    // 32 pixels are shown: the smallest that is not smaller, else the largest.
    const rank = (link) => (size(link) >= 32 ? 10000 - size(link) : size(link));
    const icon = () => {
      const links = [...document.querySelectorAll('link[rel~="icon" i][href]')].slice(0, 50);
      const best = links.sort((one, other) => rank(other) - rank(one))[0];
      const url = best ? best.href : location.origin + '/favicon.ico';
      return /^(https?|data):/.test(url) && url.length < 60000 ? url : null;
    };
    const tellIcon = reporter('icon', undefined);
    const iconChanged = throttled(1000, () => tellIcon(icon()));
    const begin = () => {
      if (document.head) {
        const watched = { subtree: true, childList: true, attributeFilter: ['href', 'rel'] };
        new MutationObserver(iconChanged).observe(document.head, watched);
      }
      tellIcon(icon());
    };
    if (document.readyState === 'loading') addEventListener('DOMContentLoaded', begin, { once: true });
    else begin();
  }

  // Where text fields are seen, in pixels of the video.

  const FIELDS = 'input, textarea, [contenteditable]:not([contenteditable="false"])';
  const MOST_FIELDS = 200;
  let watchesTextFields = false;
  const textFields = () => {
    const { offsetLeft, offsetTop, scale } = visualViewport;
    const pixels = scale * devicePixelRatio;
    const places = [];
    for (const element of document.querySelectorAll(FIELDS)) {
      if (places.length >= MOST_FIELDS) break;
      const box = element.getBoundingClientRect();
      const isSeen = box.width > 0 && box.height > 0 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
      if (!isSeen || !isEditable(element) || !element.checkVisibility({ visibilityProperty: true })) continue;
      const [left, top] = [(box.left - offsetLeft) * pixels, (box.top - offsetTop) * pixels];
      places.push([left, top, box.width * pixels, box.height * pixels].map((length) => Math.round(length)));
    }
    return places;
  };

  // What it is asked.

  const HIDDEN = new Set(['script', 'style', 'noscript', 'template', 'textarea', 'select', 'option']);
  const MOST_FOUND = 10000;
  let found = { text: '', ranges: [], current: -1 };
  let sheet = null;

  const isBlock = (element) => !getComputedStyle(element).display.startsWith('inline');

  // Every visible text node, and whether it begins a line.
  const visibleText = () => {
    const parts = [];
    const lines = new Map();
    const lineOf = (element) => {
      let around = element;
      while (around && !lines.has(around) && !isBlock(around)) around = around.parentElement;
      const line = lines.get(around) ?? around;
      for (let inner = element; inner && inner !== around; inner = inner.parentElement) lines.set(inner, line);
      return line;
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT, (node) => {
      if (node.nodeType === Node.TEXT_NODE) return NodeFilter.FILTER_ACCEPT;
      const hidden = HIDDEN.has(node.localName) || !node.checkVisibility({ visibilityProperty: true });
      return hidden ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_SKIP;
    });
    let before = null;
    while (walker.nextNode()) {
      const node = walker.currentNode;
      const line = lineOf(node.parentElement);
      parts.push({ node, begins: line !== before });
      before = line;
    }
    return parts;
  };

  const folded = (text) => {
    const lower = text.toLowerCase();
    // What grows by that has other places.
    return lower.length === text.length ? lower : text;
  };

  const search = (text) => {
    const starts = [];
    const nodes = [];
    let all = '';
    for (const { node, begins } of visibleText()) {
      if (begins) all += '\n';
      starts.push(all.length);
      nodes.push(node);
      all += node.data;
    }
    const orderOf = new Map(nodes.map((node, order) => [node, order]));
    all = folded(all).replace(/[\t\r\u00a0]/g, ' ');
    const wanted = folded(text);
    const ranges = [];
    let first = 0;
    const place = (at, isEnd) => {
      let low = first;
      let high = starts.length - 1;
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (starts[middle] < at || (!isEnd && starts[middle] === at)) low = middle;
        else high = middle - 1;
      }
      first = low;
      return [nodes[low], at - starts[low]];
    };
    for (let at = all.indexOf(wanted); at >= 0 && ranges.length < MOST_FOUND; at = all.indexOf(wanted, at + wanted.length)) {
      const range = new Range();
      range.setStart(...place(at, false));
      range.setEnd(...place(at + wanted.length, true));
      ranges.push(range);
    }
    return { ranges, orderOf };
  };

  const isSeen = (range) => {
    const box = range.getBoundingClientRect();
    return box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
  };

  const mark = () => {
    if (!sheet) {
      sheet = new CSSStyleSheet();
      sheet.replaceSync(
        '::highlight(farpane-found) { background: #ffe066; color: #000 } ' +
          '::highlight(farpane-current) { background: #ff922b; color: #000 }',
      );
    }
    const others = document.adoptedStyleSheets.filter((other) => other !== sheet);
    document.adoptedStyleSheets = found.ranges.length ? [...others, sheet] : others;
    CSS.highlights.delete('farpane-found');
    CSS.highlights.delete('farpane-current');
    if (!found.ranges.length) return;
    CSS.highlights.set('farpane-found', new Highlight(...found.ranges));
    if (found.current < 0) return;
    const current = new Highlight(found.ranges[found.current]);
    current.priority = 1;
    CSS.highlights.set('farpane-current', current);
  };

  // Files that the person drags over the page, drops or pastes. The events are made here: a drag of Chrome's own would open
  // what no page takes, as a file of the server.

  const MOST_EXPECTED = 8;
  let over = null;
  // By the number of the drop: inputs of this document, or the frame of another site that the files are for.
  const inputs = new Map();
  const passed = new Map();
  const remember = (known, key, value) => {
    if (known.size >= MOST_EXPECTED) known.delete(known.keys().next().value);
    known.set(key, value);
  };

  // A point of a frame's own window.
  const pointWithin = (frame, x, y) => {
    const box = frame.getBoundingClientRect();
    const { paddingLeft, paddingTop } = getComputedStyle(frame);
    const [across, down] = [box.width / frame.offsetWidth || 1, box.height / frame.offsetHeight || 1];
    return [
      (x - box.left) / across - frame.clientLeft - parseFloat(paddingLeft),
      (y - box.top) / down - frame.clientTop - parseFloat(paddingTop),
    ];
  };
  // The element at a point of the window, in frames of the same site too, and the point within its own window.
  const elementAt = (root, x, y) => {
    let element = root.elementFromPoint(x, y);
    for (let inner = element; inner?.shadowRoot; ) {
      inner = inner.shadowRoot.elementFromPoint(x, y);
      if (!inner || inner === element) break;
      element = inner;
    }
    const within = element?.localName === 'iframe' ? element.contentDocument : null;
    if (!within) return { element, x, y };
    return elementAt(within, ...pointWithin(element, x, y));
  };
  const pointed = ([x, y]) => {
    if (!isMain) return elementAt(document, x, y);
    const zoom = pageWidth() / innerWidth;
    const { offsetLeft, offsetTop, scale } = visualViewport;
    return elementAt(document, x / zoom / scale + offsetLeft, y / zoom / scale + offsetTop);
  };
  const fileInput = (element) => {
    const label = element.closest('label');
    const input = label ? label.control : element;
    return input?.localName === 'input' && input.type === 'file' && !input.disabled ? input : null;
  };
  // Says whether the page has handled it.
  const tellDrag = (name, { element, x, y }, transfer) => {
    if (!element?.isConnected) return false;
    const cancelable = name !== 'dragleave';
    const at = { clientX: x, clientY: y, screenX: x, screenY: y, view: element.ownerDocument.defaultView };
    return !element.dispatchEvent(new DragEvent(name, { ...at, bubbles: true, cancelable, composed: true, dataTransfer: transfer }));
  };
  const leave = (transfer) => {
    if (over) tellDrag('dragleave', over, transfer);
    over = null;
  };
  // Says whether the page takes what is dragged there.
  const dragTo = (place, transfer) => {
    if (place.element !== over?.element) {
      tellDrag('dragenter', place, transfer);
      leave(transfer);
    }
    over = place.element ? place : null;
    return over !== null && (tellDrag('dragover', place, transfer) || fileInput(place.element) !== null);
  };
  const transferOf = (files) => {
    const transfer = new DataTransfer();
    for (const file of files) transfer.items.add(file);
    return transfer;
  };

  const focusedWithin = () => {
    let element = focused();
    while (element?.contentDocument) element = element.contentDocument.activeElement;
    return element;
  };

  // Frames of other sites, by numbers under which `frame` gives them. The one that the drag is in hears when it leaves.

  const frames = new Map();
  let numbers = 0;
  let into = null;
  const numberOf = (frame) => {
    remember(frames, (numbers += 1), frame);
    return numbers;
  };
  const isForeign = (element) => element?.localName === 'iframe' && !element.contentDocument;
  // The drag is in that frame now, or in none.
  const go = (frame) => {
    const left = into !== frame && into?.isConnected ? numberOf(into) : null;
    into = frame;
    return left;
  };
  const enter = ({ element, x, y }, at) => ({ frame: numberOf(element), at: at && pointWithin(element, x, y) });
  const placeOf = (at) => (at ? pointed(at) : { element: focusedWithin() });
  // What is said of the drag, as `Said` in `cdp/drops.rs`.
  const say = (taken, enters = null, leaves = null) => JSON.stringify({ taken, enters, leaves });

  const placeholders = (types) => transferOf(types.map((type) => new File([], '', { type })));

  globalThis.farpane = {
    // Files of those media types are over that point, or have left the page.
    drag(at, types) {
      const transfer = placeholders(types);
      const place = at ? pointed(at) : null;
      const isWithin = isForeign(place?.element);
      const left = go(isWithin ? place.element : null);
      if (place && !isWithin) return say(dragTo(place, transfer), null, left);
      leave(transfer);
      return say(false, isWithin ? enter(place, at) : null, left);
    },

    // Files of those media types are dropped there, or pasted, and come in a while: this document alone gets them, or the
    // frame of another site that is there.
    expect(drop, at, types) {
      const transfer = placeholders(types);
      const place = placeOf(at);
      if (isForeign(place.element)) {
        const left = go(place.element);
        // It hears from now on what becomes of the files.
        into = null;
        leave(transfer);
        remember(passed, drop, place.element);
        return say(false, enter(place, at), left);
      }
      const left = go(null);
      const isTaken = !at || dragTo(place, transfer);
      if (at) leave(transfer);
      if (isTaken) remember(inputs, drop, []);
      return say(isTaken, null, left);
    },

    // Whether the drop of that number is for this document, or for the frame of another site where it was expected.
    holder(drop, at) {
      const frame = passed.get(drop);
      if (!passed.delete(drop)) return say(inputs.has(drop));
      const place = at ? pointed(at) : { element: frame };
      return place.element === frame && frame.isConnected ? say(false, enter(place, at)) : say(false);
    },

    // The frame of another site that has that number.
    frame(number) {
      return frames.get(number) ?? null;
    },

    // An input that Chrome gives files to, for the drop of that number.
    input(drop, isFolder) {
      const given = inputs.get(drop);
      if (!given) return null;
      const input = document.createElement('input');
      input.type = 'file';
      input.multiple = true;
      input.webkitdirectory = isFolder;
      const filled = new Promise((resolve) => input.addEventListener('change', resolve, { once: true }));
      given.push({ input, filled });
      return input;
    },

    // What is in the inputs of that drop is dropped there, or pasted.
    async give(drop, at) {
      const given = inputs.get(drop);
      if (!inputs.delete(drop)) return 'gone';
      await Promise.all(given.map(({ filled }) => filled));
      const transfer = transferOf(given.flatMap(({ input }) => [...input.files]));
      if (!at) {
        const paste = { bubbles: true, cancelable: true, composed: true, clipboardData: transfer };
        (focusedWithin() ?? document).dispatchEvent(new ClipboardEvent('paste', paste));
        return 'taken';
      }
      const place = pointed(at);
      if (!dragTo(place, transfer)) {
        leave(transfer);
        return 'refused';
      }
      over = null;
      const input = fileInput(place.element);
      if (!tellDrag('drop', place, transfer) && input) {
        input.files = transferOf(input.multiple ? transfer.files : [...transfer.files].slice(0, 1)).files;
        for (const name of ['input', 'change']) input.dispatchEvent(new Event(name, { bubbles: true, composed: true }));
      }
      return 'taken';
    },

    // Looks for `text` in this document, as `Matches` in `cdp/find.rs`. Empty text ends it.
    find(text) {
      const before = found.ranges[found.current];
      const isOld = text === found.text && found.ranges.every((range) => range.startContainer.isConnected && !range.collapsed);
      if (isOld) {
        const { ranges, current } = found;
        return JSON.stringify({ count: ranges.length, current: current < 0 ? null : current, from: 0, led: false });
      }
      const { ranges, orderOf } = text && document.body ? search(text) : { ranges: [], orderOf: new Map() };
      found = { text, ranges, current: -1 };
      const led = orderOf.get(before?.startContainer);
      const isAfter = (range) => {
        if (led === undefined) return range.getBoundingClientRect().bottom > 0;
        const order = orderOf.get(range.startContainer);
        return order === led ? range.startOffset >= before.startOffset : order > led;
      };
      const from = ranges.findIndex(isAfter);
      return JSON.stringify({ count: ranges.length, current: null, from: from < 0 ? ranges.length : from, led: led !== undefined });
    },

    // Marks what was found, and shows the one with that index, or `null`, as the current one.
    show(index) {
      found.current = found.ranges[index] ? index : -1;
      mark();
      const range = found.ranges[found.current];
      // What is seen in its frame may be out of sight with it.
      const block = range && isSeen(range) ? (isMain ? null : 'nearest') : 'center';
      if (range && block) range.startContainer.parentElement.scrollIntoView({ block, inline: 'nearest', behavior: 'instant' });
    },

    // An image's bytes → a PNG of 32 × 32 pixels, in Base64; null for what is no image.
    async icon(base64, mediaType) {
      try {
        const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
        const url = URL.createObjectURL(new Blob([bytes], { type: mediaType }));
        const image = new Image();
        image.src = url;
        await image.decode().finally(() => URL.revokeObjectURL(url));
        const canvas = new OffscreenCanvas(32, 32);
        const context = canvas.getContext('2d');
        context.imageSmoothingQuality = 'high';
        const scale = 32 / Math.max(image.naturalWidth || 32, image.naturalHeight || 32);
        const [width, height] = [(image.naturalWidth || 32) * scale, (image.naturalHeight || 32) * scale];
        context.drawImage(image, (32 - width) / 2, (32 - height) / 2, width, height);
        const png = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
        return btoa(String.fromCharCode(...png));
      } catch {
        return null;
      }
    },

    // A picture that the page has made, as a `data:` URL; null for one that is not there, or has more bytes than `most`.
    async blob(url, most) {
      const read = (blob) =>
        new Promise((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(reader.result);
          reader.onerror = () => resolve(null);
          if (blob.size <= most) reader.readAsDataURL(blob);
          else resolve(null);
        });
      try {
        return await read(await (await fetch(url)).blob());
      } catch {
        // The page has revoked it, and shows it still.
        const image = [...document.images].find(({ currentSrc }) => currentSrc === url);
        if (!image?.naturalWidth) return null;
        const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight);
        canvas.getContext('2d').drawImage(image, 0, 0);
        return read(await canvas.convertToBlob());
      }
    },

    // Tells where text fields are, whenever that may have changed: a few times a second at most.
    watchTextFields() {
      if (watchesTextFields || !isMain || !toolbar.visible) return;
      watchesTextFields = true;
      const tellTextFields = reporter('text_fields', []);
      const changed = throttled(250, () => tellTextFields(textFields()));
      for (const name of ['scroll', 'resize', 'load', 'transitionend', 'animationend', 'focus', 'blur']) on(name, changed);
      for (const name of ['scroll', 'resize']) visualViewport.addEventListener(name, changed);
      const watched = { subtree: true, childList: true, attributeFilter: ['style', 'class', 'hidden', 'type', 'contenteditable', 'open'] };
      new MutationObserver(changed).observe(document, watched);
      changed();
    },

    // What this page's site may do, of what has these names.
    async permissions(names) {
      const permissions = [];
      for (const name of names) {
        try {
          permissions.push([name, (await navigator.permissions.query({ name })).state]);
        } catch {
          // It is not known here, or not to a page that is not encrypted.
        }
      }
      return JSON.stringify({ origin: self.origin, permissions });
    },

    // Where the document of the frame that is printed would be.
    printedAddress() {
      return printed?.address ?? null;
    },

    // That document, HTML or PDF, as a `Blob`, once.
    async takePrinted() {
      const { content } = printed ?? { content: null };
      printed = null;
      return content;
    },

    exitFullscreen() {
      if (document.fullscreenElement) document.exitFullscreen();
    },
  };
})();
