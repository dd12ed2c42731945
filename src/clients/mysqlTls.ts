/** TLS of the MySQL client: what `ssl-mode` in the URL and the certificates mean together. */
import {isIP} from 'node:net';
import type {SslOptions} from 'mysql2/promise';
import {ProjectorError} from '../runtime/errors.js';
import type {TlsMaterial} from './tls.js';

/** The names are those of the MySQL client programs. Without `ssl-mode` the connection is not encrypted. */
const SSL_MODES = {
  DISABLED: undefined,
  REQUIRED: {rejectUnauthorized: false},
  VERIFY_CA: {rejectUnauthorized: true, verifyIdentity: false},
  VERIFY_IDENTITY: {rejectUnauthorized: true, verifyIdentity: true},
} as const;

/** The host of a URL, without the brackets of an IPv6 address. */
export function hostOf(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, '');
}

export interface MysqlTls {
  readonly ssl: SslOptions;
  readonly serverName: string | undefined;
}

/** Undefined without TLS. Throws `config-invalid` if the mode would verify less than the settings seem to require. */
export function tlsOf(url: URL, {ca, cert, key, serverName}: TlsMaterial): MysqlTls | undefined {
  const mode = sslModeOf(url);
  const verified = SSL_MODES[mode];
  const verifiesName = mode === 'VERIFY_IDENTITY';
  if (ca !== undefined && verified?.rejectUnauthorized !== true) {
    throw new ProjectorError(
      'config-invalid',
      `MYSQL_SSL_CA is set, but ssl-mode=${mode} does not verify the certificate: set ?ssl-mode=VERIFY_IDENTITY in MYSQL_URL`,
    );
  }
  if (cert !== undefined && verified === undefined) {
    throw new ProjectorError(
      'config-invalid',
      'MYSQL_SSL_CERT is set, but a client certificate is sent only with TLS: set ?ssl-mode=VERIFY_IDENTITY in MYSQL_URL',
    );
  }
  if (serverName !== undefined && !verifiesName) {
    throw new ProjectorError(
      'config-invalid',
      `MYSQL_SSL_SERVER_NAME is set, but ssl-mode=${mode} does not verify the name: set ?ssl-mode=VERIFY_IDENTITY in MYSQL_URL`,
    );
  }
  if (verifiesName && serverName === undefined && isIP(hostOf(url.hostname)) !== 0) {
    throw new ProjectorError(
      'config-invalid',
      'the host in MYSQL_URL is an IP address, but ssl-mode=VERIFY_IDENTITY verifies a name: set MYSQL_SSL_SERVER_NAME to the name in the certificate',
    );
  }
  if (verified === undefined) return undefined;
  const ours = cert === undefined || key === undefined ? {} : {cert, key};
  return {ssl: {...verified, ...(ca === undefined ? {} : {ca}), ...ours}, serverName};
}

function sslModeOf(url: URL): keyof typeof SSL_MODES {
  const unknown = [...url.searchParams.keys()].filter((name) => name !== 'ssl-mode');
  const mode = url.searchParams.get('ssl-mode') ?? 'DISABLED';
  if (unknown.length === 0 && Object.hasOwn(SSL_MODES, mode)) return mode as keyof typeof SSL_MODES;
  throw new ProjectorError(
    'config-invalid',
    `MYSQL_URL accepts only the option ssl-mode, with one of these values: ${Object.keys(SSL_MODES).join(', ')}`,
  );
}
