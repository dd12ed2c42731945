/**
 * TLS to Kafka, Redis and MySQL: what the clients are given, and what went wrong in words.
 *
 * A server is always verified. It is said explicitly, since NODE_TLS_REJECT_UNAUTHORIZED=0 would switch it off otherwise.
 */
import {connect} from 'node:tls';
import {causesOf, ProjectorError} from '../runtime/errors.js';

/** Texts in PEM form. */
export interface TlsMaterial {
  /** Who may sign certificates of servers, in place of those that Node.js trusts. */
  readonly ca?: string | undefined;
  /** Our own certificate, with its chain, for servers that ask for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the certificate of the server must have, where it is not that of the address. */
  readonly serverName?: string | undefined;
}

export interface TlsOptions {
  rejectUnauthorized: true;
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}

/** As `tls.connect` of Node.js takes them. */
export function tlsOptions({ca, cert, key, serverName}: TlsMaterial = {}): TlsOptions {
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
    ...(serverName === undefined ? {} : {servername: serverName}),
  };
}

/** Codes of Node.js and texts of OpenSSL; mysql2 and ioredis' Sentinels keep the text alone. The first that fits counts. */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED|certificate has expired/, 'its certificate has expired'],
  [/CERT_NOT_YET_VALID|certificate is not yet valid/, 'its certificate is not valid yet'],
  [/CERT_REVOKED|certificate revoked$/, 'its certificate was revoked'],
  [/ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/, 'its certificate has another name'],
  [
    /SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA|self.signed certificate|unable to (?:get|verify).*certificate|certificate signature failure/,
    'its certificate is signed by no CA that is trusted here',
  ],
  [/ALERT_CERTIFICATE_REQUIRED|alert certificate required/, 'it asks for a client certificate'],
  [
    /ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+|DECRYPT_ERROR|ACCESS_DENIED)|alert (?:bad certificate|unknown ca|certificate \w+|decrypt error|access denied)/,
    'it refuses our client certificate, or the want of one',
  ],
  [
    /HANDSHAKE_FAILURE|handshake failure|ALERT_PROTOCOL_VERSION|alert protocol version/,
    'it refuses the handshake',
  ],
  [
    /^TLS_CUT_OFF/,
    'it ends the connection behind the handshake, as one does that wants a client certificate',
  ],
  [/ERR_SSL_WRONG_VERSION_NUMBER|wrong version number/, 'what answers there does not speak TLS'],
];

/**
 * With TLS 1.3 a server sees our certificate, or the want of one, when the handshake is over for us. Its complaint is lost when
 * it ends the connection while we write. `error`: that end, before anything was received.
 */
export function cutOff(error: Error): Error {
  if (tlsReason(error) !== undefined) return error;
  return Object.assign(new Error(`cut off behind the handshake: ${error.message}`, {cause: error}), {
    code: 'TLS_CUT_OFF',
  });
}

/** What TLS has against a server, or a server against us; undefined when the error is of another sort. */
export function tlsReason(error: unknown): string | undefined {
  for (const text of textsOf(error)) {
    const reason = REASONS.find(([pattern]) => pattern.test(text));
    if (reason !== undefined) return reason[1];
  }
  return undefined;
}

/** `where` names the server; undefined when TLS has nothing to do with the error. */
export function tlsError(error: unknown, where: string): ProjectorError | undefined {
  const reason = tlsReason(error);
  if (reason === undefined) return undefined;
  return new ProjectorError('tls-refused', `no TLS with ${where}: ${reason}${namesIn(error)}`, {
    cause: error,
  });
}

/** Of a certificate with another name: which it has. They are no secret: it shows them to everybody. */
function namesIn(error: unknown): string {
  for (const text of textsOf(error)) {
    const names = /altnames: (.{1,300})/.exec(text)?.[1];
    if (names !== undefined) return ` (${names.trim().replace(/:$/, '')})`;
  }
  return '';
}

/** Code and message of an error and its causes. */
function* textsOf(error: unknown): Generator<string> {
  for (const link of causesOf(error)) {
    const {code = '', message = ''}: {code?: unknown; message?: unknown} = Object(link) as object;
    yield `${String(code)} ${String(message)}`;
  }
}

export interface Server {
  readonly host: string;
  readonly port: number;
}

/** Shakes hands with a server and hangs up; resolves with what went wrong, undefined when nothing did within the time. */
export async function handshakeTrouble(
  server: Server,
  options: TlsOptions,
  timeoutMs: number,
): Promise<Error | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({...server, ...options}, () => done(undefined));
    const done = (trouble: Error | undefined): void => {
      socket.destroy();
      resolve(trouble);
    };
    socket.setTimeout(timeoutMs, () => done(undefined));
    socket.on('error', done);
  });
}
