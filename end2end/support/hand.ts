// One hand on a viewer's touch screen: fingers at points of the video.

import type { CDPSession } from '@playwright/test';
import type { Point, Viewer } from './viewer';

type What = 'touchStart' | 'touchMove' | 'touchEnd' | 'touchCancel';

export class Hand {
  private constructor(
    readonly viewer: Viewer,
    readonly devtools: CDPSession,
  ) {}

  static async on(viewer: Viewer): Promise<Hand> {
    return new Hand(viewer, await viewer.page.context().newCDPSession(viewer.page));
  }

  /** All fingers that are down from now on, and where; after `touchEnd` none is. */
  async fingers(type: What, ...points: Point[]): Promise<void> {
    const touchPoints = [];
    for (const [id, point] of points.entries()) touchPoints.push({ id, ...(await this.viewer.onPage(point)) });
    await this.devtools.send('Input.dispatchTouchEvent', { type, touchPoints });
  }

  async lift(): Promise<void> {
    await this.fingers('touchEnd');
  }

  async tap(...points: Point[]): Promise<void> {
    await this.fingers('touchStart', ...points);
    await this.lift();
  }

  /** Each finger goes from its first point to its second, a step in each frame, and stays down. */
  async stroke(steps: number, ...ways: [from: Point, to: Point][]): Promise<void> {
    const at = (part: number) =>
      ways.map(([from, to]) => ({ x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part }));
    await this.fingers('touchStart', ...at(0));
    for (let step = 1; step <= steps; step++) {
      await this.viewer.page.evaluate(() => new Promise((drawn) => requestAnimationFrame(drawn)));
      await this.fingers('touchMove', ...at(step / steps));
    }
  }

  /** One finger goes that quickly from one point to the other, and is lifted while it moves, however busy the machine is. */
  async throws(from: Point, to: Point, pixelsPerSecond = 1200): Promise<void> {
    const [start, end] = [await this.viewer.onPage(from), await this.viewer.onPage(to)];
    const STEP_MILLIS = 16;
    const millis = (Math.hypot(end.x - start.x, end.y - start.y) / pixelsPerSecond) * 1000;
    const steps = Math.ceil(millis / STEP_MILLIS);
    const began = Date.now();
    const sent: Promise<unknown>[] = [];
    // A finger does not wait until it was heard.
    const send = async (type: What, step: number) => {
      const at = began + step * STEP_MILLIS;
      await new Promise((resolve) => setTimeout(resolve, at - Date.now()));
      const part = step / steps;
      const point = { id: 0, x: start.x + (end.x - start.x) * part, y: start.y + (end.y - start.y) * part };
      const touchPoints = type === 'touchEnd' ? [] : [point];
      sent.push(this.devtools.send('Input.dispatchTouchEvent', { type, touchPoints, timestamp: at / 1000 }));
    };
    await send('touchStart', 0);
    for (let step = 1; step <= steps; step++) await send('touchMove', step);
    await send('touchEnd', steps);
    await Promise.all(sent);
  }
}
