// Viewers that reach the media port through a TURN server alone.

import { expect, test } from '../support/fixtures';
import { keepToRelays } from '../support/instruments.mjs';
import { clicks } from '../support/journey';
import { TurnServer } from '../support/turn.mjs';

for (const transport of ['udp', 'tcp'] as const) {
  test(`pictures and input pass a TURN server that is reached over ${transport.toUpperCase()}`, async ({
    open,
    page,
    run,
    start,
  }) => {
    const turn = await TurnServer.start();
    try {
      const server = await start({ flags: ['--grace', '15s', '--ice-server', turn.iceServer(transport)] });
      await page.addInitScript(keepToRelays);
      const viewer = await open('recorder.html', {}, server);
      await clicks(viewer, run);
      await viewer.showStatistics();
      await expect(viewer.statistics).toContainText(`Relay over ${transport.toUpperCase()}`);
      expect(turn.log, 'it was asked, with the right password').toMatch(/ALLOCATE processed, success/);
    } finally {
      await turn.stop();
    }
  });
}

test('a TURN server that refuses the password does not keep the web socket away', async ({ open, page, run, start }) => {
  const turn = await TurnServer.start();
  try {
    const wrong = turn.iceServer('udp').replace(/password/, 'passphrase');
    const server = await start({ flags: ['--grace', '15s', '--ice-server', wrong] });
    await page.addInitScript(keepToRelays);
    const viewer = await open('recorder.html', {}, server);
    await clicks(viewer, run);
    await viewer.travelsBy('Web socket');
  } finally {
    await turn.stop();
  }
});
