/**
 * The view of one worker from its start to its end. Metrics, probes and the status page read it.
 */
import type {ProjectorError} from '../runtime/errors.js';
import {noCounts} from '../worker/outcomes.js';
import {Troubles, type TroubleLogger} from '../worker/troubles.js';
import type {AuditView, ConnectorView, RunningView, WorkerView} from '../worker/workerView.js';

export interface MonitorFacts {
  readonly version: string;
  readonly group: string;
  readonly topic: string;
}

const START = 'start';

export class Monitor {
  readonly #facts: MonitorFacts;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  /** The dependencies that the start waits for. After the start it is empty and keeps only the past errors. */
  readonly #troubles: Troubles;
  #worker: {readonly view: RunningView} | undefined;
  connector: ConnectorView | null = null;
  audit: AuditView | null = null;

  constructor(facts: MonitorFacts, logger: TroubleLogger, nowMs: () => number) {
    this.#facts = facts;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
    this.#troubles = new Troubles(logger, nowMs);
  }

  /** Reports that the start waits for a server. */
  waiting(error: ProjectorError): void {
    this.#troubles.notify(START, error);
  }

  /** Ends the start, because the worker has reached its servers. From now on the view comes from the worker. */
  watch(worker: {readonly view: RunningView}): void {
    this.#troubles.notify(START, null);
    this.#worker = worker;
  }

  get view(): WorkerView {
    const view = this.#worker?.view ?? this.#startView();
    return {
      ...view,
      ...this.#facts,
      errors: [...view.errors, ...this.#troubles.errors],
      nowMs: this.#nowMs(),
      startedMs: this.#startedMs,
      isRedisUp: !view.troubles.some(({kind}) => kind.startsWith('redis-')),
      connector: this.connector,
      audit: this.audit,
    };
  }

  #startView(): RunningView {
    return {
      state: 'starting',
      hasJoined: false,
      isKafkaUp: false,
      partitions: [],
      counts: noCounts(),
      otherTables: new Map(),
      rebalances: 0,
      troubles: this.#troubles.now,
      errors: [],
    };
  }
}
