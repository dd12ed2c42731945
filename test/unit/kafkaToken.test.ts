/** All callers share one OAUTHBEARER token. It is renewed before it expires. No error contains a secret. */
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {TokenSource} from '../../src/clients/kafka/token.js';
import {readConfig} from '../../src/config/readConfig.js';

const SECRET = 'Zq7Secret:%&';
let server: Server;
let url: string;
let nowMs = 0;
let asked: {authorization: string | undefined; body: string}[] = [];
let answer: {status: number; body: string};
beforeAll(async () => {
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      asked.push({authorization: request.headers.authorization, body});
      response.writeHead(answer.status, {'content-type': 'application/json'}).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token?tenant=${encodeURIComponent(SECRET)}`;
});
beforeEach(() => {
  nowMs = 1_000_000;
  asked = [];
  answer = {status: 200, body: JSON.stringify({access_token: 'one', expires_in: 100, token_type: 'Bearer'})};
});
afterAll(() => server.close());

const source = (scope?: string): TokenSource =>
  new TokenSource({url, clientId: 'a b', clientSecret: SECRET, scope}, () => nowMs);

test('client id and secret are encoded as RFC 6749 requires, and the scope is sent with them', async () => {
  await expect(source('kafka write').token()).resolves.toBe('one');
  const login = Buffer.from(asked[0]?.authorization?.replace('Basic ', '') ?? '', 'base64').toString();
  expect(login).toBe('a+b:Zq7Secret%3A%25%26');
  expect(asked[0]?.body).toBe('grant_type=client_credentials&scope=kafka+write');
});

test('all callers share one token until four fifths of its lifetime have passed', async () => {
  const tokens = source();
  await expect(Promise.all([tokens.token(), tokens.token()])).resolves.toEqual(['one', 'one']);
  answer.body = answer.body.replace('one', 'two');
  nowMs += 79_999;
  await expect(tokens.token()).resolves.toBe('one');
  expect(asked).toHaveLength(1);
  nowMs += 1;
  await expect(tokens.token()).resolves.toBe('two');
  expect(asked).toHaveLength(2);
});

test.each([
  [
    401,
    '{"error":"invalid_client"}',
    'kafka-denied',
    /rejected the request with status 401 \(invalid_client\)$/,
  ],
  [400, `{"error":"${SECRET}"}`, 'kafka-denied', /rejected the request with status 400$/],
  [200, `{"token":"${SECRET}"}`, 'kafka-denied', /returned no access_token$/],
  [200, 'no JSON', 'kafka-denied', /returned no access_token$/],
  [503, SECRET, 'kafka-unreachable', /responded with status 503$/],
  [429, '', 'kafka-unreachable', /responded with status 429$/],
])('the response %d %s causes an error without secrets', async (...[status, body, kind, detail]) => {
  answer = {status, body};
  const tokens = source();
  const failure = (await tokens.token().catch((error: unknown) => error)) as Error;
  expect(failure).toMatchObject({kind, detail: expect.stringMatching(detail) as string});
  expect(failure.message).not.toContain('Zq7Secret');
  // The error is not kept: the next call sends a new request.
  answer = {status: 200, body: '{"access_token":"three"}'};
  await expect(tokens.token()).resolves.toBe('three');
});

test('an endpoint that cannot be reached causes the temporary error kafka-unreachable', async () => {
  const tokens = new TokenSource(
    {url: 'http://127.0.0.1:1/', clientId: 'a', clientSecret: SECRET, scope: undefined},
    () => nowMs,
  );
  await expect(tokens.token()).rejects.toMatchObject({kind: 'kafka-unreachable'});
});

test('the OAUTHBEARER settings must be set together, and exclude a SASL password', () => {
  const oauth = {
    KAFKA_SASL_MECHANISM: 'oauthbearer',
    KAFKA_OAUTH_TOKEN_URL: 'https://login.example.com/token',
    KAFKA_OAUTH_CLIENT_ID: 'projector',
    KAFKA_OAUTH_CLIENT_SECRET: SECRET,
  };
  expect(() => readConfig(oauth, [])).not.toThrow();
  for (const name of Object.keys(oauth))
    expect(() => readConfig({...oauth, [name]: ''}, [])).toThrow(/oauthbearer/);
  expect(() => readConfig({...oauth, KAFKA_SASL_PASSWORD: SECRET}, [])).toThrow(
    /neither KAFKA_SASL_USERNAME nor KAFKA_SASL_PASSWORD/,
  );
});
