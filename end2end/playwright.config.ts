// How the journeys are run: Debian's Chromium, one at a time, never twice.

import { defineConfig } from '@playwright/test';
import { LAUNCH, VIEWPORT } from './support/chromium.mjs';

export default defineConfig({
  testDir: 'tests',
  // Each journey runs two Chromes; two cores carry one journey.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  // A Chrome that is started, killed and started again on a busy machine.
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: 'list',
  use: {
    headless: true,
    viewport: VIEWPORT,
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    trace: 'retain-on-failure',
    screenshot: 'only-on-failure',
    launchOptions: LAUNCH,
  },
});
