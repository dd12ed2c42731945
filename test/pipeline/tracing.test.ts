/** A real worker with the OpenTelemetry SDK, loaded as docs/tracing.md describes. */
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {Pipeline} from '../support/pipeline.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly startTime: readonly [seconds: number, nanoseconds: number];
  readonly endTime: readonly [seconds: number, nanoseconds: number];
}

const SDK = pathToFileURL('test/support/tracing.mjs').href;
const NAME = 'tracing';
let folder: string;
let shop: Pipeline;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'spans-'));
  shop = await Pipeline.open(NAME, {NODE_OPTIONS: `--import ${SDK}`, TEST_SPANS: join(folder, 'spans')});
  await shop.applied();
}, 60_000);
afterAll(async () => {
  await shop.close();
  rmSync(folder, {recursive: true});
});

function spans(): Span[] {
  const lines = readFileSync(join(folder, 'spans'), 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Span);
}

test('each applied record is in one span, and each span names the topic, the partition, the offset and the outcome', async () => {
  await shop.placeOrder('12.50', [['1', 2]]);
  await shop.applied();
  const {topic} = testStack().env;
  await until(
    async () => {
      const applied = spans().reduce(
        (sum, {attributes}) => sum + Number(attributes['messaging.batch.message_count']),
        0,
      );
      const partitions = Array.from(
        {length: 6},
        (_, number) => `${shop.prefix}projector:position:${topic}:${number}`,
      );
      const positions = await shop.redis.mget(partitions);
      // No record of this topic was deleted, so the sum of the positions is the number of records.
      return applied === positions.reduce((sum, text) => sum + Number(text?.split(' ')[1] ?? 0), 0);
    },
    () => 'the spans to contain as many records as were applied',
  );
  for (const span of spans()) {
    expect(span.name).toBe(`apply ${topic}`);
    expect(span.attributes).toMatchObject({
      'messaging.system': 'kafka',
      'messaging.operation.name': 'apply',
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.consumer.group.name': NAME,
      'order_projector.chunk.outcome': 'applied',
    });
    expect(span.attributes['messaging.destination.partition.id']).toMatch(/^[0-5]$/);
    expect(span.attributes['messaging.kafka.offset']).toBeGreaterThanOrEqual(0);
    const [[fromS, fromNs], [toS, toNs]] = [span.startTime, span.endTime];
    expect(toS * 1e9 + toNs).toBeGreaterThanOrEqual(fromS * 1e9 + fromNs);
  }
});

test('a log line contains the ids of the trace and the span in which it was written', async () => {
  const {id} = await shop.placeOrder('1.50', [['1', 1]]);
  await shop.applied();
  await shop.redis.set(`${shop.prefix}order:${id}`, 'no hash');
  await shop.sql('UPDATE orders SET total_amount = 2.50 WHERE id = ?', [id]);
  const line = await until(
    () => shop.worker.log.find(({msg}) => /^records quarantined/.test(String(msg))),
    () => 'a log line about a quarantined record',
  );
  expect(line['trace_id']).toMatch(/^[0-9a-f]{32}$/);
  const found = await until(
    () => spans().find(({spanId}) => spanId === line['span_id']),
    () => 'the span that the log line names',
  );
  expect(found.traceId).toBe(line['trace_id']);
});
