/**
 * Records that cannot be applied. The worker quarantines such a record or halts before it, and reports its
 * offset. The tests write the records into topics of their own.
 */
import {HandMade, lineRecord, ORDER_5, orderRecord} from '../support/handMade.js';
import type {NewRecord} from '../support/kafka.js';
import {encoded, json, orderRow, rowRecord} from '../support/records.js';

let log: HandMade;

async function opened(name: string, partitions = 1): Promise<HandMade> {
  log = await HandMade.open(name, partitions);
  return log;
}

afterEach(async () => {
  await log.close();
});

const secret = {status: 'a-customer-secret'};
interface Bad {
  readonly name: string;
  readonly record: NewRecord;
  readonly kind: string;
  readonly words: RegExp;
}
const UNDECODABLE = 'record-undecodable';

const BAD: readonly Bad[] = [
  {
    name: 'not JSON',
    record: {key: '6', value: '{"after": a-customer-secret'},
    kind: UNDECODABLE,
    words: /not JSON/,
  },
  {
    name: 'not UTF-8',
    record: {key: '6', value: Buffer.from([0xff, 0xfe, 0])},
    kind: UNDECODABLE,
    words: /not UTF-8/,
  },
  {
    name: 'TRUNCATE',
    record: encoded({before: null, after: null, source: {table: 'orders', db: 'shop'}, op: 't'}, null),
    kind: 'table-truncated',
    words: /orders was truncated/,
  },
  {
    name: 'a row without a key',
    record: {...orderRecord({id: 6n, ...secret}), key: null},
    kind: UNDECODABLE,
    words: /no key/,
  },
  {
    name: "a row under another order's key",
    record: {...orderRecord({id: 6n, ...secret}), key: '7'},
    kind: UNDECODABLE,
    words: /key is not/,
  },
  {
    name: 'a decimal as bytes',
    record: orderRecord({id: 6n, ...secret, total_amount: 'EfQ='}),
    kind: UNDECODABLE,
    words: /decimal\.handling\.mode=string/,
  },
  {
    name: 'a changed order id in one update',
    record: rowRecord(
      {op: 'u', table: 'orders', before: orderRow(), after: orderRow({id: 6n, ...secret})},
      '6',
    ),
    kind: UNDECODABLE,
    words: /message\.key\.columns/,
  },
  {
    name: 'an unknown envelope',
    record: {key: '6', value: json({hello: secret})},
    kind: UNDECODABLE,
    words: /neither/,
  },
];

test.each(BAD)(
  'a record that cannot be applied is quarantined or halts the worker, and its offset and the reason are reported without its values (F49, F51, F56) (I6, I11, I14): $name',
  async ({name, record, kind, words}) => {
    await opened(`records-bad-${name.replace(/[^a-zA-Z]+/g, '-')}`);
    await log.write(orderRecord(), lineRecord(), record, lineRecord({quantity: 8}), orderRecord({id: 9n}));
    if (kind === UNDECODABLE) {
      await log.applied();
      const entries = await log.quarantine();
      expect(entries).toMatchObject([{topic: log.topic, partition: 0, offset: 2n, kind}]);
      expect(entries[0]?.reason).toMatch(words);
      expect(await log.order('5')).toMatchObject({items_count: '1'});
      expect(await log.order('9')).toMatchObject({id: '9'});
    } else {
      const {code, line: last} = await log.halted();
      expect(code).toBe(5);
      expect(last).toMatchObject({kind, exitCode: 5, level: 60, runbook: `docs/runbook.md#${kind}`});
      expect(last['msg']).toMatch(words);
      expect(last['msg']).toContain(`${log.topic}[0] offset 2`);
      expect(last['advice']).toEqual(expect.stringMatching(/\w{3}/));
      expect(await log.order('5')).toEqual(ORDER_5);
      expect(await log.order('9')).toEqual({});
      expect(await log.positions()).toEqual(new Map([[0, 2n]]));
    }
    expect(log.worker.output).not.toMatch(/a-customer-secret|EfQ=/);
  },
);
