// Debian's Firefox, as the browser of one viewer; driven by WebDriver BiDi.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import puppeteer, { type Page } from 'puppeteer-core';
import { VIEWPORT } from './chromium.mjs';
import { expect } from './fixtures';
import { installInstruments } from './instruments.mjs';
import type { Server } from './server.mjs';
import { isNear, placeOnPage, type Color, type Point } from './viewer';

const PROGRAM = process.env.FIREFOX ?? '/usr/bin/firefox-esr';

export class Firefox {
  private constructor(
    readonly page: Page,
    readonly end: () => Promise<void>,
  ) {}

  /** Starts one that the server lets in. */
  static async start(server: Server, preferences: Record<string, unknown> = {}): Promise<Firefox> {
    // Root's Firefox refuses a home that is somebody else's.
    const home = mkdtempSync(join(tmpdir(), 'farpane-firefox-'));
    const browser = await puppeteer.launch({
      browser: 'firefox',
      executablePath: PROGRAM,
      env: { ...process.env, HOME: home },
      extraPrefsFirefox: preferences,
      defaultViewport: VIEWPORT,
    });
    const end = async () => {
      await browser.close();
      rmSync(home, { recursive: true, force: true });
    };
    try {
      const page = await browser.newPage();
      await page.evaluateOnNewDocument(installInstruments);
      await page.goto(server.entry.href);
      return new Firefox(page, end);
    } catch (problem) {
      await end();
      throw problem;
    }
  }

  /** What the status line says. */
  async status(): Promise<string | null> {
    return this.page.$eval('[role=status]', (line) => line.textContent);
  }

  async click(point: Point): Promise<void> {
    const { x, y } = await this.page.$eval('video', placeOnPage, point);
    await this.page.mouse.click(x, y);
  }

  async shows(color: Color, { x, y }: Point): Promise<void> {
    await expect(async () => {
      const seen = await this.page.evaluate((x, y) => window.instruments.pixel(x, y), x, y);
      expect(isNear(seen, color), `the picture shows ${seen} at ${x},${y}, not ${color}`).toBe(true);
    }).toPass({ intervals: [30], timeout: 10_000 });
  }
}
