// The tests that cut wires; `cargo xtask test` runs them in a network namespace of their own.

import base from './playwright.config';

export default { ...base, testDir: 'faults' };
