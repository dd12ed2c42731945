/**
 * One whole worker: all of src except the clients, with a fake Kafka client, a fake Redis client and a fake
 * clock.
 */
import {ReadModel} from '../../src/apply/readModel.js';
import {Decoder} from '../../src/decode/decode.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {asProjectorError, type ProjectorError} from '../../src/runtime/errors.js';
import type {Failpoint} from '../../src/runtime/failpoints.js';
import {Projector, type ProjectorSettings} from '../../src/worker/projector.js';
import {ORDER_EXTRA_COLUMNS} from '../support/arbitraries.js';
import {HIDING} from '../support/records.js';
import type {SimGroup} from './group.js';
import {Killed, type Life} from './life.js';
import type {FailpointPlan, OnOrderDelete} from './plan.js';
import {SimClock, type SimTime} from './simClock.js';
import {SimLog} from './simLog.js';
import type {SimTopic} from './topic.js';
import {SimRedis} from './wire.js';

export interface WorkerWorld {
  readonly topic: SimTopic;
  readonly group: SimGroup;
  readonly prefix: string;
  readonly layout: string;
  readonly isPartitioned: boolean;
  readonly onOrderDelete: OnOrderDelete;
}

export interface WorkerOptions {
  readonly name: string;
  readonly time: SimTime;
  readonly settings: ProjectorSettings;
  readonly failpoint: FailpointPlan | undefined;
  /** Returns false if the time for faults has ended. */
  readonly onFailpoint: (worker: SimWorker, plan: FailpointPlan) => boolean;
}

/**
 * Shared by all workers, because learning shapes takes time. Its results do not depend on earlier records.
 */
const DECODERS = {cascade: newDecoder('cascade'), keep: newDecoder('keep')};

function newDecoder(onOrderDelete: OnOrderDelete): Decoder {
  const extraColumns = ORDER_EXTRA_COLUMNS.map((name) => ({name, type: 'text' as const}));
  return new Decoder({...HIDING, items: {...HIDING.items, onOrderDelete}, extraColumns});
}

export class SimWorker {
  readonly life: Life;
  readonly clock: SimClock;
  readonly redis: SimRedis;
  readonly log: SimLog;
  readonly projector: Projector;
  /** True if a failpoint has thrown an error. Then the worker is expected to end with an error. */
  hasThrown = false;
  isStopping = false;
  /** Set when the worker has ended without being killed. */
  ended: {readonly failure: ProjectorError | undefined} | undefined;
  /** The last log lines of the worker. */
  readonly messages: string[] = [];

  constructor(world: WorkerWorld, options: WorkerOptions) {
    const {topic, group, prefix, layout, isPartitioned, onOrderDelete} = world;
    this.life = {name: options.name, isDead: false, isFrozen: false};
    this.clock = new SimClock(this.life, options.time);
    this.redis = new SimRedis(this.life);
    this.log = new SimLog(this.life, topic, group);
    const notify = (_fields: object, message: string): void => {
      this.messages.push(message);
      if (this.messages.length > 5) this.messages.shift();
    };
    const merging = {redis: this.redis, processId: options.name};
    const sharding = isPartitioned ? {keys: keySpace('partitioned', prefix), servers: 1, merging} : undefined;
    const settings = {prefix, layout, extraColumns: ORDER_EXTRA_COLUMNS, sharding};
    this.projector = new Projector(options.settings, {
      log: this.log,
      model: new ReadModel(this.redis, topic.name, settings),
      decode: (record) => DECODERS[onOrderDelete].decode(record),
      // The simulation has a partitioner of its own.
      partitionOf: () => undefined,
      clock: this.clock,
      logger: {info: notify, warn: notify, error: notify},
      failpoint: this.#failpoint(options),
    });
  }

  get name(): string {
    return this.life.name;
  }

  /** True while the process of the worker exists. */
  get isAlive(): boolean {
    return !this.life.isDead && this.ended === undefined;
  }

  /** True while the worker exists and is not frozen. */
  get isActive(): boolean {
    return this.isAlive && !this.life.isFrozen;
  }

  run(onEnd: (worker: SimWorker) => void): void {
    const end = (failure: ProjectorError | undefined): void => {
      if (this.life.isDead) return;
      this.ended = {failure};
      onEnd(this);
    };
    this.projector.run().then(
      () => end(undefined),
      (error: unknown) => end(asProjectorError(error)),
    );
  }

  stop(): void {
    this.isStopping = true;
    this.projector.stop();
  }

  #failpoint({failpoint: plan, onFailpoint}: WorkerOptions): Failpoint {
    let reached = 0;
    return (name) => {
      if (this.life.isDead) throw new Killed();
      if (plan?.name !== name || ++reached !== plan.time) return;
      if (!onFailpoint(this, plan)) return;
      if (plan.action === 'kill') throw new Killed();
      if (plan.action !== 'throw') return;
      this.hasThrown = true;
      throw new Error('a failpoint was reached');
    };
  }
}
