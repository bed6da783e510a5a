// What a person does first, whatever the way: looks, clicks, types. On `recorder.html`.

import { expect } from './fixtures';
import type { Run } from './site.mjs';
import { GREEN, YELLOW, type Viewer } from './viewer';

/** Clicks the page's target, and sees it done. */
export async function clicks(viewer: Viewer, run: Run): Promise<void> {
  const target = await run.center('target');
  await viewer.shows(YELLOW, target);
  await viewer.click(target);
  await run.saw('click', { target: 'target' });
  await viewer.shows(GREEN, target);
}

/** … and types into its field, with keys and as text that no key types. */
export async function clicksAndTypes(viewer: Viewer, run: Run, words: string): Promise<void> {
  await clicks(viewer, run);
  await viewer.click(await run.center('field'));
  await run.saw('focusin', { target: 'field' });
  await viewer.page.keyboard.type(words);
  await viewer.page.keyboard.insertText('é😀');
  await expect.poll(() => run.all('input', { target: 'field' }).at(-1)?.value).toBe(`${words}é😀`);
}
