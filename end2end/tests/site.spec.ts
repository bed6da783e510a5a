// The site of a page: how the page came, and what its site may do.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from '../support/fixtures';
import { GREEN, YELLOW } from '../support/viewer';

test('a site is allowed and refused what it may do, and learns where the person is', async ({ open, run, page, context }) => {
  await context.grantPermissions(['geolocation']);
  await context.setGeolocation({ latitude: 52.5, longitude: 13.25 });
  const viewer = await open('site.html');
  await viewer.button('Site information: not encrypted').click();
  const panel = page.getByRole('region', { name: 'Site information' });
  await expect(panel).toContainText(new URL(run.origin).host);
  await expect(panel).toContainText('can be read');

  await expect(panel.getByLabel('Notifications')).toHaveValue('prompt');
  await panel.getByLabel('Notifications').selectOption('denied');
  await run.saw('permission', { name: 'notifications', state: 'denied' });
  await panel.getByLabel('Location').selectOption('granted');
  await run.saw('permission', { name: 'geolocation', state: 'granted' });
  await expect(panel.getByLabel('Location')).toHaveValue('granted');
  await page.keyboard.press('Escape');
  await expect(panel).toBeHidden();
  await viewer.click(await run.center('locate'));
  expect(await run.saw('located')).toMatchObject({ latitude: 52.5, longitude: 13.25 });
});

test('a certificate that nobody vouches for is told, and can be gone past, unless the server forbids it', async ({ open, run, page, start }) => {
  const pem = (name: string) => readFileSync(new URL(`../support/untrusted/${name}.pem`, import.meta.url));
  let served = 0;
  const site = createServer({ key: pem('key'), cert: pem('certificate') }, (_, response) => {
    served++;
    response.setHeader('content-type', 'text/html');
    response.end('<title>Untrusted</title><body style="background: rgb(240, 192, 0)">');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  try {
    const viewer = await open('page.html', { color: 'rgb(0, 180, 0)' });
    await viewer.shows(GREEN);
    const url = `https://localhost:${(site.address() as AddressInfo).port}/`;
    await viewer.visit(url);
    await viewer.button('Site information: not trusted').click();
    const panel = page.getByRole('region', { name: 'Site information' });
    await expect(panel).toContainText('Its certificate names Nobody knows, says Nobody knows');
    await expect(panel).toContainText('Nobody whom the browser trusts vouches for it.');
    expect(served).toBe(0);
    await page.keyboard.press('Escape');
    await expect(panel).toBeHidden();
    await expect(page.getByLabel('Keyboard input')).toBeFocused();
    // Chrome's own warning hears this once it is drawn, down to its blue button, and has a button for it.
    await viewer.shows([27, 117, 233], { x: 825, y: 526 });
    await page.keyboard.type('thisisunsafe');
    await viewer.shows(YELLOW);
    await expect(viewer.button('Site information: not trusted')).toBeVisible();

    const strict = await open('page.html', {}, await start({ flags: ['--certificate-exceptions', 'off'] }));
    const before = served;
    await strict.visit(url);
    await expect(strict.button('Site information: not trusted')).toBeVisible();
    await page.keyboard.type('thisisunsafe');
    await strict.visit(run.url('page.html', { name: 'Green', color: 'rgb(0, 180, 0)' }));
    await strict.shows(GREEN);
    expect(served).toBe(before);
  } finally {
    site.closeAllConnections();
    site.close();
  }
});

test('what a page wants the person to know lies over the picture, or their own system shows it', async ({ open, run, page, context, server }) => {
  await page.addInitScript(() => {
    const made: Notification[] = [];
    const System = Notification;
    class Watched extends System {
      constructor(title: string, options?: NotificationOptions) {
        super(title, options);
        made.push(this);
      }
    }
    Object.assign(window, { made, Notification: Watched });
  });
  const made = () =>
    page.evaluate(() => {
      const { made } = window as unknown as { made: Notification[] };
      return made.map(({ title, body }) => ({ title, body }));
    });
  const viewer = await open('site.html');
  const allow = { session: viewer.session, origin: run.origin, permission: 'notifications', state: 'granted' };
  await server.call('set_permission', allow);
  await run.saw('permission', { name: 'notifications', state: 'granted' });

  await viewer.click(await run.center('notify'));
  const notice = viewer.notice('Dinner is ready');
  await expect(notice).toContainText('Come down');
  await notice.getByRole('button', { name: 'Open' }).click();
  await run.saw('followed', { isTrusted: true });
  await expect(notice).toBeHidden();
  await viewer.click(await run.center('notify'));
  run.forget();
  await notice.getByRole('button', { name: 'Dismiss' }).click();
  await run.saw('put-away');
  expect(run.all('followed')).toEqual([]);
  expect(await made()).toEqual([]);

  await viewer.click(await run.center('later'));
  const later = viewer.notice('Dinner is over');
  await later.getByRole('button', { name: 'Open' }).click();
  await run.saw('followed-in-worker', { title: 'Dinner is over' });
  await expect(later).toBeHidden();

  await context.grantPermissions(['notifications']);
  await page.reload();
  await viewer.connected();
  await viewer.click(await run.center('notify'));
  await expect.poll(made).toEqual([{ title: 'Dinner is ready', body: expect.stringContaining('Come down') }]);
  await expect(notice).toBeHidden();
  await page.evaluate(() => (window as unknown as { made: Notification[] }).made[0]?.dispatchEvent(new Event('click')));
  await run.saw('followed', { isTrusted: true });
});
