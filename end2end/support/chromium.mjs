// How the viewer's own browser is launched, for the journeys and for the bench.

export const LAUNCH = {
  executablePath: process.env.CHROME ?? '/usr/bin/chromium',
  // CI runs as root, where Chromium's sandbox does not start; this browser shows nothing but pages of our own.
  // The rest saves connections to the outside, which neither a test nor a measurement must need.
  args: [
    '--no-sandbox',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--autoplay-policy=no-user-gesture-required',
  ],
};

export const VIEWPORT = { width: 1400, height: 900 };
