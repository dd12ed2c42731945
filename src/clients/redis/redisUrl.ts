/** The parts of REDIS_URL. */

/** The number of the logical database in a URL. It is 0 if the URL has none. */
export function databaseOf(url: string): number {
  const number = /^\/(\d+)$/.exec(new URL(url).pathname)?.[1];
  return Number(number ?? '0');
}

/** The URL of another logical database on the same server. */
export function withDatabase(url: string, database: number): string {
  const other = new URL(url);
  other.pathname = `/${database}`;
  return other.href;
}

/** The address in a URL, without user and password. */
export function redisAddress(url: string): string {
  try {
    const {protocol, host, pathname} = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return '(invalid REDIS_URL)';
  }
}
