// One viewer: its page's controls by their accessible names, its <video> by its pixels.
//
// The only place that knows what the viewer's page looks like.

import { expect, type Locator, type Page } from '@playwright/test';
import type { Box } from './instruments.mjs';
import type { Server } from './server.mjs';

export type Point = { x: number; y: number };
export type Color = readonly [red: number, green: number, blue: number];

/** The backgrounds of the pages in end2end/pages. */
export const YELLOW: Color = [240, 192, 0];
export const GREEN: Color = [0, 180, 0];
export const BLUE: Color = [0, 0, 220];
export const LILAC: Color = [200, 180, 250];

/** Per channel: limited range, quantization and an unsignalled matrix together stay below this. */
const TOLERANCE = 40;

export function isNear(seen: number[] | null, color: Color): boolean {
  return seen !== null && seen.every((level, channel) => Math.abs(level - color[channel]) <= TOLERANCE);
}

/**
 * Where a point of the picture lies on the viewer's page (`object-fit: contain`, within its padding).
 * Runs inside that page, so it refers to nothing outside itself.
 */
export function placeOnPage(picture: Element, point: Point): Point {
  const { width, height } = window.instruments.size() ?? { width: 1280, height: 720 };
  const box = picture.getBoundingClientRect();
  const style = getComputedStyle(picture);
  const [top, right, bottom, left] = (['Top', 'Right', 'Bottom', 'Left'] as const).map((side) => parseFloat(style[`padding${side}`]));
  const [across, down] = [box.width - left - right, box.height - top - bottom];
  const scale = Math.min(across / width, down / height);
  return {
    x: box.x + left + (across - width * scale) / 2 + point.x * scale,
    y: box.y + top + (down - height * scale) / 2 + point.y * scale,
  };
}

/** From Start to a picture on a machine that is busy with other tests too. */
const CONNECT_MILLIS = 20_000;

export class Viewer {
  constructor(
    readonly page: Page,
    readonly server: Server,
    /** The session's id; the address of its page is `/s/{id}`. */
    readonly session: string,
  ) {}

  // Controls

  get video(): Locator {
    return this.page.getByLabel('Remote browser');
  }
  get status(): Locator {
    return this.page.getByRole('status');
  }
  get address(): Locator {
    return this.page.getByRole('textbox', { name: 'Address' });
  }
  get dialog(): Locator {
    return this.page.getByRole('alertdialog');
  }
  get statistics(): Locator {
    return this.page.getByRole('complementary', { name: 'Statistics' });
  }
  /** What the person is told outside the status line: refusals, troubles of the page. */
  notice(words: string | RegExp): Locator {
    return this.page.getByRole('alert').filter({ hasText: words });
  }
  /** In the order of the strip. */
  get tabs(): Locator {
    return this.page.getByRole('tab');
  }
  tab(title: string): Locator {
    return this.page.getByRole('tab', { name: title });
  }
  /** What a new tab shows. */
  get startPage(): Locator {
    return this.page.getByRole('region', { name: 'New tab' });
  }
  closeTab(title: string): Locator {
    return this.page.getByRole('button', { name: `Close tab ${title}` });
  }
  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }

  // Doing

  /** Goes to the session's page and waits until pictures flow. */
  async watch(): Promise<this> {
    await this.page.goto(this.server.url(`/s/${this.session}`));
    await this.connected();
    return this;
  }

  async connected(): Promise<void> {
    await expect(this.status).toContainText('Connected', { timeout: CONNECT_MILLIS });
    await expect
      .poll(() => this.pixel({ x: 640, y: 360 }), { message: 'there is a picture', timeout: CONNECT_MILLIS })
      .not.toBeNull();
  }

  /** Types into the address bar, as a person does. */
  async visit(text: string): Promise<void> {
    await this.address.fill(text);
    await this.address.press('Enter');
  }

  async onPage({ x, y }: Point): Promise<Point> {
    return this.video.evaluate(placeOnPage, { x, y });
  }

  /** Opens the panel unless it is open. */
  async showStatistics(): Promise<void> {
    if (!(await this.statistics.isVisible())) await this.button('Statistics').click();
    await expect(this.statistics).toBeVisible();
  }

  /** What the Statistics panel says about how pictures travel. */
  async travelsBy(how: string, timeout = 10_000): Promise<void> {
    await this.showStatistics();
    await expect(this.statistics).toContainText(new RegExp(`Transport\\s*${how}`), { timeout });
  }

  async moveTo(inVideo: Point, steps = 1): Promise<void> {
    const { x, y } = await this.onPage(inVideo);
    await this.page.mouse.move(x, y, { steps });
  }

  async click(inVideo: Point, options: Parameters<Page['mouse']['click']>[2] = {}): Promise<void> {
    const { x, y } = await this.onPage(inVideo);
    await this.page.mouse.click(x, y, options);
  }

  /** Presses at one point, moves, and lets go at another. */
  async drag(from: Point, to: Point): Promise<void> {
    await this.moveTo(from);
    await this.page.mouse.down();
    await this.moveTo(to, 12);
    await this.page.mouse.up();
  }

  // Seeing

  /** The colour that the video shows there; `null` without a picture. */
  async pixel({ x, y }: Point): Promise<number[] | null> {
    return this.page.evaluate(([x, y]) => window.instruments.pixel(x, y), [x, y]);
  }

  async shows(color: Color, at: Point = { x: 640, y: 500 }, timeout = 10_000): Promise<void> {
    await expect(async () => {
      const seen = await this.pixel(at);
      expect(isNear(seen, color), `the video shows ${seen} at ${at.x},${at.y}, not ${color}`).toBe(true);
    }).toPass({ intervals: [30], timeout });
  }

  /** The number on the page's barcode. */
  async barcode(): Promise<number | null> {
    return this.page.evaluate(() => window.instruments.barcode());
  }

  /** Waits until the barcode's number has grown: pictures flow. */
  async flows(): Promise<void> {
    let first: number | null = null;
    await expect
      .poll(
        async () => {
          const now = await this.barcode();
          first ??= now;
          return now !== null && first !== null && now > first;
        },
        { message: 'new pictures arrive', intervals: [30], timeout: 10_000 },
      )
      .toBe(true);
  }

  /** Keeps the picture of now, for `changed`. */
  async remember(): Promise<void> {
    await this.page.evaluate(() => window.instruments.remember());
  }

  /** The box around what differs from the remembered picture, once it is at least that large and at rest. */
  async changed(within: Box, least = { width: 40, height: 40 }): Promise<Box> {
    let found: Box | null = null;
    await expect(async () => {
      const before = found;
      found = await this.page.evaluate((area) => window.instruments.changed(area), within);
      expect(found, 'nothing changed in the picture').not.toBeNull();
      expect(found?.width, 'what changed is too narrow').toBeGreaterThanOrEqual(least.width);
      expect(found?.height, 'what changed is too low').toBeGreaterThanOrEqual(least.height);
      expect(found, 'it still changes').toEqual(before);
    }).toPass({ intervals: [60], timeout: 10_000 });
    if (!found) throw new Error('unreachable: the loop above ends with a box or throws');
    return found;
  }

  /** Waits until the picture is again as it was remembered. */
  async unchanged(within: Box): Promise<void> {
    await expect
      .poll(() => this.page.evaluate((area) => window.instruments.changed(area), within), { intervals: [60] })
      .toBeNull();
  }

  /** The shape of the viewer's own pointer over that point. */
  async cursorAt(inVideo: Point): Promise<string> {
    const { x, y } = await this.onPage(inVideo);
    return this.page.evaluate(([x, y]) => {
      const under = document.elementFromPoint(x, y);
      return under ? getComputedStyle(under).cursor : 'nothing there';
    }, [x, y]);
  }
}
