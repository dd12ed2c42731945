/** Requests to the worker. Their paths are relative, because a reverse proxy can serve the page under any path. */
const ANSWER_MS = 3_000;
/** The worker itself waits up to 3 s for Redis: to connect, for the login, and for the reply. */
const SHOP_ANSWER_MS = 4_000;

/** No answer arrived, or one that is not valid. Errors of other classes are defects of the page. */
export class NoAnswer extends Error {}

export async function ask<T>(path: string): Promise<T> {
  const {status, body} = await answerTo(path, ANSWER_MS);
  if (status === 200) return body as T;
  throw new NoAnswer(`${path} returned HTTP status ${status}`);
}

/** Also an answer that is an error has a JSON body, which says why. */
export async function askShop(path: string): Promise<{readonly status: number; readonly body: unknown}> {
  return await answerTo(path, SHOP_ANSWER_MS);
}

async function answerTo(path: string, timeoutMs: number): Promise<{status: number; body: unknown}> {
  try {
    const answer = await fetch(path, {signal: AbortSignal.timeout(timeoutMs), cache: 'no-store'});
    return {status: answer.status, body: (await answer.json()) as unknown};
  } catch (cause) {
    throw new NoAnswer(`no valid response from ${path}`, {cause});
  }
}
