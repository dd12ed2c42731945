/**
 * Reads the state of the connector that writes to this worker's topic from Kafka Connect, every 15 s.
 *
 * Consumer lag does not show a dead connector, because then no new records arrive that could wait.
 */
import type {ConnectorStatus, ListedConnector} from '../clients/connect.js';
import {messageOf} from '../runtime/errors.js';
import type {Clock} from '../runtime/lifecycle.js';
import type {TroubleLogger} from '../worker/troubles.js';
import type {ConnectorView} from '../worker/workerView.js';

/** The part of the Kafka Connect client that is needed here (clients/connect.ts). */
export interface ConnectHost {
  list(): Promise<readonly ListedConnector[]>;
}

export interface ConnectorWatchDeps {
  readonly connect: ConnectHost;
  readonly topic: string;
  readonly clock: Clock;
  readonly log: TroubleLogger;
  readonly notify: (connector: ConnectorView) => void;
}

const LOOK_MS = 15_000;
const UNKNOWN = 'unknown';

/** Reads the state until the signal aborts. It logs one line for each change of the state. */
export async function watchConnector(deps: ConnectorWatchDeps, signal: AbortSignal): Promise<void> {
  const {clock, log, notify} = deps;
  let before: ConnectorView | undefined;
  while (!signal.aborted) {
    const {view, reason} = await look(deps, before?.name ?? UNKNOWN);
    if (view.state !== (before?.state ?? 'RUNNING')) {
      const fields = {connector: view.name, reason};
      if (view.state === 'RUNNING') log.info(fields, 'connector is RUNNING');
      else log.warn(fields, `connector is ${view.state}`);
    }
    before = view;
    notify(view);
    await clock.sleep(LOOK_MS, signal);
  }
}

async function look(
  {connect, topic}: ConnectorWatchDeps,
  name: string,
): Promise<{view: ConnectorView; reason?: string}> {
  try {
    const entries = await connect.list();
    const ours = entries.find(({config}) => config['transforms.route.replacement'] === topic);
    if (ours !== undefined) return {view: {name: ours.name, state: stateOf(ours.status)}};
    return {view: {name, state: 'MISSING'}, reason: `no connector writes to topic ${topic}`};
  } catch (error) {
    return {view: {name, state: 'UNREACHABLE'}, reason: messageOf(error)};
  }
}

/**
 * Returns the state of the connector. If the connector is RUNNING, it returns the state of the first task that is not RUNNING.
 * It returns UNASSIGNED if the connector has no task.
 */
function stateOf({state, tasks}: ConnectorStatus): string {
  if (state !== 'RUNNING') return state;
  if (tasks.length === 0) return 'UNASSIGNED';
  return tasks.find((task) => task.state !== 'RUNNING')?.state ?? 'RUNNING';
}
