/**
 * Computes from the topic what Redis must hold. It reads from offset 0 and folds one record at a time. It has no chunks,
 * patches or scripts, and shares no code with the worker.
 */
import kafkajs from 'kafkajs';
import {until} from '../until.js';
import {BAD_KEY_PREFIX} from './badRecords.js';
import {membersText} from './redisContent.js';

const {Kafka, logLevel} = kafkajs;

export interface LogFold {
  /** Key -> content, in the form of `readContent`. */
  readonly content: ReadonlyMap<string, string>;
  readonly records: number;
  /** Names of the records that must be in quarantine. */
  readonly bad: readonly string[];
}

interface OrderRow {
  readonly id: number;
  readonly user_id: number;
  readonly total_amount: string;
}

interface LineRow {
  readonly id: number;
  readonly order_id: number;
  readonly product_id: number;
  readonly quantity: number;
}

interface RowEvent {
  /** Undefined for a schema change of the table. */
  readonly op?: string;
  readonly source: {readonly table: string};
  readonly before: unknown;
  readonly after: unknown;
}

export interface LogPlace {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Called while reading. It may throw to end the fold early. */
  readonly check: () => void;
}

export async function foldLog({brokers, topic, check}: LogPlace): Promise<LogFold> {
  const kafka = new Kafka({clientId: 'chaos-fold', brokers: [...brokers], logLevel: logLevel.NOTHING});
  const admin = kafka.admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic).finally(async () => await admin.disconnect());
  const ends = new Map(offsets.map(({partition, high}) => [partition, BigInt(high)]));
  const consumer = kafka.consumer({
    groupId: `chaos-fold-${process.pid}-${process.hrtime.bigint()}`,
    maxWaitTimeInMs: 50,
  });
  const model = new FoldedShop();
  const bad: string[] = [];
  const next = new Map<number, bigint>();
  let records = 0;
  await consumer.connect();
  try {
    await consumer.subscribe({topic, fromBeginning: true});
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({partition, message: {offset, key, value}}) => {
        // The shop has stopped, so records after the captured end offsets can only be heartbeats. Folding them is harmless.
        records++;
        next.set(partition, BigInt(offset) + 1n);
        if (key?.toString().startsWith(BAD_KEY_PREFIX)) bad.push(`${topic}:${partition}:${offset}`);
        else if (value !== null) model.add(JSON.parse(value.toString()) as RowEvent);
        await Promise.resolve();
      },
    });
    await until(
      () => {
        check();
        return [...ends].every(([partition, end]) => end <= (next.get(partition) ?? 0n));
      },
      () => `the end of the topic ${topic} (${records} records read)`,
      300_000,
    );
  } finally {
    await consumer.disconnect();
  }
  return {content: model.content(), records, bad: bad.sort()};
}

class FoldedShop {
  readonly #orders = new Map<number, OrderRow>();
  readonly #lines = new Map<number, Map<number, LineRow>>();
  /** Every product that a line item has named, because a product counter is never deleted. */
  readonly #products = new Set<number>();

  add({op, source, before, after}: RowEvent): void {
    if (op === undefined) return;
    const isDelete = op === 'd';
    if (source.table === 'orders') {
      const order = (isDelete ? before : after) as OrderRow;
      if (!isDelete) this.#orders.set(order.id, order);
      else {
        this.#orders.delete(order.id);
        this.#lines.delete(order.id);
      }
    } else if (source.table === 'order_items') {
      const line = (isDelete ? before : after) as LineRow;
      const lines = this.#lines.get(line.order_id) ?? new Map<number, LineRow>();
      this.#lines.set(line.order_id, lines);
      if (isDelete) lines.delete(line.id);
      else {
        lines.set(line.id, line);
        this.#products.add(line.product_id);
      }
    }
  }

  content(): Map<string, string> {
    const content = new Map<string, string>();
    const sold = new Map([...this.#products].map((product) => [String(product), 0]));
    const spent = new Map<string, bigint>();
    const totals = {orders: this.#orders.size, units: 0, revenue: 0n};
    for (const [id, lines] of this.#lines) {
      const texts = [...lines.values()]
        .sort((a, b) => a.id - b.id)
        .map((line) => `${line.id}:${line.product_id}:${line.quantity}`);
      if (texts.length > 0) content.set(`order_lines:${id}`, texts.join(';'));
    }
    for (const order of this.#orders.values()) {
      const lines = [...(this.#lines.get(order.id)?.values() ?? [])].sort((a, b) => a.id - b.id);
      const items = lines.map((line) => `product_id:${line.product_id},quantity:${line.quantity}`);
      const fields = {
        id: String(order.id),
        user_id: String(order.user_id),
        total_amount: order.total_amount,
        items_count: String(lines.length),
        items: items.join(';'),
      };
      content.set(`order:${order.id}`, membersText(Object.entries(fields)));
      const cents = BigInt(order.total_amount.replace('.', ''));
      totals.revenue += cents;
      const user = String(order.user_id);
      spent.set(user, (spent.get(user) ?? 0n) + cents);
      for (const {product_id: product, quantity} of lines) {
        totals.units += quantity;
        sold.set(String(product), (sold.get(String(product)) ?? 0) + quantity);
      }
    }
    for (const [product, units] of sold) content.set(`product:${product}:sold`, String(units));
    for (const [key, sums] of [
      ['products', sold],
      ['users', spent],
    ] as const) {
      const members = [...sums].map(([member, sum]): [string, string] => [member, String(sum)]);
      const above = members.filter(([, sum]) => sum !== '0');
      if (above.length > 0) content.set(`report:${key}`, membersText(above));
    }
    const texts = Object.entries(totals).map(([field, sum]): [string, string] => [field, String(sum)]);
    content.set('report:totals', membersText(texts));
    return content;
  }
}
