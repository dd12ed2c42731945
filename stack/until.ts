/** Waits on a condition; tests never wait for a time. Also for the chaos run. */

/** Resolves with the first value that is neither undefined nor false; rejects with `describe()` when the time is over. */
export async function until<T>(
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  describe: () => string,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await attempt();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
