/**
 * The client of the REST API of Kafka Connect.
 *
 * Source: Apache Kafka documentation, "Kafka Connect", REST API: `PUT /connectors/{name}/config` creates or updates a connector.
 */
import {connectionReason, ProjectorError} from '../runtime/errors.js';

export interface ConnectorTask {
  readonly id: number;
  readonly state: string;
  /** The stack trace of a FAILED task. */
  readonly trace: string | undefined;
}

export interface ConnectorStatus {
  readonly state: string;
  readonly trace: string | undefined;
  readonly tasks: readonly ConnectorTask[];
}

export interface ListedConnector {
  readonly name: string;
  /** The configuration as it was sent to Connect. It can contain secrets. */
  readonly config: Readonly<Record<string, string>>;
  readonly status: ConnectorStatus;
}

const REQUEST_TIMEOUT_MS = 15_000;

export class ConnectClient {
  /** The URL without user and password. They are sent in the `Authorization` header. */
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string) {
    const parsed = new URL(url);
    const {username, password} = parsed;
    parsed.username = '';
    parsed.password = '';
    this.#url = parsed.href.replace(/\/+$/, '');
    const login = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    this.#headers = username === '' ? {} : {authorization: `Basic ${Buffer.from(login).toString('base64')}`};
  }

  /** Creates the connector, or updates it to this configuration. The call is idempotent. */
  async apply(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    try {
      await this.#request('PUT', `/connectors/${encodeURIComponent(name)}/config`, config);
    } catch (error) {
      // Connect 4.3 with Debezium 3.6 returns status 500 and a NullPointerException for every rejected setting, even for a wrong
      // password. A setting of Debezium has no value in the validation report of Connect. So this client requests the report itself.
      if (!(error instanceof ProjectorError) || error.kind !== 'connect-unreachable') throw error;
      const faults = await this.#faults(name, config).catch(() => []);
      if (faults.length === 0) throw error;
      throw new ProjectorError(
        'connector-rejected',
        `Kafka Connect at ${this.#url} rejected connector ${name}: ${faults.join('; ')}`,
        {cause: error},
      );
    }
  }

  /** Undefined if the connector does not exist. */
  async status(name: string): Promise<ConnectorStatus | undefined> {
    const body = await this.#request('GET', `/connectors/${encodeURIComponent(name)}/status`);
    return body === undefined ? undefined : readStatus(body);
  }

  /** The version of Kafka Connect. */
  async version(): Promise<string> {
    const body = (await this.#request('GET', '/')) as {version?: unknown} | null | undefined;
    if (typeof body?.version === 'string') return body.version;
    throw new ProjectorError('connect-unreachable', `the server at ${this.#url} is not Kafka Connect`);
  }

  /** All connectors of this Connect cluster. */
  async list(): Promise<ListedConnector[]> {
    const body = await this.#request('GET', '/connectors?expand=info&expand=status');
    const entries = Object.entries((body ?? {}) as Record<string, ListedBody>);
    return entries.map(([name, {info, status}]) => ({
      name,
      config: info?.config ?? {},
      status: readStatus(status),
    }));
  }

  /** Restarts the connector and its tasks, or only those in state FAILED. Returns false if the connector does not exist. */
  async restart(name: string, parts: 'all' | 'failed'): Promise<boolean> {
    const path = `/connectors/${encodeURIComponent(name)}/restart?includeTasks=true&onlyFailed=${parts === 'failed'}`;
    return (await this.#request('POST', path)) !== undefined;
  }

  /** Deletes the connector. Connect keeps its offsets. Returns false if the connector does not exist. */
  async delete(name: string): Promise<boolean> {
    return (await this.#request('DELETE', `/connectors/${encodeURIComponent(name)}`)) !== undefined;
  }

  /** The errors in the validation report of Connect, each as `setting: reason`. */
  async #faults(name: string, config: Readonly<Record<string, string>>): Promise<string[]> {
    const plugin = encodeURIComponent(config['connector.class'] ?? '');
    const path = `/connector-plugins/${plugin}/config/validate`;
    const report = (await this.#request('PUT', path, {...config, name})) as {configs?: unknown} | null;
    const settings = (report?.configs ?? []) as {value?: {name?: string; errors?: string[]} | null}[];
    return settings.flatMap(({value}) =>
      (value?.errors ?? []).map((reason) => `${value?.name ?? '?'}: ${reason}`),
    );
  }

  /** The JSON of the response. Null if the response is empty. Undefined for status 404, except after a PUT: that rejects. */
  async #request(method: string, path: string, body?: unknown): Promise<unknown> {
    const where = `Kafka Connect at ${this.#url}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(this.#url + path, {
        method,
        signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
        headers: {...this.#headers, ...(body === undefined ? {} : {'content-type': 'application/json'})},
        ...(body === undefined ? {} : {body: JSON.stringify(body)}),
      });
      text = await response.text();
    } catch (error) {
      throw new ProjectorError(
        'connect-unreachable',
        `${where} did not respond: ${connectionReason(error)}`,
        {
          cause: error,
        },
      );
    }
    if (response.ok) return text === '' ? null : this.#parsed(text);
    if (response.status === 404 && method !== 'PUT') return undefined;
    // Status 409 means that the Connect workers rebalance. 5xx means that they are not ready. Both are temporary.
    const passes = response.status === 409 || response.status >= 500;
    throw new ProjectorError(
      passes ? 'connect-unreachable' : 'connector-rejected',
      `${where} responded to ${method} ${path} with status ${response.status}: ${errorText(text)}`,
    );
  }

  #parsed(text: string): unknown {
    try {
      return JSON.parse(text) as unknown;
    } catch (error) {
      const detail = `the server at ${this.#url} is not Kafka Connect: its response is not JSON`;
      throw new ProjectorError('connect-unreachable', detail, {cause: error});
    }
  }
}

function errorText(text: string): string {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return body.message.replace(/\s*\n\s*/g, ' ');
    }
  } catch {
    // The text is not JSON, so it is returned as it is.
  }
  return text.slice(0, 500).replace(/\s*\n\s*/g, ' ');
}

interface ListedBody {
  readonly info?: {readonly config?: Readonly<Record<string, string>>};
  readonly status?: unknown;
}

interface StatusBody {
  readonly connector?: {readonly state?: string; readonly trace?: string};
  readonly tasks?: readonly {readonly id?: number; readonly state?: string; readonly trace?: string}[];
}

function readStatus(body: unknown): ConnectorStatus {
  const {connector, tasks} = (body ?? {}) as StatusBody;
  return {
    state: connector?.state ?? 'UNKNOWN',
    trace: connector?.trace,
    tasks: (tasks ?? []).map(({id, state, trace}) => ({id: id ?? 0, state: state ?? 'UNKNOWN', trace})),
  };
}
