/**
 * Tokens for SASL OAUTHBEARER, from the client credentials grant (RFC 6749, 4.4). All connections share one token, which is renewed
 * before it expires.
 */
import {connectionReason, ProjectorError} from '../../runtime/errors.js';

export interface TokenSettings {
  /** The URL of the token endpoint. */
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string | undefined;
}

const REQUEST_TIMEOUT_MS = 10_000;
/** The lifetime of a token if the response has no `expires_in`. */
const DEFAULT_LIFE_S = 300;
/** A token is renewed after this part of its lifetime, because the clocks of brokers differ and logins take time. */
const USED_PART = 0.8;

export class TokenSource {
  readonly #settings: TokenSettings;
  readonly #nowMs: () => number;
  #token: {readonly value: string; readonly renewAtMs: number} | undefined;
  #asking: Promise<string> | undefined;

  constructor(settings: TokenSettings, nowMs: () => number) {
    this.#settings = settings;
    this.#nowMs = nowMs;
  }

  /**
   * A valid token. Rejects with `kafka-denied` if the endpoint rejects the request or returns no token. Rejects with `kafka-unreachable`
   * if it does not respond, or responds with status 429 or 5xx.
   */
  async token(): Promise<string> {
    if (this.#token !== undefined && this.#nowMs() < this.#token.renewAtMs) return this.#token.value;
    // Several connections log in at the same time. They share one request.
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return await this.#asking;
  }

  async #ask(): Promise<string> {
    const {url, clientId, clientSecret, scope} = this.#settings;
    const where = `the token endpoint ${new URL(url).origin} (KAFKA_OAUTH_TOKEN_URL)`;
    const login = [clientId, clientSecret].map(formEncoded).join(':');
    const askedMs = this.#nowMs();
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        method: 'POST',
        redirect: 'error',
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        headers: {
          authorization: `Basic ${Buffer.from(login).toString('base64')}`,
          accept: 'application/json',
        },
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          ...(scope === undefined ? {} : {scope}),
        }),
      });
      text = await response.text();
    } catch (error) {
      throw new ProjectorError('kafka-unreachable', `${where} did not respond: ${connectionReason(error)}`, {
        cause: error,
      });
    }
    // I11: the response can contain a token, so messages do not include its text.
    if (response.status >= 500 || response.status === 429) {
      throw new ProjectorError('kafka-unreachable', `${where} responded with status ${response.status}`);
    }
    if (!response.ok) {
      throw new ProjectorError(
        'kafka-denied',
        `${where} rejected the request with status ${response.status}${reasonIn(text)}`,
      );
    }
    const answer = parsed(text);
    if (typeof answer['access_token'] !== 'string' || answer['access_token'] === '') {
      throw new ProjectorError('kafka-denied', `${where} returned no access_token`);
    }
    const lifeS = Number(answer['expires_in'] ?? DEFAULT_LIFE_S);
    const lifeMs = (Number.isFinite(lifeS) ? lifeS : DEFAULT_LIFE_S) * 1_000;
    this.#token = {value: answer['access_token'], renewAtMs: askedMs + lifeMs * USED_PART};
    return answer['access_token'];
  }
}

/** RFC 6749, 2.3.1 requires that id and secret are form-encoded before they are joined. */
function formEncoded(text: string): string {
  return new URLSearchParams({x: text}).toString().slice(2);
}

/** The error code of RFC 6749, 5.2. It is one word of a fixed list, so it cannot contain a secret. */
function reasonIn(text: string): string {
  const {error} = parsed(text);
  return typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? ` (${error})` : '';
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
