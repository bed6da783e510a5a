// A fact that has not come true yet → its value, or a sentence why it never did.

/** How often a fact is looked at that nothing announces. */
const EVERY_MILLIS = 20;

/**
 * Waits until `fact` gives something truthy, and gives that.
 * @template T
 * @param {() => T | Promise<T>} fact
 * @param {() => string} otherwise what to say when it did not in time
 * @param {number} [withinMillis]
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(fact, otherwise, withinMillis = 10_000) {
  const deadline = performance.now() + withinMillis;
  for (;;) {
    const value = await fact();
    if (value) return value;
    if (performance.now() > deadline) throw new Error(otherwise());
    await new Promise((resolve) => setTimeout(resolve, EVERY_MILLIS));
  }
}
