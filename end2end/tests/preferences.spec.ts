// A session begins as its person likes pages to be.

import { expect, test } from '../support/fixtures';
import { Viewer } from '../support/viewer';

test.use({ colorScheme: 'dark', locale: 'de-CH', timezoneId: 'America/Caracas', contextOptions: { reducedMotion: 'reduce' } });

test('scheme, motion, languages and time zone are those of whoever started it, and survive a crash', async ({ page, server, run, admit }) => {
  await admit(page.context());
  await page.goto(server.url('/'));
  await page.getByRole('textbox', { name: 'Address' }).fill(run.url('preferences.html'));
  await page.getByRole('button', { name: 'Start' }).click();
  await page.waitForURL(/\/s\//);
  const session = page.url().split('/').at(-1) ?? '';
  const viewer = new Viewer(page, server, session);
  const told = { dark: true, still: true, languages: 'de-CH', zone: 'America/Caracas', offset: 240 };
  expect((await run.saw('told', told)).header).toMatch(/^de-CH/);
  await viewer.connected();

  run.forget();
  for (const { pid } of server.chromes()) process.kill(pid, 'SIGKILL');
  await run.saw('told', told, 20_000);
});

test('a script that says nothing gets the defaults, and nonsense is refused', async ({ server, run }) => {
  const { session } = (await server.ask('open', { url: run.url('preferences.html') })).body;
  await run.saw('told', { dark: false, still: false, languages: 'en-US,en' });
  await server.ask('end', { session });
  const refused = await server.ask('open', { url: '', preferences: { time_zone: '/etc/passwd' } });
  expect(refused.status).toBe(400);
  expect(JSON.stringify(refused.body)).toContain('Europe/Berlin');
});
