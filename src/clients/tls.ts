/**
 * TLS to Kafka, Redis and MySQL: the options of the clients, and the reason of a failure in words.
 *
 * Connections to Kafka and Redis always verify the server. `rejectUnauthorized` is set explicitly, because
 * NODE_TLS_REJECT_UNAUTHORIZED=0 would switch the verification off otherwise. For MySQL the `ssl-mode` of the URL decides (mysql.ts).
 */
import {connect} from 'node:tls';
import {causesOf, ProjectorError} from '../runtime/errors.js';

/** Texts in PEM form. */
export interface TlsMaterial {
  /** The CAs that may sign certificates of servers. They replace the CAs that Node.js trusts. */
  readonly ca?: string | undefined;
  /** The client certificate with its chain, for servers that request one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** The name that the server certificate must contain, if it differs from the host of the address. */
  readonly serverName?: string | undefined;
}

export interface TlsOptions {
  rejectUnauthorized: true;
  ca?: string;
  cert?: string;
  key?: string;
  servername?: string;
}

/** Options in the form that `tls.connect` of Node.js accepts. */
export function tlsOptions({ca, cert, key, serverName}: TlsMaterial = {}): TlsOptions {
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
    ...(serverName === undefined ? {} : {servername: serverName}),
  };
}

/**
 * The patterns match error codes of Node.js and error texts of OpenSSL. The texts are needed because mysql2, and ioredis for Sentinels,
 * keep only the text. The first pattern that matches decides.
 */
const REASONS: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED|certificate has expired/, 'the server certificate has expired'],
  [/CERT_NOT_YET_VALID|certificate is not yet valid/, 'the server certificate is not valid yet'],
  [/CERT_REVOKED|certificate revoked$/, 'the server certificate was revoked'],
  [
    /ERR_TLS_CERT_ALTNAME_INVALID|does not match certificate's altnames/,
    'the server certificate was issued for another name',
  ],
  [
    /SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED|INVALID_CA|self.signed certificate|unable to (?:get|verify).*certificate|certificate signature failure/,
    'the server certificate is not signed by a trusted CA',
  ],
  [/ALERT_CERTIFICATE_REQUIRED|alert certificate required/, 'the server requires a client certificate'],
  [
    /ALERT_(?:BAD_CERTIFICATE|UNKNOWN_CA|CERTIFICATE_\w+|DECRYPT_ERROR|ACCESS_DENIED)|alert (?:bad certificate|unknown ca|certificate \w+|decrypt error|access denied)/,
    'the server rejected the client certificate, or received none',
  ],
  [
    /HANDSHAKE_FAILURE|handshake failure|ALERT_PROTOCOL_VERSION|alert protocol version/,
    'the server rejected the TLS handshake',
  ],
  [
    /^TLS_CUT_OFF/,
    'the server closed the connection after the handshake, probably because it requires a client certificate',
  ],
  [/ERR_SSL_WRONG_VERSION_NUMBER|wrong version number/, 'the server does not use TLS on this port'],
];

/**
 * Marks an error that ended a TLS connection before the client had received any data. The likely cause is a client certificate that
 * is missing or was rejected. With TLS 1.3 the alert of the server can be lost:
 *
 * 1. The client completes its handshake.
 * 2. The client sends its first request.
 * 3. The server checks the client certificate, rejects it, and closes the connection.
 * 4. The write of the client fails before it reads the alert of the server.
 */
export function cutOff(error: Error): Error {
  if (tlsReason(error) !== undefined) return error;
  const text = `the connection was closed after the TLS handshake: ${error.message}`;
  return Object.assign(new Error(text, {cause: error}), {code: 'TLS_CUT_OFF'});
}

/** Why TLS failed, on either side, as the rest of a sentence. Undefined if TLS did not cause the error. */
export function tlsReason(error: unknown): string | undefined {
  for (const text of textsOf(error)) {
    const reason = REASONS.find(([pattern]) => pattern.test(text));
    if (reason !== undefined) return reason[1];
  }
  return undefined;
}

/** A `tls-failed` error. `where` names the server. Undefined if TLS did not cause the error. */
export function tlsError(error: unknown, where: string): ProjectorError | undefined {
  const reason = tlsReason(error);
  if (reason === undefined) return undefined;
  return new ProjectorError('tls-failed', `TLS connection to ${where} failed: ${reason}${namesIn(error)}`, {
    cause: error,
  });
}

/** The names in a certificate that was issued for another host. They are not secret: the server sends them to every client. */
function namesIn(error: unknown): string {
  for (const text of textsOf(error)) {
    const names = /altnames: (.{1,300})/.exec(text)?.[1];
    if (names !== undefined) return ` (${names.trim().replace(/:$/, '')})`;
  }
  return '';
}

/** Code and message of an error and of each of its causes. */
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

/**
 * Opens a TLS connection to a server and closes it. Resolves with the error of the handshake. Resolves with undefined if the handshake
 * succeeds, or if there is no result within `timeoutMs`.
 */
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
