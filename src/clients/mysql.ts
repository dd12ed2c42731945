/**
 * The MySQL client. It only reads the source.
 *
 * I9: each value is returned as the text that Debezium produces for it, before canonical.ts. This is the text that MySQL prints, with
 * these exceptions: DOUBLE (the shortest text in JavaScript), ZEROFILL (no zeros in front), BIT(1) (`0` or `1`), other BIT (base64) and bytes
 * (hexadecimal digits).
 * TIMESTAMP values are in UTC.
 * I11: messages of MySQL can contain values of rows. Only messages that name tables, columns or users are passed on.
 */
import {connect as connectTcp} from 'node:net';
import type {Connection as StreamingConnection} from 'mysql2';
import {createConnection, type Connection, type FieldPacket, type RowDataPacket} from 'mysql2/promise';
import {ProjectorError} from '../runtime/errors.js';
import {textRows, typeCast, type TextRow} from './mysqlText.js';
import {hostOf, tlsOf, type MysqlTls} from './mysqlTls.js';
import {tlsError, type TlsMaterial} from './tls.js';

export interface MysqlSettings {
  /** `mysql://user:password@host:port/database?ssl-mode=VERIFY_IDENTITY`. */
  readonly url: string;
  /** Used in every ssl-mode except DISABLED. `serverName` requires the mode VERIFY_IDENTITY, because only this mode verifies the name. */
  readonly tls?: TlsMaterial | undefined;
}

export type {TextRow};

/** Runs a query within one snapshot. Each value replaces one `?`. A list expands to values that are separated by commas. */
export type RowQuery = (sql: string, values: readonly (string | readonly string[])[]) => Promise<TextRow[]>;

/** `missing`: the server has not executed all of them. `unsupported`: GTIDs are off, or the server has another kind of GTIDs. */
export type GtidWait = 'shown' | 'missing' | 'unsupported';

/** The server cannot wait for a GTID. */
class GtidsUnsupported extends Error {}

const CONNECT_TIMEOUT_MS = 10_000;
/** The timeout is long because sums over tables with millions of rows take long. */
const QUERY_TIMEOUT_MS = 120_000;

const DENIED =
  /^(?:ER_\w*ACCESS_?DENIED\w*|ER_ACCOUNT_HAS_BEEN_LOCKED|ER_MUST_CHANGE_PASSWORD\w*|ER_HOST_NOT_PRIVILEGED|ER_SECURE_TRANSPORT_REQUIRED|HANDSHAKE_(?:NO_)?SSL\w*)$/;
const MISNAMED = /^(?:ER_BAD_DB_ERROR|ER_NO_SUCH_TABLE|ER_BAD_FIELD_ERROR)$/;
/** ER_TABLE_DEF_CHANGED: a schema change has been committed since the snapshot was taken. The next snapshot works. */
const PASSING =
  /^(?:ER_CON_COUNT_ERROR|ER_TOO_MANY_USER_CONNECTIONS|ER_SERVER_SHUTDOWN|ER_HOST_IS_BLOCKED|ER_QUERY_INTERRUPTED|ER_QUERY_TIMEOUT|ER_LOCK_\w+|ER_TABLE_DEF_CHANGED)$/;

const WITHOUT_GTIDS = /^(?:ER_GTID_MODE_OFF|ER_CANT_WAIT_FOR_EXECUTED_GTID_SET\w*|ER_SP_DOES_NOT_EXIST)$/;

export class MysqlClient {
  readonly #url: URL;
  readonly #tls: MysqlTls | undefined;
  #connection: Connection | undefined;

  /**
   * Throws `config-invalid` if the URL names no database or has an unknown option. Throws it as well if the TLS settings would verify
   * less than they seem to.
   */
  constructor({url, tls = {}}: MysqlSettings) {
    this.#url = new URL(url);
    this.#tls = tlsOf(this.#url, tls);
    if (this.#url.pathname.length < 2) {
      throw new ProjectorError(
        'config-invalid',
        'MYSQL_URL must name a database, for example mysql://user@host:3306/shop',
      );
    }
  }

  /** The address without user and password, for messages. */
  get address(): string {
    return `mysql://${this.#url.host}${this.#url.pathname}`;
  }

  /** False before `connect`, and after a query failed because the connection broke. Then `connect` opens a new connection. */
  get isConnected(): boolean {
    return this.#connection !== undefined;
  }

  async connect(): Promise<void> {
    const {hostname, port, username, password, pathname} = this.#url;
    this.#connection = await this.#guarded(async () => {
      const place = {host: hostOf(hostname), port: port === '' ? 3306 : Number(port)};
      const connection = await createConnection({
        ...place,
        user: decodeURIComponent(username),
        password: decodeURIComponent(password),
        database: decodeURIComponent(pathname.slice(1)),
        charset: 'utf8mb4',
        connectTimeout: CONNECT_TIMEOUT_MS,
        ...(this.#tls === undefined ? {} : {ssl: this.#tls.ssl}),
        // mysql2 verifies the certificate against `host`. So `host` is the expected name, and `stream` connects to the real address.
        ...(this.#tls?.serverName === undefined
          ? {}
          : {host: this.#tls.serverName, stream: () => connectTcp({...place, noDelay: true})}),
      });
      // The connection can break between two queries. The next query fails and reports it, so this handler does nothing.
      connection.on('error', () => undefined);
      try {
        await connection.query(
          "SET SESSION time_zone = '+00:00', SESSION transaction_isolation = 'REPEATABLE-READ'",
        );
      } catch (error) {
        connection.destroy();
        throw error;
      }
      return connection;
    });
  }

  /** All queries of `work` read one consistent snapshot, taken after this call. */
  async consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T> {
    await this.#command('START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY');
    try {
      return await work(async (sql, values) => await this.#ask(sql, values));
    } finally {
      // A failed rollback has no effect, because the transaction wrote nothing.
      await this.#command('ROLLBACK').catch(() => undefined);
    }
  }

  /** Waits until this server has executed all of these transactions, at most `timeoutMs`. They are then visible to new snapshots. */
  async waitForGtids(gtids: string, timeoutMs: number): Promise<GtidWait> {
    try {
      const rows = await this.#ask('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, ?) AS isMissing', [
        gtids,
        (timeoutMs / 1_000).toFixed(3),
      ]);
      return rows[0]?.['isMissing'] === '0' ? 'shown' : 'missing';
    } catch (error) {
      if (error instanceof ProjectorError && error.cause instanceof GtidsUnsupported) return 'unsupported';
      throw error;
    }
  }

  /** Streams the rows of one query in pages, so the memory use does not grow with the number of rows. */
  async *stream(sql: string, pageRows: number): AsyncGenerator<TextRow[]> {
    let fields: FieldPacket[] = [];
    // The query has no timeout, because MySQL may sort for minutes before the first row. A broken connection ends the query.
    const query = streaming(this.#open).query({sql, typeCast});
    query.on('fields', (packets: FieldPacket[]) => (fields = packets));
    let page: Record<string, string | null>[] = [];
    try {
      for await (const row of query.stream({highWaterMark: pageRows})) {
        page.push(row as Record<string, string | null>);
        if (page.length < pageRows) continue;
        yield textRows(page, fields);
        page = [];
      }
    } catch (error) {
      throw this.#translate(error);
    }
    if (page.length > 0) yield textRows(page, fields);
  }

  close(): void {
    this.#connection?.destroy();
    this.#connection = undefined;
  }

  async #command(sql: string): Promise<void> {
    await this.#guarded(async () => await this.#open.query({sql, timeout: QUERY_TIMEOUT_MS}));
  }

  async #ask(sql: string, values: readonly (string | readonly string[])[]): Promise<TextRow[]> {
    return await this.#guarded(async () => {
      const question = {sql, values: [...values], timeout: QUERY_TIMEOUT_MS, typeCast};
      const [rows, fields] = await this.#open.query<RowDataPacket[]>(question);
      return textRows(rows, fields);
    });
  }

  get #open(): Connection {
    if (this.#connection !== undefined) return this.#connection;
    throw new ProjectorError('mysql-unreachable', `the connection to MySQL at ${this.address} is closed`);
  }

  async #guarded<T>(question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #translate(error: unknown): ProjectorError {
    if (error instanceof ProjectorError) return error;
    const {code = 'unknown error', sqlMessage = ''} = error as {code?: string; sqlMessage?: string};
    const where = `MySQL at ${this.address}`;
    const refusal = tlsError(error, where);
    if (refusal !== undefined) {
      this.close();
      return refusal;
    }
    if (DENIED.test(code)) {
      return new ProjectorError('mysql-denied', `${where} denied access (${code}): ${sqlMessage}`, {
        cause: error,
      });
    }
    if (MISNAMED.test(code)) {
      const hint = 'check MYSQL_URL, ORDERS_TABLE and ORDER_ITEMS_TABLE';
      return new ProjectorError('config-invalid', `${where} returned an error: ${sqlMessage} (${hint})`, {
        cause: error,
      });
    }
    if (WITHOUT_GTIDS.test(code)) {
      return new ProjectorError('mysql-rejected', `${where} cannot wait for a GTID (${code})`, {
        cause: new GtidsUnsupported(code),
      });
    }
    if (PASSING.test(code) || !code.startsWith('ER_')) {
      // A query that timed out continues on the server and blocks later queries on this connection. So the connection is closed.
      if (!code.startsWith('ER_') || code === 'ER_SERVER_SHUTDOWN') this.close();
      return new ProjectorError('mysql-unreachable', `${where} is not available: ${code}`, {cause: error});
    }
    // I11: the cause is omitted, because it contains the message of MySQL and the query.
    return new ProjectorError('mysql-rejected', `${where} returned the unexpected error ${code}`);
  }
}

/** The callback connection of mysql2. The promise connection wraps it and cannot stream. The types of mysql2 do not declare it. */
function streaming(connection: Connection): StreamingConnection {
  return (connection as unknown as {connection: StreamingConnection}).connection;
}
