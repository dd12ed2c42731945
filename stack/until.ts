/** Waits until a condition holds, instead of sleeping for a fixed time. Used by the tests and the chaos run. */

/** Resolves with the first value that is neither undefined nor false. Rejects with `describe()` after `timeoutMs`. */
export async function until<T>(
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  describe: () => string,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await attempt();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline)
      throw new Error(`timed out after ${timeoutMs} ms, waiting for: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
