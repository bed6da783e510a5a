// What Chrome would ask its user, the person in front of the viewer is asked.

import { expect, test } from '../support/fixtures';
import { KNOWN, type Run } from '../support/site.mjs';
import { GREEN, type Viewer, YELLOW } from '../support/viewer';

const green = { name: 'Green', color: 'rgb(0, 180, 0)' };

async function stays(viewer: Viewer, run: Run, leave: () => Promise<void>, draft: string): Promise<void> {
  await leave();
  await expect(viewer.dialog).toContainText('Leave this page?');
  await viewer.dialog.getByRole('button', { name: 'Stay' }).click();
  await expect(viewer.dialog).toBeHidden();
  // The draft is there, and the caret in it.
  await viewer.page.keyboard.type('!');
  await run.saw('input', { target: 'draft', value: `${draft}!` });
}

test('an unsaved draft is not lost: by address, reload, back, forward, tab and end', async ({ open, run, page }) => {
  const viewer = await open('page.html', green);
  await viewer.visit(run.url('draft.html'));
  await viewer.shows(YELLOW, { x: 700, y: 500 });
  await viewer.visit(run.url('page.html', green));
  await viewer.shows(GREEN);
  await viewer.button('Back').click();
  await viewer.shows(YELLOW, { x: 700, y: 500 });
  await viewer.click(await run.center('draft'));
  await page.keyboard.type('my draft');
  await run.saw('input', { value: 'my draft' });

  await stays(viewer, run, () => viewer.visit(run.url('page.html', green)), 'my draft');
  await stays(viewer, run, () => viewer.button('Reload').click(), 'my draft!');
  await stays(viewer, run, () => viewer.button('Back').click(), 'my draft!!');
  await stays(viewer, run, () => viewer.button('Forward').click(), 'my draft!!!');
  // The new tab that would have taken its place goes again.
  await stays(viewer, run, () => viewer.closeTab('Draft').click(), 'my draft!!!!');
  await expect(viewer.tabs).toHaveCount(1);
  await viewer.button('New tab').click();
  await expect(viewer.tabs).toHaveCount(2);
  // From behind: the page that asks comes to the front.
  await stays(viewer, run, () => viewer.closeTab('Draft').click(), 'my draft!!!!!');
  await expect(viewer.tab('Draft')).toHaveAttribute('aria-selected', 'true');

  let asked = '';
  page.once('dialog', (dialog) => {
    asked = dialog.message();
    void dialog.dismiss();
  });
  await viewer.button('End').click();
  await expect.poll(() => asked).toContain('would be lost');
  await expect(viewer.status).toContainText('Connected');

  await viewer.button('Back').click();
  await viewer.dialog.getByRole('button', { name: 'Leave' }).click();
  await viewer.shows(GREEN);
});

test('who closes a tab twice is asked once, and a page that asks again and again is silenced', async ({ open, run }) => {
  const viewer = await open('draft.html');
  await viewer.click(await run.center('draft'));
  await viewer.page.keyboard.type('x');
  await run.saw('input', { value: 'x' });
  await viewer.button('New tab').click();
  await expect(viewer.tabs).toHaveCount(2);
  await viewer.closeTab('Draft').click();
  await expect(viewer.dialog).toContainText('Leave this page?');
  await viewer.closeTab('Draft').click();
  await expect(viewer.tabs).toHaveCount(1);
  await expect(viewer.dialog).toBeHidden();

  await viewer.visit(run.url('opener.html'));
  await viewer.click(await run.center('loop'));
  await expect(viewer.dialog).toContainText('Round 1');
  await expect(viewer.dialog.getByRole('checkbox'), 'not the first time').toHaveCount(0);
  await viewer.dialog.getByRole('button', { name: 'OK' }).click();
  await expect(viewer.dialog).toContainText('Round 2');
  await viewer.dialog.getByRole('checkbox', { name: 'Don’t let this page ask again' }).check();
  await viewer.dialog.getByRole('button', { name: 'OK' }).click();
  await expect(viewer.dialog).toBeHidden();
});

test('a link for another program is shown to be followed, and the page stays', async ({ open, run, page }) => {
  const viewer = await open('files.html');
  await viewer.click(await run.center('mail'));
  const link = viewer.notice('with another program').getByRole('link');
  await expect(link).toHaveAttribute('href', 'mailto:someone@a.example?subject=Hello');
  await page.getByRole('button', { name: 'Dismiss' }).click();
  await expect(link).toBeHidden();
  await viewer.click(await run.center('call'));
  await expect(link).toHaveText('tel:+123');
  await expect(viewer.tabs).toHaveCount(1);
  await link.click();
  await expect(link).toBeHidden();
  await expect(viewer.address).toHaveValue(/files\.html/);
});

test('who must sign in is asked by name: three attempts, and whoever cancels sees the page for strangers', async ({ open, run }) => {
  const viewer = await open('page.html', green);
  const signIn = async (password: string) => {
    await viewer.dialog.getByLabel('User name').fill(KNOWN.username);
    await viewer.dialog.getByLabel('Password').fill(password);
    await viewer.dialog.getByRole('button', { name: 'Sign in' }).click();
  };
  await viewer.visit(run.url('private/Office/page.html', green));
  await expect(viewer.dialog).toContainText(`${run.origin} asks for a user name and a password for “Office”.`);
  await expect(viewer.dialog).toContainText('not encrypted');
  await expect(viewer.dialog).not.toContainText('not accepted');
  await signIn('wrong');
  await expect(viewer.dialog).toContainText('That was not accepted.');
  run.forget();
  await signIn(KNOWN.password);
  await run.saw('seen', { page: '/private/Office/page.html' });
  await expect(viewer.dialog).toBeHidden();

  await viewer.visit(run.url('private/Vault/page.html', green));
  for (let attempt = 1; attempt <= 3; attempt++) {
    await expect(viewer.dialog.getByLabel('User name'), 'asked anew').toHaveValue('');
    await signIn(`wrong ${attempt}`);
  }
  await expect(viewer.notice('three times')).toBeVisible();
  await expect(viewer.dialog).toBeHidden();
  await viewer.shows(YELLOW);

  await viewer.button('Reload').click();
  await viewer.dialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(viewer.dialog).toBeHidden();
  await expect(viewer.tab('No entry')).toBeVisible();
  await viewer.button('Reload').click();
  await expect(viewer.dialog).toBeVisible();
  await viewer.visit(run.url('page.html', green));
  await expect(viewer.dialog).toBeHidden();
  await viewer.shows(GREEN);
});
