/** The topics that the generated connector routes to the topic of the events. */
import {connectorOf} from '../../src/upstream/connectorConfig.js';
import {SHOP} from '../support/records.js';

const routeOf = (form: 'envelope' | 'compact', table = 'orders'): string => {
  const schema = {...SHOP, orders: {...SHOP.orders, table}};
  const settings = {
    database: 'shop',
    schema,
    topic: 'shop.order-events',
    partitions: 6,
    replicationFactor: -1,
  };
  return connectorOf({...settings, form}).config['transforms.route.regex'] ?? '';
};

test.each(['envelope', 'compact'] as const)(
  'the connector (%s) routes its three tables and the schema changes, and nothing else (S2)',
  (form) => {
    const route = new RegExp(routeOf(form));
    for (const topic of ['shop', 'shop.shop.orders', 'shop.shop.order_items', 'shop.shop.heartbeat'])
      expect(topic.replace(route, 'events')).toBe('events');
    for (const topic of [
      'shops',
      'shop.',
      'shop.shop',
      'shop.shop.carts',
      'shop.shop.orders_old',
      'my.shop',
      '',
    ])
      expect(topic).not.toMatch(route);
  },
);

test('a table whose name begins like another one is routed as a whole (S2)', () => {
  expect('shop.shop.order_items'.replace(new RegExp(routeOf('envelope', 'order')), 'events')).toBe('events');
});
