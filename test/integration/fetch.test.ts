/** Our decoder of fetch responses on a real broker. It is used only by clients that request it. */
import type {EachBatchPayload} from 'kafkajs';
import {logBatch} from '../../src/clients/kafka/batch.js';
import {readFetches} from '../../src/clients/kafka/wire/fetch.js';
import {createTopic, kafka, produce, type NewRecord} from '../support/kafka.js';
import {until} from '../support/until.js';

const COUNT = 50;
const RECORDS: NewRecord[] = Array.from({length: COUNT}, (_, i) => ({
  partition: 0,
  key: i % 10 === 0 ? null : `k${i}`,
  value: i % 7 === 0 ? null : `v${i}`,
}));

type Batch = EachBatchPayload['batch'];

/** The batches that a new group receives, up to the last record. */
async function batchesOf(topic: string, isReadHere: boolean): Promise<Batch[]> {
  const client = kafka();
  if (isReadHere) readFetches(client, () => undefined);
  const consumer = client.consumer({groupId: `${topic}-${isReadHere}`});
  const batches: Batch[] = [];
  await consumer.connect();
  try {
    await consumer.subscribe({topic, fromBeginning: true});
    await consumer.run({
      eachBatch: ({batch}) => {
        batches.push(batch);
        return Promise.resolve();
      },
    });
    await until(
      () => batches.at(-1)?.lastOffset() === String(COUNT - 1),
      () => `the last record, received ${batches.length} batches`,
      60_000,
    );
  } finally {
    await consumer.disconnect();
  }
  return batches;
}

test('our decoder returns the same records as kafkajs, and is used only by clients that request it', async () => {
  const topic = `integration-fetch-${process.pid}`;
  await createTopic(topic);
  for (let from = 0; from < COUNT; from += 20) await produce(topic, RECORDS.slice(from, from + 20));
  const [here, there] = [await batchesOf(topic, true), await batchesOf(topic, false)];

  expect(here.flatMap(({messages}) => messages).every((message) => 'records' in message)).toBe(true);
  expect(there.flatMap(({messages}) => messages).some((message) => 'records' in message)).toBe(false);
  const records = here.flatMap((batch) => logBatch(batch).records);
  expect(records).toEqual(there.flatMap((batch) => logBatch(batch).records));
  expect(records.map(({offset}) => offset)).toEqual(RECORDS.map((_, i) => BigInt(i)));
  expect(records.map(({value}) => value?.toString() ?? null)).toEqual(RECORDS.map(({value}) => value));
});
