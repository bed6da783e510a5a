// What is copied on one side is pasted on the other.

import { expect, test } from '../support/fixtures';
import type { Page } from '@playwright/test';
import { installInstruments } from '../support/instruments.mjs';
import { placeOnPage, type Point } from '../support/viewer';

const local = (page: Page) => page.evaluate(() => navigator.clipboard.readText());

test.describe('with the browser\'s permission', () => {
  test.beforeEach(async ({ context }) => {
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  });

  test('what is copied here is pasted there: text, three times in a row, much of it, HTML and pictures', async ({ open, run, page }) => {
    const viewer = await open('clipboard.html');
    await page.evaluate(() => navigator.clipboard.writeText('Grüße, 世界 😀\n'));
    await viewer.click(await run.center('field'));
    for (let times = 1; times <= 3; times++) {
      await page.keyboard.press('Control+V');
      await run.saw('value', { length: times * 'Grüße, 世界 😀\n'.length });
    }
    await page.keyboard.type('end');
    await run.saw('value', { value: `${'Grüße, 世界 😀\n'.repeat(3)}end` });

    await page.evaluate(() => navigator.clipboard.writeText('x'.repeat(126_000)));
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Control+V');
    await run.saw('value', { length: 126_000 });

    await viewer.click(await run.center('rich'));
    await page.evaluate(() => {
      const blob = (text: string, type: string) => new Blob([text], { type });
      const formats = { 'text/plain': blob('bold', 'text/plain'), 'text/html': blob('<p>very <b>bold</b></p>', 'text/html') };
      return navigator.clipboard.write([new ClipboardItem(formats)]);
    });
    await page.keyboard.press('Control+V');
    const { html } = await run.saw('pasted', { text: 'bold' });
    expect(html).toContain('<b>bold</b>');

    await page.evaluate(async () => {
      const canvas = new OffscreenCanvas(320, 40);
      canvas.getContext('2d');
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': await canvas.convertToBlob() })]);
    });
    await page.keyboard.press('Control+V');
    await expect.poll(() => run.all('pasted').at(-1)?.picture).toEqual({ type: 'image/png', width: 320, height: 40 });

    // What is typed meanwhile comes after what was pasted, however large that is.
    await viewer.click(await run.center('field'));
    await page.evaluate(() => navigator.clipboard.writeText('y'.repeat(100_000)));
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Control+V');
    await page.keyboard.type('end');
    await run.saw('value', { length: 100_003, end: 'yyend' });

    // A page that asks for it gets it, too.
    await page.evaluate(() => navigator.clipboard.writeText('for the page'));
    await viewer.click(await run.center('field'));
    await page.keyboard.press('Control+V');
    await viewer.click(await run.center('read'));
    await run.saw('read', { text: 'for the page' });
  });

  test('what is copied there is pasted here: by key, by a button, much of it, HTML and pictures', async ({ open, run, page }) => {
    const viewer = await open('clipboard.html');
    await viewer.click(await run.center('field'));
    await page.keyboard.type('by key');
    await run.saw('value', { value: 'by key' });
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Control+C');
    await expect.poll(() => local(page)).toBe('by key');

    await viewer.click(await run.center('text'));
    await expect.poll(() => local(page)).toBe('from the page');
    await viewer.click(await run.center('long'));
    await expect.poll(() => local(page)).toBe('é'.repeat(63_000));
    await viewer.click(await run.center('huge'));
    await expect(viewer.notice('text of at most 1024 KiB; this is more')).toBeVisible();
    expect(await local(page), 'what was there stays').toBe('é'.repeat(63_000));

    /** As of one moment: `null` while it changes. */
    const formats = () =>
      page.evaluate(async () => {
        const [item] = await navigator.clipboard.read();
        const has = (name: string) => item.types.includes(name);
        try {
          const text = has('text/plain') ? await (await item.getType('text/plain')).text() : null;
          const html = has('text/html') ? await (await item.getType('text/html')).text() : null;
          const picture = has('image/png') ? await createImageBitmap(await item.getType('image/png')) : null;
          return { text, html, width: picture?.width };
        } catch (error) {
          if (error instanceof DOMException && error.name === 'InvalidStateError') return null;
          throw error;
        }
      });
    await viewer.click(await run.center('html'));
    await expect.poll(async () => (await formats())?.text).toBe('bold');
    expect((await formats())?.html).toContain('<b>bold</b>');
    await viewer.click(await run.center('png'));
    await expect.poll(async () => (await formats())?.width).toBe(200);

    // What the page has copied itself it pastes in all its formats.
    await viewer.click(await run.center('html'));
    await expect.poll(async () => (await formats())?.text).toBe('bold');
    await viewer.click(await run.center('rich'));
    await page.keyboard.press('Control+V');
    const { html } = await run.saw('pasted', { text: 'bold' });
    expect(html).toContain('<b>bold</b>');
  });

  test('the context menu copies and pastes', async ({ open, run, page }) => {
    const viewer = await open('clipboard.html');
    await page.evaluate(() => navigator.clipboard.writeText('by menu'));
    const field = await run.center('field');
    await viewer.click(field);
    await viewer.click(field, { button: 'right' });
    await page.getByRole('menuitem', { name: 'Paste' }).click();
    await run.saw('value', { value: 'by menu' });
    await page.keyboard.type('!');
    await page.keyboard.press('Control+A');
    await viewer.click(field, { button: 'right' });
    await page.getByRole('menuitem', { name: 'Copy' }).click();
    await expect.poll(() => local(page)).toBe('by menu!');
  });
});

test('a script reads and writes it, within limits', async ({ open, run, server }) => {
  const viewer = await open('clipboard.html');
  const { session } = viewer;
  expect((await server.ask('clipboard', { session })).status).toBe(409);
  await server.call('set_clipboard', { session, content: { text: 'from a script' } });
  await viewer.click(await run.center('read'));
  await run.saw('read', { text: 'from a script' });
  await viewer.click(await run.center('text'));
  await run.saw('copied');
  await expect.poll(async () => (await server.ask('clipboard', { session })).body.text).toBe('from the page');

  const long = await server.ask('set_clipboard', { session, content: { text: 'x'.repeat(1024 * 1024 + 1) } });
  expect(long.status).toBe(409);
  expect(JSON.stringify(long.body)).toContain('1024 KiB');
  const other = await server.ask('set_clipboard', { session, viewer: 'nobody', content: { text: 'x' } });
  expect(other.status).toBeGreaterThanOrEqual(400);
});

test('on a server that lets nothing through each side keeps its own, and is told so', async ({ open, run, start, page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const server = await start({ flags: ['--clipboard', 'off'] });
  const viewer = await open('clipboard.html', {}, server);
  await page.evaluate(() => navigator.clipboard.writeText('mine'));
  await viewer.click(await run.center('text'));
  await expect(viewer.notice(/stays there/)).toBeVisible();
  expect(await local(page)).toBe('mine');
  await viewer.click(await run.center('field'));
  await page.keyboard.press('Control+V');
  await expect(viewer.notice(/takes nothing/)).toBeVisible();
  await run.saw('value', { value: 'from the page' });
  for (const name of ['clipboard', 'set_clipboard']) {
    const { status } = await server.ask(name, { session: viewer.session, content: { text: 'x' } });
    expect(status, name).toBe(409);
  }
});

test('what the browser forbids is done as it allows: with the keys that copy and paste', async ({ open, run, page, context }) => {
  const devtools = await context.newCDPSession(page);
  for (const name of ['clipboard-read', 'clipboard-write']) {
    await devtools.send('Browser.setPermission', { permission: { name }, setting: 'denied' });
  }
  const viewer = await open('clipboard.html');
  await viewer.address.fill('typed here');
  await viewer.address.press('Control+a');
  await viewer.address.press('Control+c');
  await viewer.click(await run.center('field'));
  await page.keyboard.press('Control+V');
  await run.saw('value', { value: 'typed here' });
  await page.keyboard.type(', and there');
  await run.saw('value', { value: 'typed here, and there' });
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+C');
  await expect
    .poll(async () => {
      await viewer.address.fill('');
      await viewer.address.press('Control+v');
      return viewer.address.inputValue();
    })
    .toBe('typed here, and there');
});

test('a browser that lets a page write within a key alone, as Safari does, gets what that key copies', async ({ open, run, page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.addInitScript(() => {
    Object.defineProperty(navigator, 'vendor', { value: 'Apple Computer, Inc.' });
    let isInGesture = false;
    for (const name of ['keydown', 'pointerdown', 'pointerup']) {
      const begin = () => {
        isInGesture = true;
        setTimeout(() => (isInGesture = false));
      };
      addEventListener(name, begin, { capture: true });
    }
    for (const name of ['write', 'writeText'] as const) {
      const own = Clipboard.prototype[name] as (...given: unknown[]) => Promise<void>;
      Clipboard.prototype[name] = function (this: Clipboard, ...given: unknown[]) {
        return isInGesture ? own.apply(this, given) : Promise.reject(new DOMException('not in a gesture', 'NotAllowedError'));
      };
    }
  });
  const viewer = await open('clipboard.html');
  await viewer.click(await run.center('field'));
  await page.keyboard.type('within a key');
  await run.saw('value', { value: 'within a key' });
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+C');
  await expect.poll(() => local(page)).toBe('within a key');
  // Without a key it takes the next click.
  await viewer.click(await run.center('text'));
  await expect(viewer.notice('with your next click or key')).toBeVisible();
  await viewer.click(await run.center('field'));
  await expect.poll(() => local(page)).toBe('from the page');
});

test('in a frame of a page that may embed it, both ways; nobody else may', async ({ start, run, page }) => {
  const outside = run.origin.replace('127.0.0.1', 'localhost');
  const server = await start({ flags: ['--embed-origin', outside, '--grace', '8s'] });
  await page.addInitScript(installInstruments);
  const session = await server.open(run.url('clipboard.html'));
  const src = encodeURIComponent(`${server.url(`/s/${session}`)}?token=${server.token}`);
  const [refused] = await Promise.all([
    page.waitForEvent('console', (message) => message.type() === 'error'),
    page.goto(`${run.origin}/embed.html?src=${src}`),
  ]);
  expect(refused.text()).toContain('frame-ancestors');

  await page.goto(`${outside}/embed.html?src=${src}`);
  const viewer = page.frameLocator('iframe');
  const video = viewer.getByLabel('Remote browser');
  await expect(viewer.getByRole('status')).toContainText('Connected');
  const { y } = (await page.locator('iframe').boundingBox())!;
  const click = async (point: Point) => {
    const place = await video.evaluate(placeOnPage, point);
    await page.mouse.click(place.x, y + place.y);
  };
  await click(await run.center('field'));
  await page.keyboard.type('within');
  await run.saw('value', { value: 'within' });
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+C');
  const field = page.getByLabel('Outside');
  await field.click();
  await expect(async () => {
    await page.keyboard.press('Control+A');
    await page.keyboard.press('Control+V');
    await expect(field).toHaveValue('within', { timeout: 100 });
  }).toPass();

  await field.fill('from outside');
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+C');
  await click(await run.center('field'));
  await page.keyboard.press('Control+A');
  await page.keyboard.press('Control+V');
  await run.saw('value', { value: 'from outside' });
});
