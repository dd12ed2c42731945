/**
 * One kafkajs consumer, from its start to its end. kafkajs 2.2.4 cannot stop a consumer that starts:
 *
 * 1. Kafka does not respond. A consumer waits in `connect`, or for the other members of its group in `run`.
 * 2. `disconnect` returns at once, because nothing runs that it could stop.
 * 3. Kafka responds again. The consumer joins the group, and sends heartbeats. It gets partitions that nobody reads.
 *
 * So a consumer that is closed during its start is disconnected as soon as its start has ended. To end that soon, it retries nothing more.
 */
import type {Consumer, ConsumerRunConfig, RetryOptions} from 'kafkajs';

/** kafkajs never resets its retry counter, so any smaller limit would be reached at some time and stop the consumer. */
const RETRIES_WITHOUT_LIMIT = Number.MAX_SAFE_INTEGER;
const RETRY_TIMES = {initialRetryTime: 100, maxRetryTime: 2_000} as const;

export class ConsumerLife {
  readonly #consumer: Consumer;
  #starting: Promise<void> | undefined;
  #isClosed = false;

  /** `create` gets the retry options of the consumer. */
  constructor(create: (retry: RetryOptions) => Consumer) {
    // kafkajs compares this limit with its counter before each retry, and so calls `valueOf`.
    const limit = {valueOf: () => (this.#isClosed ? 0 : RETRIES_WITHOUT_LIMIT)};
    this.#consumer = create({...RETRY_TIMES, retries: limit as unknown as number});
  }

  get consumer(): Consumer {
    return this.#consumer;
  }

  /** Resolves when the consumer has joined its group. Rejects with an error of kafkajs, except after `close`. */
  async start(topic: string, run: ConsumerRunConfig): Promise<void> {
    this.#starting = this.#start(topic, run);
    try {
      await this.#starting;
    } catch (error) {
      if (!this.#isClosed) throw error;
    }
  }

  /** Resolves when the consumer has left its group and closed its connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#starting?.catch(() => undefined);
    await this.#consumer.disconnect().catch(() => undefined);
  }

  async #start(topic: string, run: ConsumerRunConfig): Promise<void> {
    const steps = [
      async () => await this.#consumer.connect(),
      async () => await this.#consumer.subscribe({topic, fromBeginning: true}),
      async () => await this.#consumer.run(run),
    ];
    for (const step of steps) if (!this.#isClosed) await step();
  }
}
