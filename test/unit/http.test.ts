import {HttpServer, json, plain, type Routes} from '../../src/observe/http.js';

async function serving<T>(routes: Routes, work: (url: string) => Promise<T>): Promise<T> {
  const server = new HttpServer(routes);
  const port = await server.listen('127.0.0.1', 0);
  try {
    return await work(`http://127.0.0.1:${port}`);
  } finally {
    await server.close();
  }
}

const ROUTES: Routes = {
  '/livez': () => plain(200, 'ok'),
  '/status': () => json(503, {at: 2n ** 60n}),
  '/page': () => ({...plain(200, 'a page'), policy: "default-src 'self'"}),
  '/broken': () => {
    throw new Error('no view\nat line 5');
  },
};

test('the server answers GET and HEAD, with security headers and exact numbers', async () => {
  await serving(ROUTES, async (url) => {
    const live = await fetch(`${url}/livez?verbose=1`);
    expect([live.status, await live.text()]).toEqual([200, 'ok\n']);
    expect(live.headers.get('cache-control')).toBe('no-store');
    expect(live.headers.get('x-content-type-options')).toBe('nosniff');
    expect(live.headers.get('content-security-policy')).toMatch(/^default-src 'none'/);
    const page = await fetch(`${url}/page`);
    expect(page.headers.get('content-security-policy')).toBe("default-src 'self'");
    const head = await fetch(`${url}/livez`, {method: 'HEAD'});
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '3', '']);
    const status = await fetch(`${url}/status`);
    expect([status.status, await status.json()]).toEqual([503, {at: '1152921504606846976'}]);
  });
});

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is rejected with status 405', async (method) => {
  await serving(ROUTES, async (url) => {
    const answer = await fetch(`${url}/livez`, {method});
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });
});

test('an unknown path gives status 404 and a failing route 500, each with one line of text', async () => {
  await serving(ROUTES, async (url) => {
    for (const path of ['/', '/nothing', '/__proto__', '/constructor', '/../livez/x']) {
      const answer = await fetch(`${url}${path}`);
      expect([answer.status, await answer.text()]).toEqual([
        404,
        'not found; the paths are /livez, /status, /page, /broken\n',
      ]);
    }
    const broken = await fetch(`${url}/broken`);
    expect([broken.status, await broken.text()]).toEqual([500, 'no view\n']);
  });
});

test('a port that is in use causes an error that names the address', async () => {
  await serving(ROUTES, async (url) => {
    const port = Number(new URL(url).port);
    await expect(new HttpServer(ROUTES).listen('127.0.0.1', port)).rejects.toMatchObject({
      kind: 'http-unavailable',
      detail: expect.stringMatching(/^cannot listen on 127\.0\.0\.1:\d+ .*EADDRINUSE/) as string,
    });
  });
});
