// What fingers do on a phone is what the far page gets: taps, strokes and pinches are Chrome's own there.

import { expect, test } from '../support/fixtures';
import { Hand } from '../support/hand';
import { GREEN, YELLOW } from '../support/viewer';

test.use({ viewport: { width: 412, height: 839 }, deviceScaleFactor: 2.625, hasTouch: true, isMobile: true });

test('a tap is a click, two are a double click, a long one asks for a menu', async ({ open, run }) => {
  const viewer = await open('touch.html');
  expect(await run.saw('fingers')).toMatchObject({ most: 10, coarse: true });
  const hand = await Hand.on(viewer);
  const target = await run.center('target');
  await viewer.shows(YELLOW, target);
  await hand.tap(target);
  expect(await run.saw('tapped')).toMatchObject({ pointerType: 'touch', times: 1 });
  await viewer.shows(GREEN, target);
  expect(run.all('click')).toHaveLength(1);

  await hand.tap(target);
  await hand.tap(target);
  await run.saw('dblclick', { target: 'target' });

  await hand.fingers('touchStart', target);
  await run.saw('contextmenu', { target: 'target' });
  const taps = run.all('tapped').length;
  await hand.lift();
  await run.saw('touchend', { target: 'target' });
  expect(run.all('tapped'), 'a long press is no tap').toHaveLength(taps);
});

test('a stroke scrolls and goes on after it, and drags what can be dragged', async ({ open, run }) => {
  const viewer = await open('touch.html');
  const hand = await Hand.on(viewer);
  const { x, y } = await run.center('scroller');
  // How quick a finger was, Chrome tells by when it heard of it: what a busy machine tears apart is a throw no more.
  let went = 0;
  for (let top = 0, throws = 0; went <= 480 + 100 && throws < 5; throws += 1) {
    run.forget();
    await hand.throws({ x, y: y + 240 }, { x, y: y - 240 });
    await run.saw('let-go');
    const rested = await run.saw('rested');
    went = rested.top - top;
    top = rested.top;
  }
  expect(went, 'farther than the finger').toBeGreaterThan(480 + 100);
  expect(run.all('click')).toHaveLength(0);

  const thing = await run.center('thing');
  await hand.stroke(8, [thing, { x: 500, y: 400 }]);
  await expect.poll(() => run.all('dragged').at(-1)).toMatchObject({ pointerType: 'touch' });
  await expect.poll(() => Math.round((run.all('dragged').at(-1)?.x ?? 0) / 10)).toBe(50);
  await hand.lift();

  const slider = await run.box('slider');
  const middle = slider.y + slider.height / 2;
  await hand.stroke(8, [{ x: slider.x + 10, y: middle }, { x: slider.x + slider.width / 2, y: middle }]);
  await hand.lift();
  const { value } = await run.saw('change', { target: 'slider' });
  expect(Math.abs(Number(value) - 50)).toBeLessThanOrEqual(5);
});

test('two fingers zoom the page, and what is held is called off when the viewer looks away', async ({ open, run }) => {
  const viewer = await open('touch.html');
  const hand = await Hand.on(viewer);
  await hand.stroke(10, [{ x: 280, y: 200 }, { x: 100, y: 200 }], [{ x: 300, y: 200 }, { x: 480, y: 200 }]);
  await expect.poll(() => run.all('zoomed').at(-1)?.scale).toBeGreaterThan(1.5);
  await hand.lift();
  await run.saw('touchend');

  run.forget();
  await hand.fingers('touchStart', { x: 300, y: 300 });
  await run.saw('touchstart');
  await viewer.page.evaluate(() => window.dispatchEvent(new Event('blur')));
  await run.saw('touchcancel');
  await hand.lift();
  expect(run.all('click')).toHaveLength(0);
});

test('as a trackpad the picture moves a pointer, clicks, scrolls and drags', async ({ open, run }) => {
  const viewer = await open('touch.html');
  const hand = await Hand.on(viewer);
  await viewer.button('Trackpad').tap();
  await expect(viewer.button('Trackpad')).toHaveAttribute('aria-pressed', 'true');
  // It begins in the middle, and goes as far as the finger, or farther.
  const somewhere = { x: 700, y: 500 };
  await hand.stroke(20, [somewhere, { x: somewhere.x - 330, y: somewhere.y - 170 }]);
  await hand.lift();
  expect(run.all('touchstart'), 'a pointer is no finger').toEqual([]);
  await hand.tap(somewhere);
  expect(await run.saw('tapped')).toMatchObject({ pointerType: 'mouse', times: 1 });
  await hand.tap(somewhere, { x: 900, y: 500 });
  await run.saw('contextmenu', { target: 'target' });

  await hand.stroke(10, [somewhere, { x: somewhere.x + 330, y: somewhere.y + 100 }]);
  await hand.lift();
  const two = [{ x: 400, y: 600 }, { x: 700, y: 600 }];
  await hand.stroke(10, ...two.map((from): [typeof from, typeof from] => [from, { x: from.x, y: from.y - 300 }]));
  await expect.poll(() => run.all('scrolled').at(-1)?.top).toBeGreaterThan(100);
  await hand.lift();

  await viewer.page.reload();
  await viewer.connected();
  await expect(viewer.button('Trackpad'), 'kept').toHaveAttribute('aria-pressed', 'true');
});

test('an on-screen keyboard corrects and deletes the remote text', async ({ open, run }) => {
  const viewer = await open('touch.html');
  const hand = await Hand.on(viewer);
  const field = viewer.page.getByLabel('Keyboard input');
  await hand.tap(await run.center('target'));
  await run.saw('tapped');
  await expect(field, 'no keyboard without a remote field').toHaveAttribute('inputmode', 'none');
  await hand.tap(await run.center('field'));
  await run.saw('focusin', { target: 'field' });
  await expect(field).toHaveAttribute('inputmode', 'text');

  const remote = () => run.all('input', { target: 'field' }).at(-1)?.value;
  await viewer.page.keyboard.insertText('see teh cat');
  await expect.poll(remote).toBe('see teh cat');
  // As autocorrection does it, behind the caret's back.
  await field.evaluate((element: HTMLTextAreaElement) => {
    element.setRangeText('the', 4, 7, 'preserve');
    element.dispatchEvent(new InputEvent('input', { inputType: 'insertReplacementText', bubbles: true }));
  });
  await expect.poll(remote).toBe('see the cat');
  await field.evaluate(() => document.execCommand('delete'));
  await expect.poll(remote).toBe('see the ca');
  await viewer.page.keyboard.insertText('ké😀');
  await expect.poll(remote).toBe('see the caké😀');
  await expect(field).toHaveValue('see the caké😀');
  await field.evaluate(() => document.execCommand('delete'));
  await expect.poll(remote).toBe('see the caké');
});

test('a finger that is lifted over a text field finds the keyboard ready, as iOS wants it', async ({ open, run }) => {
  const viewer = await open('touch.html');
  const hand = await Hand.on(viewer);
  const field = viewer.page.getByLabel('Keyboard input');
  /** How the keyboard is wanted by the time that `touchend` has been handled. */
  const lifted = async (at: { x: number; y: number }) => {
    const told = field.evaluate(
      (element: HTMLTextAreaElement) =>
        new Promise<string | false>((resolve) => {
          addEventListener('touchend', () => resolve(document.activeElement === element && element.inputMode), { once: true });
        }),
    );
    await hand.tap(at);
    return told;
  };
  const target = await run.center('target');
  const remote = await run.center('field');
  await expect
    .poll(async () => {
      // Nothing says that the places of fields are known by now.
      const mode = await lifted(remote);
      await run.saw('focusin', { target: 'field' });
      await hand.tap(target);
      await expect(field).toHaveAttribute('inputmode', 'none');
      return mode;
    })
    .toBe('text');
  expect(await lifted(target)).toBe('none');

  // Where nothing takes the focus after all, the keyboard goes.
  await expect(field).toHaveAttribute('inputmode', 'none');
});

test.describe('on a small phone', () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test('nothing is wider than the screen, and buttons are as large as a finger', async ({ open, run }) => {
    const viewer = await open('touch.html');
    const fits = async () => {
      expect(await viewer.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      for (const button of await viewer.page.getByRole('button').all()) {
        const box = await button.boundingBox();
        const name = (await button.getAttribute('aria-label')) ?? (await button.textContent());
        expect(box?.width, `${name} is too narrow`).toBeGreaterThanOrEqual(40);
        expect(box?.height, `${name} is too low`).toBeGreaterThanOrEqual(40);
        expect((box?.x ?? 0) + (box?.width ?? 0), `${name} is beyond the edge`).toBeLessThanOrEqual(360);
      }
      const { width } = (await viewer.address.boundingBox()) ?? { width: 0 };
      expect(width, 'room for an address').toBeGreaterThan(200);
    };
    await fits();
    await viewer.showStatistics();
    await fits();
    await viewer.button('Close the panel').tap();
    await viewer.button('New tab').tap();
    await expect(viewer.startPage).toBeVisible();
    await viewer.tab('Touch').tap();
    await expect(viewer.startPage).toBeHidden();
    const hand = await Hand.on(viewer);
    await hand.tap(await run.center('target'));
    await run.saw('tapped');

    await viewer.page.goto(viewer.server.url('/'));
    await expect(viewer.page.getByRole('listitem')).toContainText('touch.html');
    expect(await viewer.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
});
