/**
 * Generates the row events of a simulated shop from a seed. Orders are created with their line items. Some are changed or
 * deleted later. Line items are deleted before their order, as MySQL 9.6 and later log a cascade.
 */
import {Random} from '../stack/random.js';

export interface OrderImage {
  readonly id: number;
  readonly user_id: number;
  readonly total_amount: string;
  readonly status: string;
  readonly created_at: string;
}

export interface LineImage {
  readonly id: number;
  readonly order_id: number;
  readonly product_id: number;
  readonly quantity: number;
  readonly unit_price: string;
}

export type Op = 'c' | 'u' | 'd';

interface Changed<Table, Row> {
  readonly table: Table;
  readonly op: Op;
  readonly before: Row | null;
  readonly after: Row | null;
  readonly orderId: number;
}

export type RowEvent = Changed<'orders', OrderImage> | Changed<'order_items', LineImage>;

export interface ShopPlan {
  readonly events: number;
  readonly products: number;
  readonly users: number;
  readonly seed: number;
}

/** An order is changed or deleted at most this many events after its creation. */
const AFTERLIFE_EVENTS = 20_000;
const CHANGED_SHARE = 0.5;
const RECOUNTED_SHARE = 0.2;
const DELETED_SHARE = 0.05;
const CREATED_AT = '2026-11-23T09:00:00.123Z';

interface LivingOrder {
  row: OrderImage;
  readonly lines: LineImage[];
}

type Later = (order: LivingOrder) => RowEvent[];

/** Yields exactly `plan.events` events. */
export function* rowEvents(plan: ShopPlan): Generator<RowEvent, void, void> {
  const shop = new Shop(plan);
  for (let made = 0; made < plan.events;) {
    for (const event of shop.next(made)) {
      yield event;
      if (++made === plan.events) return;
    }
  }
}

class Shop {
  readonly #plan: ShopPlan;
  readonly #random: Random;
  /** Planned changes. The key is the number of the event that they follow. */
  readonly #later: {order: LivingOrder; act: Later}[][] = Array.from(
    {length: AFTERLIFE_EVENTS + 1},
    () => [],
  );
  #seen = 0;
  #orderId = 0;
  #itemId = 0;

  constructor(plan: ShopPlan) {
    this.#plan = plan;
    this.#random = new Random(plan.seed);
  }

  /** The events of at least one transaction. `made` is the number of events so far. */
  next(made: number): RowEvent[] {
    const due: RowEvent[] = [];
    for (; this.#seen < made; this.#seen++) {
      const slot = this.#seen % this.#later.length;
      for (const {order, act} of this.#later[slot] ?? []) due.push(...act(order));
      this.#later[slot] = [];
    }
    return due.length > 0 ? due : this.#newOrder(made);
  }

  #newOrder(made: number): RowEvent[] {
    const random = this.#random;
    const {users, products} = this.#plan;
    const id = ++this.#orderId;
    const row = {
      id,
      user_id: random.int(1, users),
      total_amount: `${random.int(1, 999)}.${random.int(10, 99)}`,
      status: 'new',
      created_at: CREATED_AT,
    };
    const order: LivingOrder = {row, lines: []};
    const events: RowEvent[] = [{table: 'orders', op: 'c', before: null, after: row, orderId: id}];
    for (let lines = random.int(1, 4); lines > 0; lines--) {
      const line = {
        id: ++this.#itemId,
        order_id: id,
        product_id: random.int(1, products),
        quantity: random.int(1, 9),
        unit_price: `${random.int(1, 99)}.${random.int(10, 99)}`,
      };
      order.lines.push(line);
      events.push({table: 'order_items', op: 'c', before: null, after: line, orderId: id});
    }
    if (random.chance(CHANGED_SHARE)) this.#schedule(made, order, changed);
    if (random.chance(RECOUNTED_SHARE)) {
      const quantity = random.int(10, 20);
      this.#schedule(made, order, (living) => recounted(living, quantity));
    }
    if (random.chance(DELETED_SHARE)) this.#schedule(made, order, deleted);
    return events;
  }

  #schedule(made: number, order: LivingOrder, act: Later): void {
    const slot = (made + this.#random.int(100, AFTERLIFE_EVENTS)) % this.#later.length;
    this.#later[slot]?.push({order, act});
  }
}

function changed(order: LivingOrder): RowEvent[] {
  if (order.lines.length === 0) return [];
  const before = order.row;
  order.row = {...before, status: 'paid'};
  return [{table: 'orders', op: 'u', before, after: order.row, orderId: before.id}];
}

function recounted(order: LivingOrder, quantity: number): RowEvent[] {
  const [before] = order.lines;
  if (before === undefined) return [];
  const after = {...before, quantity};
  order.lines[0] = after;
  return [{table: 'order_items', op: 'u', before, after, orderId: order.row.id}];
}

function deleted({row, lines}: LivingOrder): RowEvent[] {
  const orderId = row.id;
  const gone = lines.splice(0).map((before): RowEvent => ({
    table: 'order_items',
    op: 'd',
    before,
    after: null,
    orderId,
  }));
  return [...gone, {table: 'orders', op: 'd', before: row, after: null, orderId}];
}
