/** Reads and restarts the connector through Kafka Connect's REST interface. It shares no code with the worker. */
import {until} from '../until.js';

const REQUEST_TIMEOUT_MS = 10_000;
const RUNNING_TIMEOUT_MS = 120_000;

export interface ConnectorState {
  readonly isRunning: boolean;
  /** The first line of the trace of the connector or task in the state FAILED. */
  readonly failure: string | undefined;
}

export class ConnectorRest {
  readonly #url: string;

  constructor(connectUrl: string, name = 'shop-orders') {
    this.#url = `${connectUrl}/connectors/${name}`;
  }

  /** The state of the connector. Undefined if Connect does not respond. */
  async state(): Promise<ConnectorState | undefined> {
    try {
      const response = await fetch(`${this.#url}/status`, {signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS)});
      if (!response.ok) return undefined;
      const {connector, tasks} = (await response.json()) as {connector: Part; tasks: Part[]};
      const parts = [connector, ...tasks];
      const failed = parts.find(({state}) => state === 'FAILED');
      return {
        isRunning: tasks.length > 0 && parts.every(({state}) => state === 'RUNNING'),
        failure: failed === undefined ? undefined : (failed.trace?.split('\n')[0] ?? '(no trace)'),
      };
    } catch {
      return undefined;
    }
  }

  /** Restarts the connector and its task. Resolves when Connect has accepted the request. */
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
      () => 'Kafka Connect to accept a restart of the connector',
      RUNNING_TIMEOUT_MS,
    );
  }

  /** Restarts the connector or task if it is FAILED, and reports each failure. Resolves when both are RUNNING. */
  async repair(onFailure: (trace: string) => void): Promise<void> {
    await until(
      async () => {
        const state = await this.state();
        if (state?.failure !== undefined) {
          onFailure(state.failure);
          await this.restart();
        }
        return state?.isRunning;
      },
      () => 'the state RUNNING of the connector and its task',
      RUNNING_TIMEOUT_MS,
    );
  }
}

interface Part {
  readonly state: string;
  readonly trace?: string;
}
