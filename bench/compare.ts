/** Replays the same topic with all contenders, alternating, for several rounds. Checks what each one leaves in Redis. */
import {Redis} from 'ioredis';
import type {StackEnv} from '../stack/environment.js';
import {contenders, type Contender} from './contender.js';
import type {Ran, Replay} from './contenders.js';
import {ExpectedShop, type Verdict} from './expected.js';
import type {RedisBenchmark} from './redisBenchmark.js';
import {endsAfter, fillTopic, type FilledTopic} from './topic.js';
import type {Form} from './debezium.js';
import type {ShopPlan} from './shop.js';

export interface Round extends Ran {
  readonly eventsPerSecond: number;
  readonly redisCpuSeconds: number;
  /** The 99th percentile of the time that one script blocked Redis. Undefined if the contender uses no script. */
  readonly scriptP99Ms: number | undefined;
  /** The check of the final state. Undefined for a ceiling, which does not write the read model. */
  readonly verdict: Verdict | undefined;
}

export interface Result {
  readonly name: string;
  readonly form: Form;
  readonly events: number;
  readonly rounds: Round[];
}

export interface Comparison {
  readonly plan: ShopPlan;
  readonly rounds: number;
  readonly redisBenchmark: RedisBenchmark | undefined;
}

export async function compare(
  env: StackEnv,
  {plan, rounds, redisBenchmark}: Comparison,
  notify: (line: string) => void,
): Promise<Result[]> {
  const topics = new Map<Form, FilledTopic>();
  for (const form of ['compact', 'envelope'] as const) {
    notify(`filling a topic with ${plan.events} row events in the form ${form} ...`);
    topics.set(form, await fillTopic(env.kafka.brokers, form, plan));
  }
  const redis = new Redis(env.redis.url);
  const all = contenders(redisBenchmark);
  const results = all.map(({name, form, share}): Result => ({
    name,
    form,
    events: Math.round(plan.events * share),
    rounds: [],
  }));
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const [index, contender] of all.entries()) {
        const topic = topics.get(contender.form);
        const result = results[index];
        if (topic === undefined || result === undefined) continue;
        const replay = {env, topic, ends: endsAfter({...plan, events: result.events})};
        const ran = await oneRound(redis, contender, replay);
        result.rounds.push(ran);
        notify(`round ${round}: ${contender.name}, ${contender.form}: ${lineOf(ran)}`);
      }
    }
  } finally {
    redis.disconnect();
  }
  return results;
}

async function oneRound(redis: Redis, {run, share, writes}: Contender, replay: Replay): Promise<Round> {
  await redis.flushall();
  await redis.config('RESETSTAT');
  const before = await cpuSeconds(redis);
  const ran = await run(replay);
  const redisCpuSeconds = (await cpuSeconds(redis)) - before;
  const p99 = /evalsha:.*p99=([\d.]+)/.exec(await redis.info('latencystats'))?.[1];
  const {plan} = replay.topic;
  const expected = writes && ExpectedShop.after({...plan, events: Math.round(plan.events * share)});
  return {
    ...ran,
    eventsPerSecond: ran.records / ran.seconds,
    redisCpuSeconds,
    scriptP99Ms: p99 === undefined ? undefined : Number(p99) / 1_000,
    verdict: writes && (await expected?.compare(redis, writes)),
  };
}

async function cpuSeconds(redis: Redis): Promise<number> {
  const info = await redis.info('cpu');
  const of = (name: string): number => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1] ?? 0);
  return of('used_cpu_sys') + of('used_cpu_user');
}

function lineOf({eventsPerSecond, memoryMaxBytes, verdict}: Round): string {
  const memory = memoryMaxBytes === null ? '' : `, ${Math.round(memoryMaxBytes / 1_048_576)} MiB`;
  const wrong = verdict === undefined ? '' : `, ${verdict.wrong} of ${verdict.checked} wrong`;
  return `${Math.round(eventsPerSecond)} events/s${memory}${wrong}`;
}
