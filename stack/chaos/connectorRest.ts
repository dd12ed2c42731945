/** The connector, as Kafka Connect's REST interface shows it. Shares no code with the worker. */
import {until} from '../until.js';

const REQUEST_TIMEOUT_MS = 10_000;
const RUNNING_TIMEOUT_MS = 120_000;

export interface ConnectorState {
  readonly isRunning: boolean;
  /** Of a part that has FAILED: the first line of its trace. */
  readonly failure: string | undefined;
}

export class ConnectorRest {
  readonly #url: string;

  constructor(connectUrl: string, name = 'shop-orders') {
    this.#url = `${connectUrl}/connectors/${name}`;
  }

  /** Undefined while Connect does not answer. */
  async state(): Promise<ConnectorState | undefined> {
    try {
      const response = await fetch(`${this.#url}/status`, {signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)});
      if (!response.ok) return undefined;
      const {connector, tasks} = (await response.json()) as {connector: Part; tasks: Part[]};
      const parts = [connector, ...tasks];
      const failed = parts.find(({state}) => state === 'FAILED');
      return {
        isRunning: tasks.length > 0 && parts.every(({state}) => state === 'RUNNING'),
        failure: failed === undefined ? undefined : (failed.trace?.split('\n')[0] ?? 'without a trace'),
      };
    } catch {
      return undefined;
    }
  }

  /** The connector and its task; resolves when Connect has taken the request. */
  async restart(): Promise<void> {
    await until(
      async () => {
        try {
          const response = await fetch(`${this.#url}/restart?includeTasks=true`, {
            method: 'POST',
            signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
          });
          return response.ok;
        } catch {
          return false;
        }
      },
      () => 'a restart of the connector that Connect takes',
      RUNNING_TIMEOUT_MS,
    );
  }

  /** Restarts what has FAILED; resolves when all runs. Tells each failure. */
  async mend(onFailure: (trace: string) => void): Promise<void> {
    await until(
      async () => {
        const state = await this.state();
        if (state?.failure !== undefined) {
          onFailure(state.failure);
          await this.restart();
        }
        return state?.isRunning;
      },
      () => 'a connector that runs',
      RUNNING_TIMEOUT_MS,
    );
  }
}

interface Part {
  readonly state: string;
  readonly trace?: string;
}
