/** The worker reads the flat form, which the shipped connector connectors/orders-compact.json writes. */
import {Connector} from '../support/connector.js';
import {readTopic} from '../support/kafka.js';
import {connectMysql, freshId, Pipeline, whenApplied} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {shopOfFile} from '../support/shop.js';
import {Workload} from '../support/workload.js';

const seed = chosenSeed();

test(`the flat form ends in the same state as the envelope and needs no setting, seed ${seed}`, async () => {
  const {database} = await shopOfFile();
  const name = `compact-${database}`;
  const connector = await Connector.apply('orders-compact.json', {
    name,
    database,
    topic: `${name}.order-events`,
  });
  const envelope = await Pipeline.open('compact-envelope');
  const flat = await Pipeline.open('compact-flat', {KAFKA_TOPIC: connector.topic});
  const connections = await Promise.all([connectMysql(), connectMysql()]);
  try {
    await whenApplied(flat, [flat.prefix, envelope.prefix], {timeoutMs: 60_000});
    const tea = freshId();
    const kept = await envelope.placeOrder('12.30', [[tea, 2]]);
    const gone = await envelope.placeOrder('1.00', [[tea, 5]]);
    await envelope.sql('UPDATE order_items SET order_id = ?, quantity = 3 WHERE id = ?', [
      kept.id,
      gone.lines[0],
    ]);
    await envelope.sql('DELETE FROM orders WHERE id = ?', [gone.id]);
    await new Workload(connections, seed, {base: 8_300_000}).transact(250);
    await whenApplied(flat, [flat.prefix, envelope.prefix], {timeoutMs: 60_000});

    expect(await flat.differences()).toEqual([]);
    expect(await envelope.differences()).toEqual([]);
    expect(await flat.order(kept.id)).toEqual(await envelope.order(kept.id));
    expect(await flat.order(kept.id)).toEqual({
      id: kept.id,
      user_id: kept.user,
      total_amount: '12.30',
      items_count: '2',
      items: `product_id:${tea},quantity:2;product_id:${tea},quantity:3`,
    });
    expect(await flat.order(gone.id)).toEqual({});
    expect(await flat.sold(tea)).toBe('5');

    const values = (await readTopic(connector.topic)).map(({value}) => (value ?? '').toString());
    expect(values.length).toBeGreaterThan(250);
    const others = values.filter((value) => !value.includes('"__op":'));
    expect(others.filter((value) => !value.includes('"ddl":'))).toEqual([]);
  } finally {
    for (const connection of connections) await connection.end();
    await flat.close();
    await envelope.close();
    await connector.delete();
  }
});
