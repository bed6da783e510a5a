// Runs in the isolated world of every frame, before `script.js`: a frame's document, as it is shown now → HTML that shows the
// same without its scripts, or null for one that would be longer than `most`.
globalThis.farpaneDocument = (document, most) => {
  const DEEPEST = 8;
  // What runs, what shows nothing, and what would have the page go elsewhere.
  const LEFT_OUT = new Set(['script', 'noscript', 'template', 'base', 'object', 'embed', 'meta']);
  const ours = document.implementation.createHTMLDocument('');
  let length = 0;

  const element = (name, attributes = {}) => {
    const made = ours.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };

  const rules = (sheet) => [...sheet.cssRules].map(({ cssText }) => cssText).join('\n');
  const style = (sheet) => {
    try {
      const made = element('style', { media: sheet.media.mediaText });
      made.textContent = rules(sheet);
      return made;
    } catch {
      // Another site's, which Chrome does not show.
      return null;
    }
  };

  // What a picture, a film or a canvas shows now; null where another site has a part in it.
  const pixels = (shown, width, height) => {
    try {
      if (shown.localName === 'canvas') return shown.toDataURL();
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [width, height];
      canvas.getContext('2d').drawImage(shown, 0, 0, width, height);
      return canvas.toDataURL();
    } catch {
      return null;
    }
  };

  const count = (more) => {
    length += more;
    if (length > most) throw new RangeError('too long');
  };
  const counted = (copy) => {
    for (const { value } of copy.attributes) count(value.length);
    return copy;
  };

  // An image in the place of an element that has nothing to show without its script.
  const still = (shown, width, height) => {
    const image = element('img');
    for (const { name, value } of shown.attributes) {
      if (['id', 'class', 'style', 'width', 'height'].includes(name)) image.setAttribute(name, value);
    }
    const src = width && height ? pixels(shown, width, height) : null;
    if (src) image.src = src;
    else image.style.visibility = 'hidden';
    image.style.maxWidth ||= '100%';
    // One in a frame that is not shown has no box.
    if (shown.clientWidth) image.style.width ||= `${shown.clientWidth}px`;
    return counted(image);
  };

  // Loaded once more, as it was, but for what is gone with the page.
  const picture = (shown, copy) => {
    const isMade = shown.currentSrc.startsWith('blob:');
    const src = isMade && shown.naturalWidth ? pixels(shown, shown.naturalWidth, shown.naturalHeight) : shown.currentSrc;
    for (const name of ['srcset', 'sizes', 'loading']) copy.removeAttribute(name);
    if (src) copy.setAttribute('src', src);
  };

  const frame = (shown, copy, depth) => {
    for (const name of ['src', 'srcdoc']) copy.removeAttribute(name);
    const within = depth < DEEPEST ? shown.contentDocument : null;
    if (within?.documentElement) copy.setAttribute('srcdoc', whole(within, depth + 1));
  };

  // As they were filled in.
  const field = (shown, copy) => {
    if (shown.localName === 'textarea') copy.textContent = shown.value;
    else if (shown.localName === 'option') copy.toggleAttribute('selected', shown.selected);
    else if (['checkbox', 'radio'].includes(shown.type)) copy.toggleAttribute('checked', shown.checked);
    else if (shown.type !== 'file' && shown.type !== 'password') copy.setAttribute('value', shown.value);
  };

  const copied = (shown, depth) => {
    if (shown.nodeType === Node.TEXT_NODE) {
      count(shown.data.length);
      return ours.createTextNode(shown.data);
    }
    if (shown.nodeType !== Node.ELEMENT_NODE || LEFT_OUT.has(shown.localName)) return null;
    const name = shown.localName;
    if (name === 'canvas') return still(shown, shown.width, shown.height);
    if (name === 'video') return still(shown, shown.videoWidth, shown.videoHeight);
    if (name === 'source' && shown.parentNode?.localName === 'picture') return null;
    const isMadeByScript = name === 'style' ? !shown.textContent.trim() : name === 'link' && String(shown.href).startsWith('blob:');
    if (isMadeByScript) return shown.sheet ? style(shown.sheet) : null;
    const copy = ours.importNode(shown, false);
    if (name === 'img') picture(shown, copy);
    if (name === 'iframe') frame(shown, copy, depth);
    if (shown.shadowRoot) copy.append(shadow(shown.shadowRoot, depth));
    for (const child of shown.childNodes) add(copy, copied(child, depth));
    if (['input', 'textarea', 'option'].includes(name)) field(shown, copy);
    return counted(copy);
  };
  const add = (parent, child) => child && parent.append(child);

  const shadow = (root, depth) => {
    const template = element('template', { shadowrootmode: 'open' });
    for (const child of root.childNodes) add(template.content, copied(child, depth));
    for (const sheet of root.adoptedStyleSheets) add(template.content, style(sheet));
    return template;
  };

  const whole = (document, depth) => {
    const copy = copied(document.documentElement, depth);
    const head = copy.querySelector('head') ?? copy;
    for (const sheet of document.adoptedStyleSheets) add(head, style(sheet));
    const base = /^https?:/.test(document.baseURI) ? element('base', { href: document.baseURI }) : null;
    // Chrome asks for an icon otherwise.
    head.prepend(...[base, element('link', { rel: 'icon', href: 'data:,' })].filter(Boolean));
    return (document.compatMode === 'BackCompat' ? '' : '<!doctype html>') + copy.outerHTML;
  };

  try {
    const html = whole(document, 0);
    return html.length > most ? null : html;
  } catch {
    // Too long, or too deep.
    return null;
  }
};
