// Getting somewhere: the home page, the address bar, history, and addresses that are refused.

import { expect, test } from '../support/fixtures';
import { BLUE, GREEN, Viewer, YELLOW } from '../support/viewer';

const blue = { name: 'Blue', color: 'rgb(0, 0, 220)' };
const green = { name: 'Green', color: 'rgb(0, 180, 0)' };

test('from the home page to a page far away', async ({ page, server, run, admit }) => {
  await admit(page.context());
  await page.goto(server.url('/'));
  await page.getByRole('textbox', { name: 'Address' }).fill(run.url('green.html'));
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(page).toHaveURL(/\/s\/[a-z0-9]{1,40}$/);

  const viewer = new Viewer(page, server, page.url().split('/s/')[1]);
  await viewer.connected();
  await viewer.shows(YELLOW);
  await expect(viewer.address).toHaveValue(run.url('green.html'));
  await expect(page).toHaveTitle(/Green page/);
  const { width, height } = await run.saw('layout');
  expect([width, height], 'the page has the whole picture').toEqual([1280, 720]);
  const size = await viewer.video.evaluate((video: HTMLVideoElement) => [video.videoWidth, video.videoHeight]);
  expect(size).toEqual([1280, 720]);
});

test('the home page lists the sessions that run and leads back into them', async ({ page, server, open }) => {
  const viewer = await open();
  const home = await page.context().newPage();
  await home.goto(server.url('/'));
  const link = home.locator(`a[href$="/s/${viewer.session}"]`);
  await expect(link).toBeVisible();
  await link.click();
  await new Viewer(home, server, viewer.session).connected();
});

test('the address bar opens an address and follows the page', async ({ open, run, site }) => {
  const viewer = await open();
  await viewer.shows(YELLOW);
  const hops = new URLSearchParams({ run: run.id, hops: '3', to: 'page.html', ...blue });
  await viewer.visit(`${site.origin}/redirect?${hops}`);
  await viewer.shows(BLUE);
  await expect(viewer.address).toHaveValue(new RegExp(`^${site.origin}/page\\.html\\?.*name=Blue`));
  await expect(viewer.page).toHaveTitle(/Blue/);
});

test('an address needs no scheme', async ({ open, run }) => {
  const viewer = await open();
  await viewer.visit(run.url('page.html', green).replace('http://', ''));
  await viewer.shows(GREEN);
});

test('words become a search', async ({ open }) => {
  const viewer = await open();
  await viewer.visit('two words');
  await expect(viewer.address).toHaveValue(/^https:\/\/[^/]+\/.*two(\+|%20)words/);
});

test('back, forward and reload', async ({ open, run }) => {
  const viewer = await open('page.html', green);
  await viewer.shows(GREEN);
  await expect(viewer.button('Back')).toBeDisabled();
  await expect(viewer.button('Forward')).toBeDisabled();

  await viewer.visit(run.url('page.html', blue));
  await viewer.shows(BLUE);
  await viewer.button('Back').click();
  await viewer.shows(GREEN);
  await expect(viewer.page).toHaveTitle(/Green/);
  await viewer.button('Forward').click();
  await viewer.shows(BLUE);
  await expect(viewer.address).toHaveValue(run.url('page.html', blue));

  run.forget();
  await viewer.button('Reload').click();
  await run.saw('opened', { name: 'Blue' });
});

test('a page that never finishes can be stopped', async ({ open, site }) => {
  const viewer = await open();
  await viewer.visit(`${site.origin}/never`);
  await viewer.button('Stop').click();
  await expect(viewer.button('Reload')).toBeVisible();
});

test('a page that cannot be reached does not end the session', async ({ open, run }) => {
  const viewer = await open();
  // Port 9 is discard: nothing listens there.
  await viewer.visit('http://127.0.0.1:9/');
  await expect(viewer.address).toHaveValue(/127\.0\.0\.1:9/);
  await viewer.visit(run.url('page.html', green));
  await viewer.shows(GREEN);
});

const REFUSED = [
  'file:///etc/passwd',
  'chrome://version',
  'view-source:http://127.0.0.1/',
  'javascript:document.body.innerHTML="x"',
  'data:text/html,<h1>x</h1>',
];

for (const address of REFUSED) {
  const scheme = address.split(':')[0];
  test(`${scheme}: is refused with a reason`, async ({ open, server, run }) => {
    const viewer = await open();
    await viewer.shows(YELLOW);
    await viewer.visit(address);
    await expect(viewer.notice(`${scheme}:`)).toBeVisible();
    await viewer.shows(YELLOW);

    for (const answer of [
      await server.ask('navigate', { session: viewer.session, url: address }),
      await server.ask('open', { url: address }),
    ]) {
      expect(answer).toEqual({
        status: 422,
        body: { error: 'refused_address', message: expect.stringContaining(scheme) },
      });
    }
    expect(await server.sessions(), 'no session was opened').toHaveLength(1);
    await viewer.visit(run.url('page.html', green));
    await viewer.shows(GREEN);
  });
}

test('the home page says why an address is refused', async ({ page, server, admit }) => {
  await admit(page.context());
  await page.goto(server.url('/'));
  await page.getByRole('textbox', { name: 'Address' }).fill('file:///etc/passwd');
  await page.getByRole('button', { name: 'Start', exact: true }).click();
  await expect(page.getByRole('alert')).toContainText('file');
  expect(await server.sessions()).toEqual([]);
});
