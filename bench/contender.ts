/** The contenders of `npm run bench`: the program, the form of the records, and the share of the topic that it reads. */
import {runConsumer, runWorkers, type Ran, type Replay} from './contenders.js';
import type {Form} from './debezium.js';
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

const ORDERS_ONLY: Scope = {hasReports: false, lines: 'hash'};
const EVERYTHING: Scope = {hasReports: true, lines: 'text'};

function ours(workers: number, form: Form): Contender {
  const name = `order projector, ${workers === 1 ? 'one worker' : `${workers} workers`}`;
  return {name, form, share: 1, writes: EVERYTHING, run: async (replay) => await runWorkers(workers, replay)};
}

/** All contenders, in the order of the table. The last one requires redis-benchmark. */
export function contenders(tool: RedisBenchmark | undefined): readonly Contender[] {
  if (tool === undefined) return CONTENDERS;
  const run = async (replay: Replay): Promise<Ran> => await runRedisBenchmark(tool, replay);
  return [
    ...CONTENDERS,
    {name: 'ceiling: redis-benchmark', form: 'compact', share: 1, writes: undefined, run},
  ];
}

const CONTENDERS: readonly Contender[] = [
  {
    name: 'one awaited command at a time',
    form: 'compact',
    share: 0.05,
    writes: ORDERS_ONLY,
    run: async (replay) => await runConsumer('awaited', replay),
  },
  {
    name: 'one pipeline per batch',
    form: 'compact',
    share: 0.2,
    writes: ORDERS_ONLY,
    run: async (replay) => await runConsumer('pipelined', replay),
  },
  ...(['compact', 'envelope'] as const).map((form): Contender => ({
    name: 'commands merged per batch',
    form,
    share: 1,
    writes: ORDERS_ONLY,
    run: async (replay) => await runConsumer('merged', replay),
  })),
  ours(1, 'compact'),
  ours(1, 'envelope'),
  ours(2, 'compact'),
  ...(['compact', 'envelope'] as const).flatMap((form): Contender[] => [
    {
      name: 'ceiling: kafkajs and JSON.parse',
      form,
      share: 1,
      writes: undefined,
      run: async (replay) => await runConsumer('parse', replay),
    },
    {
      name: 'ceiling: kafkajs, only counting',
      form,
      share: 1,
      writes: undefined,
      run: async (replay) => await runConsumer('count', replay),
    },
  ]),
];
