/** A private CA for a test. It issues valid certificates, expired ones, and certificates for another name. */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  /** The private key in PKCS#8 format, without a passphrase. */
  readonly key: string;
  /** Key and certificate in one file, as Kafka requires. */
  readonly both: string;
}

export interface CertificateOptions {
  readonly name?: string;
  /** Subject alternative names in OpenSSL's notation, such as `DNS:example.com` or `IP:127.0.0.1`. */
  readonly altNames?: string;
  readonly isExpired?: boolean;
}

/** RSA keys, because old builds of MySQL support no elliptic curves. */
const NEW_KEY = ['-newkey', 'rsa:2048', '-nodes'];

export class TestCa implements Disposable {
  readonly folder: string;
  /** The certificate of the CA itself. */
  readonly cert: string;
  readonly #key: string;
  #issued = 0;

  constructor() {
    this.folder = mkdtempSync(join(tmpdir(), 'order-projector-ca-'));
    this.cert = join(this.folder, 'ca.pem');
    this.#key = join(this.folder, 'ca.key');
    const subject = ['-subj', '/CN=a CA of tests', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
    openssl('req', '-x509', ...NEW_KEY, '-keyout', this.#key, '-out', this.cert, '-days', '30', ...subject);
  }

  /** Issues a certificate, by default for a server on 127.0.0.1. */
  issue({
    name = 'server',
    altNames = 'IP:127.0.0.1,DNS:localhost',
    isExpired = false,
  }: CertificateOptions = {}) {
    const base = join(this.folder, `${++this.#issued}`);
    const [key, request, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map((end) => `${base}.${end}`);
    openssl('req', ...NEW_KEY, '-keyout', key!, '-out', request!, '-subj', `/CN=${name}`);
    writeFileSync(extensions!, `subjectAltName=${altNames}\n`);
    const signed = ['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial', '-extfile', extensions!];
    openssl('x509', '-req', '-in', request!, '-out', cert!, ...signed, '-days', isExpired ? '-1' : '30');
    const both = `${base}.both.pem`;
    writeFileSync(both, readFileSync(key!, 'utf8') + readFileSync(cert!, 'utf8'));
    return {cert: cert!, key: key!, both} satisfies Certificate;
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, {recursive: true, force: true});
  }
}

function openssl(...args: string[]): void {
  const {status, stderr} = spawnSync('openssl', args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`openssl ${args[0] ?? ''} failed: ${stderr}`);
}
