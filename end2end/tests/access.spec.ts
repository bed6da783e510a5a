// Who may: the token in the printed URL, the cookie it becomes, and the same origin; and what anyone may ask.

import { expect, test } from '../support/fixtures';

test('the printed URL becomes a cookie that scripts of the page cannot read', async ({ page, server }) => {
  await page.goto(server.entry.href);
  await expect(page).toHaveURL(server.url('/'));
  await expect(page.getByRole('button', { name: 'Start', exact: true })).toBeVisible();
  const cookies = await page.context().cookies();
  expect(cookies).toHaveLength(1);
  expect(cookies[0].httpOnly).toBe(true);
  expect(cookies[0].sameSite).toMatch(/Strict|Lax/);
  expect(await page.evaluate(() => document.cookie)).toBe('');
});

test('without the token nothing is given', async ({ page, server }) => {
  for (const path of ['/', '/s/abc', '/metrics']) {
    const reply = await fetch(server.url(path), { redirect: 'manual' });
    expect(reply.status, path).toBe(401);
    expect(reply.headers.get('set-cookie'), path).toBeNull();
  }
  for (const name of ['open', 'sessions', 'join', 'offer', 'send_input', 'navigate', 'end', 'updates']) {
    expect((await server.ask(name, {}, {})).status, name).toBe(401);
  }
  await page.goto(server.url('/'));
  await expect(page.locator('body'), 'the person learns what to do').toContainText(/token/i);
});

test('a wrong token is refused', async ({ page, server }) => {
  const reply = await page.goto(server.url('/?token=wrong'));
  expect(reply?.status()).toBe(401);
  expect(await page.context().cookies()).toEqual([]);
  expect((await server.ask('sessions', {}, { authorization: 'Bearer wrong' })).status).toBe(401);
  expect((await server.ask('sessions', {}, { cookie: 'token=wrong; farpane=wrong' })).status).toBe(401);
});

test('a link to a session works with the token too, and does not keep it', async ({ page, open, server, browser }) => {
  const viewer = await open();
  await page.bringToFront();
  const stranger = await browser.newContext();
  const theirs = await stranger.newPage();
  await theirs.goto(server.url(`/s/${viewer.session}?token=${server.token}`));
  await expect(theirs).toHaveURL(server.url(`/s/${viewer.session}`));
  await expect(theirs.getByRole('status')).toContainText('Connected', { timeout: 20_000 });
  await stranger.close();
});

test('another origin cannot act with the cookie', async ({ page, server, open, site }) => {
  const viewer = await open();
  const [{ name, value }] = await page.context().cookies();
  const cookie = `${name}=${value}`;
  for (const headers of [
    { origin: site.origin },
    { origin: 'null' },
    { origin: 'https://farpane.example' },
    { 'sec-fetch-site': 'cross-site' },
  ] as Record<string, string>[]) {
    const answer = await server.ask('end', { session: viewer.session }, { cookie, ...headers });
    expect(answer.status, JSON.stringify(headers)).toBe(403);
  }
  expect(await server.sessions()).toHaveLength(1);

  // And as a browser does it, from a page of that other origin.
  const evil = await page.context().newPage();
  await evil.goto(`${site.origin}/green.html`);
  await evil.evaluate(
    async ([url, session]) => {
      const body = JSON.stringify({ session });
      await fetch(url, { method: 'POST', mode: 'no-cors', credentials: 'include', body }).catch(() => {});
      navigator.sendBeacon(url, body);
    },
    [server.url('/api/end'), viewer.session],
  );
  expect(await server.sessions()).toHaveLength(1);
  const own = await server.ask('end', { session: viewer.session }, { cookie, origin: server.entry.origin });
  expect(own.status).toBe(200);
});

test('no other site can frame the viewer', async ({ server }) => {
  const reply = await fetch(server.url('/'), { headers: server.bearer });
  const policy = `${reply.headers.get('x-frame-options')} ${reply.headers.get('content-security-policy')}`;
  expect(policy).toMatch(/DENY|SAMEORIGIN|frame-ancestors/i);
});

test('health is for all, figures are for who may', async ({ open, server }) => {
  const health = await fetch(server.url('/healthz'));
  expect(health.status).toBe(200);

  const viewer = await open('counter.html');
  await viewer.flows();
  const read = async () => (await fetch(server.url('/metrics'), { headers: server.bearer })).text();
  await expect.poll(read, 'one session').toMatch(/^farpane_sessions(\{[^}]*\})? 1$/m);
  await expect.poll(read, 'one viewer').toMatch(/^farpane_\w*viewers(\{[^}]*\})? 1$/m);
  await expect.poll(read, 'frames').toMatch(/^farpane_\w*frames\w*(\{[^}]*\})? [1-9]/m);
  await expect.poll(read, 'encode time').toMatch(/^farpane_\w*encode\w*(\{[^}]*\})? [0-9.e-]+$/m);
  await expect.poll(read, 'bitrate').toMatch(/^farpane_\w*(bitrate|bytes|bits)\w*(\{[^}]*\})? [1-9]/m);
});
