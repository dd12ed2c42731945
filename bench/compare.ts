/** Replays the same topic with all contenders, alternating, for several rounds. Checks what each one leaves in Redis. */
import {Redis} from 'ioredis';
import type {StackEnv} from '../stack/environment.js';
import {contenders, type Contender, type Selection} from './contender.js';
import type {Ran} from './contenders.js';
import {ExpectedShop, type Verdict} from './expected.js';
import {mebibytes, rateOf, thousands} from './figures.js';
import {forgetScriptTimes, growth, redisCpuSeconds, scriptTimes} from './redisUsage.js';
import {endsAfter, fillTopic, type FilledTopic} from './topic.js';
import type {Form} from './debezium.js';
import type {ShopPlan} from './shop.js';

export interface Round extends Ran {
  readonly eventsPerSecond: number | null;
  readonly redisCpuSeconds: number | null;
  /** How long one script blocked Redis: the 99th percentile, and the longest one. Undefined if the contender uses no script. */
  readonly scriptP99Ms: number | null | undefined;
  readonly scriptMaxMs: number | null | undefined;
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
  readonly selection: Selection;
}

export async function compare(
  env: StackEnv,
  {plan, rounds, selection}: Comparison,
  notify: (line: string) => void,
): Promise<Result[]> {
  notify(`filling two topics with ${plan.events} row events, one in each form ...`);
  const forms = ['compact', 'envelope'] as const;
  const filled = await Promise.all(forms.map((form) => fillTopic(env.kafka.brokers, form, plan)));
  const topics = new Map<Form, FilledTopic>(filled.map((topic) => [topic.form, topic]));
  const redis = new Redis(env.redis.url);
  const outcomes = new Outcomes(plan);
  const entries = contenders(selection).map((contender) => {
    const {name, form, share} = contender;
    const result: Result = {name, form, events: Math.round(plan.events * share), rounds: []};
    return {contender, result};
  });
  try {
    for (let round = 1; round <= rounds; round++) {
      // Every second round runs backwards, because the machine may become slower or faster in the course of a round.
      for (const {contender, result} of round % 2 === 1 ? entries : entries.toReversed()) {
        const topic = topics.get(contender.form);
        if (topic === undefined) continue;
        const ran = await oneRound(redis, contender, {env, topic, outcome: outcomes.after(result.events)});
        result.rounds.push(ran);
        notify(`round ${round}: ${contender.name}, ${contender.form}: ${lineOf(ran)}`);
      }
    }
  } finally {
    redis.disconnect();
  }
  return entries.map(({result}) => result);
}

interface Outcome {
  readonly ends: readonly number[];
  readonly expected: ExpectedShop;
}

/** What the first events of the plan lead to. It is computed once for each number of events, because that takes seconds. */
class Outcomes {
  readonly #plan: ShopPlan;
  readonly #known = new Map<number, Outcome>();

  constructor(plan: ShopPlan) {
    this.#plan = plan;
  }

  after(events: number): Outcome {
    const plan = {...this.#plan, events};
    const outcome = this.#known.get(events) ?? {ends: endsAfter(plan), expected: ExpectedShop.after(plan)};
    this.#known.set(events, outcome);
    return outcome;
  }
}

async function oneRound(
  redis: Redis,
  {run, writes}: Contender,
  {env, topic, outcome}: {env: StackEnv; topic: FilledTopic; outcome: Outcome},
): Promise<Round> {
  await redis.flushall();
  await forgetScriptTimes(redis);
  const before = await redisCpuSeconds(redis);
  const ran = await run({env, topic, ends: outcome.ends});
  const after = await redisCpuSeconds(redis);
  const scripts = await scriptTimes(redis);
  return {
    ...ran,
    eventsPerSecond: rateOf(ran.records, ran.seconds),
    redisCpuSeconds: growth(before, after),
    scriptP99Ms: scripts?.p99Ms,
    scriptMaxMs: scripts?.maxMs,
    verdict: writes && (await outcome.expected.compare(redis, writes)),
  };
}

function lineOf({eventsPerSecond, memoryMaxBytes, verdict}: Round): string {
  const memory = memoryMaxBytes === null ? '' : `, ${mebibytes(memoryMaxBytes)} MiB`;
  const wrong = verdict === undefined ? '' : `, ${verdict.wrong} of ${verdict.checked} wrong`;
  return `${thousands(eventsPerSecond)} events/s${memory}${wrong}`;
}
