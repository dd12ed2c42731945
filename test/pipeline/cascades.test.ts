/**
 * MySQL deletes an order together with its line items, because of ON DELETE CASCADE. MySQL 9.6 and later
 * write the deletes of the line items to the binlog, children first. Earlier versions do not write them.
 */
import {HandMade} from '../support/handMade.js';
import {fixtureRecords, type FixtureRecord} from '../support/fixtures.js';

async function modelAfter(name: string, records: readonly FixtureRecord[]): Promise<Record<string, string>> {
  const log = await HandMade.open(name, 3);
  try {
    await log.write(...records);
    await log.applied();
    return await log.model();
  } finally {
    await log.close();
  }
}

test.each(['', '.flat'])(
  'a cascade ends in the same state whether or not the binlog contains the deletes of line items (S4, C2): form "%s"',
  async (form) => {
    const bystander = fixtureRecords(`snapshot${form}`);
    const created = fixtureRecords(`mysql-9.7-order-created${form}`);
    const untold = fixtureRecords(`order-deleted${form}`);
    const notified = fixtureRecords(`mysql-9.7-order-deleted${form}`);
    expect([untold.length, notified.length]).toEqual([1, 3]);

    const before = await modelAfter('cascade-before', [...bystander, ...created]);
    expect(before).toMatchObject({'product:10:sold': '2', 'product:16:sold': '3'});
    const without = await modelAfter('cascade-untold', [...bystander, ...created, ...untold]);
    const withLines = await modelAfter('cascade-told', [...bystander, ...created, ...notified]);
    // Debezium may send events again: here the whole cascade, and then all but its first event.
    const again = await modelAfter('cascade-again', [
      ...bystander,
      ...created,
      ...notified,
      ...notified,
      ...notified.slice(1),
    ]);

    expect(withLines).toEqual(without);
    expect(again).toEqual(without);
    expect(without).toMatchObject({'product:10:sold': '1', 'product:16:sold': '0', 'report:users': '7 4599'});
    expect(Object.keys(without).filter((key) => key.startsWith('order'))).toEqual([
      'order:1',
      'order_lines:1',
    ]);
  },
);
