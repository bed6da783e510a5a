// What every test gets: the site, a server, and viewers of sessions on that site's pages; all ended and checked.

import { test as base, expect, type BrowserContext, type TestInfo } from '@playwright/test';
import { installInstruments } from './instruments.mjs';
import { Server } from './server.mjs';
import { Site, type Run } from './site.mjs';
import { until } from './until.mjs';
import { Viewer } from './viewer';

type Worker = {
  /** Flags of the shared server: `test.use({ flags: […] })`. */
  flags: string[];
  site: Site;
  /** One server for all tests of a worker that ask for the same flags. */
  server: Server;
};

type Each = {
  /** What this test's pages record. */
  run: Run;
  /** Lets a context in (its cookie) and gives it the instruments. */
  admit: (context: BrowserContext, server?: Server) => Promise<void>;
  /** Opens a session on a page of the site and watches it. */
  open: (page?: string, params?: Record<string, string>, on?: Server) => Promise<Viewer>;
  /** One more viewer of the same session, in a window of its own. */
  join: (viewer: Viewer) => Promise<Viewer>;
  /** A server of this test's own. */
  start: (options?: Parameters<typeof Server.start>[0]) => Promise<Server>;
};

export const test = base.extend<Each, Worker>({
  flags: [['--grace', '8s'], { option: true, scope: 'worker' }],

  site: [
    async ({}, use) => {
      const site = await Site.start();
      await use(site);
      await site.stop();
    },
    { scope: 'worker' },
  ],

  server: [
    async ({ flags }, use) => {
      const server = await Server.start({ flags });
      await use(server);
      expect(await server.stop(), 'the server leaves nothing behind').toEqual([]);
    },
    { scope: 'worker' },
  ],

  run: async ({ site }, use) => {
    await use(site.run());
  },

  admit: async ({ server }, use, info) => {
    await use(async (context, on = server) => {
      // The cookie jar is the context's: no page needs to be shown for it.
      const reply = await context.request.get(on.entry.href);
      expect(reply.ok(), `the printed URL answers ${reply.status()}`).toBe(true);
      await context.addInitScript(installInstruments);
    });
    await attachLog(info, server);
    // However a test came by its sessions, the next one starts without them.
    server.remember();
    for (const { session } of await server.sessions()) await server.ask('end', { session });
    await until(async () => (await server.sessions()).length === 0, () => 'a session does not end');
    await until(() => server.chromes().length === 0, () => 'a Chrome outlives its session');
  },

  start: async ({}, use, info) => {
    const started: Server[] = [];
    await use(async (options) => {
      const server = await Server.start(options);
      started.push(server);
      return server;
    });
    for (const server of started) {
      const leftovers = await server.stop();
      await attachLog(info, server);
      expect(leftovers, 'the server leaves nothing behind').toEqual([]);
    }
  },

  open: async ({ server, run, page, admit }, use, info) => {
    let first = true;
    await use(async (name = 'green.html', params = {}, on = server) => {
      await admit(page.context(), on);
      const before = run.all('seen').length;
      const session = await on.open(run.url(name, params));
      const window = first ? page : await page.context().newPage();
      first = false;
      const viewer = await new Viewer(window, on, session).watch();
      // What is shown until then may be the blank page before it.
      await until(() => run.all('seen').length > before, () => `${name} is not seen`);
      return viewer;
    });
    if (hasFailed(info)) await attachPeers(info, page.context());
  },

  join: async ({}, use) => {
    await use(async ({ page, server, session }) =>
      new Viewer(await page.context().newPage(), server, session).watch(),
    );
  },
});

function hasFailed({ status, expectedStatus }: TestInfo): boolean {
  return status !== expectedStatus;
}

async function attachLog(info: TestInfo, server: Server) {
  if (hasFailed(info)) {
    await info.attach('server.log', { body: server.printed, contentType: 'text/plain' });
  }
}

/** What each viewer's browser counted: whether pictures came, were asked for, were decoded. */
async function attachPeers(info: TestInfo, context: BrowserContext) {
  for (const page of context.pages()) {
    const lines = await page.evaluate(async () => {
      const counted = async (peer: RTCPeerConnection) => {
        const stats = [...(await peer.getStats()).values()];
        const stream = stats.find(({ type }) => type === 'inbound-rtp') ?? {};
        const { packetsReceived, packetsLost, framesReceived, framesDecoded, pliCount } = stream;
        const counts = { packetsReceived, packetsLost, framesReceived, framesDecoded, pliCount };
        return `${peer.connectionState} ${JSON.stringify(counts)}`;
      };
      return Promise.all((window.instruments?.peers ?? []).map(counted));
    });
    await info.attach('peers', { body: lines.join('\n'), contentType: 'text/plain' });
  }
}

export { expect };
