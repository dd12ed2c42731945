/** The contenders of `npm run bench`: the program, the form of the records, and the share of the topic that it reads. */
import {labelled, OURS, THIS_BUILD, type Build} from './builds.js';
import {runConsumer, runWorker, runWorkers, type Ran, type Replay} from './contenders.js';
import type {Form} from './debezium.js';
import type {ConsumerName} from './designs/consumer.js';
import type {Scope} from './expected.js';
import {runRedisBenchmark, type RedisBenchmark} from './redisBenchmark.js';

export interface Contender {
  readonly name: string;
  readonly form: Form;
  /** Share of the events to read. A slow contender reads only the first part of the topic, to limit its time. */
  readonly share: number;
  /** What it writes to Redis. Undefined if it writes no read model. */
  readonly writes: Scope | undefined;
  readonly run: (replay: Replay) => Promise<Ran>;
}

export interface Selection {
  /** All contenders, instead of the few that answer the usual questions. */
  readonly hasAll: boolean;
  /** Another build of this project, which reads both forms like this one. */
  readonly against: Build | undefined;
  /** This build under other Node executables. They read the compact form only. */
  readonly nodes: readonly Build[];
  /** The tool of a ceiling. Undefined if it is missing. */
  readonly redisBenchmark: RedisBenchmark | undefined;
}

const ORDERS_ONLY: Scope = {hasReports: false, lines: 'hash'};
const EVERYTHING: Scope = {hasReports: true, lines: 'text'};
const FORMS = ['compact', 'envelope'] as const;

/** The contenders in the order of the table. The builds of this project stand next to each other. */
export function contenders({hasAll, against, nodes, redisBenchmark}: Selection): Contender[] {
  const merged = FORMS.map((form) =>
    design('merged', 'commands merged per batch', {form, writes: ORDERS_ONLY}),
  );
  const builds = against === undefined ? [THIS_BUILD] : [THIS_BUILD, against];
  const workers = FORMS.flatMap((form) => builds.map((build) => worker(build, form)));
  const otherNodes = nodes.map((build) => worker(build, 'compact'));
  const parse = FORMS.map((form) => design('parse', 'ceiling: kafkajs and JSON.parse', {form}));
  if (!hasAll) return [...merged, ...workers, ...otherNodes, ...parse];
  return [
    design('awaited', 'one awaited command at a time', {writes: ORDERS_ONLY, share: 0.05}),
    design('pipelined', 'one pipeline per batch', {writes: ORDERS_ONLY, share: 0.2}),
    ...merged,
    ...workers,
    ...otherNodes,
    twoWorkers(),
    ...parse,
    ...FORMS.map((form) => design('count', 'ceiling: kafkajs, only counting', {form})),
    ...(redisBenchmark === undefined ? [] : [writesOnly(redisBenchmark)]),
  ];
}

/** One of bench/designs. It is a ceiling if it writes nothing. */
function design(
  consumer: ConsumerName,
  name: string,
  {form = 'compact', writes, share = 1}: {form?: Form; writes?: Scope; share?: number},
): Contender {
  return {name, form, share, writes, run: async (replay) => await runConsumer(consumer, replay)};
}

function worker(build: Build, form: Form): Contender {
  const run = async (replay: Replay): Promise<Ran> => await runWorker(replay, build);
  return {name: labelled(OURS, build), form, share: 1, writes: EVERYTHING, run};
}

function twoWorkers(): Contender {
  const run = async (replay: Replay): Promise<Ran> => await runWorkers(2, replay);
  return {name: `${OURS}, two workers`, form: 'compact', share: 1, writes: EVERYTHING, run};
}

function writesOnly(tool: RedisBenchmark): Contender {
  const run = async (replay: Replay): Promise<Ran> => await runRedisBenchmark(tool, replay);
  return {name: 'ceiling: redis-benchmark', form: 'compact', share: 1, writes: undefined, run};
}
