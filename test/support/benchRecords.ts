/** Records of the simulated shop of the benchmark. */
import type {EncodedRecord} from '../../src/decode/decode.js';
import {type Form} from '../../bench/debezium.js';
import {rowEvents} from '../../bench/shop.js';
import {messageOf} from '../../bench/topic.js';

export const BENCH_FORMS: readonly Form[] = ['envelope', 'compact'];

export function benchRecords(form: Form, events: number): EncodedRecord[] {
  let number = 0;
  return [...rowEvents({events, products: 100, users: 100, seed: 1})].map((event) => {
    const {key, value} = messageOf(form, event, number++);
    return {key: Buffer.from(String(key)), value: Buffer.from(String(value))};
  });
}
