/**
 * The changes in the shop of a simulated run, as records of the topic. There are few ids, so that changes
 * often concern the same rows. Line items arrive before their orders, move between orders of different
 * partitions, and are deleted with their order or before it. Ids are used again.
 */
import type {Change} from '../../src/domain/change.js';
import type {EncodedRecord} from '../../src/decode/decode.js';
import type {ErrorKind} from '../../src/runtime/errors.js';
import {item, itemGone, order, orderGone, orderHidden} from '../support/changes.js';
import type {Random} from '../support/random.js';
import {encoded, FORMS, orderRow, recordOf, rowRecord} from '../support/records.js';
import type {OnOrderDelete} from './plan.js';

/** A record, and the outcome that it must have. */
export interface Event {
  readonly partition: number;
  readonly record: EncodedRecord;
  readonly outcome:
    | {readonly kind: 'change'; readonly change: Change}
    | {readonly kind: 'ignored'}
    | {readonly kind: 'bad'; readonly error: ErrorKind};
}

export const ORDER_IDS = ['1', '2', '3', '4', '5', '6', '9007199254740993'] as const;
const LINE_IDS = ['9007199254740993', '3', '20', '100'] as const;
const PRODUCTS = ['10', '11', '12', ''] as const;
const USERS = ['7', '8', ''] as const;
const TOTALS = ['0.00', '45.99', '-3.50', '9999999999.99'] as const;
const QUANTITIES = ['1', '3', '0', '-2', '2147483647'] as const;
const EXTRAS = [null, '', 'paid'] as const;
const OPS = ['c', 'u', 'r'] as const;

/** Records are pure functions of few values, so all runs share them. */
const RECORDS = new Map<string, EncodedRecord>();

export class Shop {
  readonly #random: Random;
  readonly #partitions: number;
  readonly #onOrderDelete: OnOrderDelete;

  constructor(random: Random, partitions: number, onOrderDelete: OnOrderDelete) {
    this.#random = random;
    this.#partitions = partitions;
    this.#onOrderDelete = onOrderDelete;
  }

  partitionOf(orderId: string): number {
    return Number(BigInt(orderId) % BigInt(this.#partitions));
  }

  /** One or more events that follow each other in the topic. */
  next(): Event[] {
    const kind = this.#random.int(0, 19);
    if (kind === 0) return [this.#other()];
    return this.#changes(kind).map((change) => this.#eventOf(change));
  }

  /** A record that cannot be decoded. */
  bad(): Event {
    const random = this.#random;
    const orderId = random.pick(ORDER_IDS);
    const row = {id: BigInt(orderId)};
    const record = random.pick([
      (): EncodedRecord => encoded('{"op":', orderId),
      () => encoded('[]', null),
      () => rowRecord({op: 'c', table: 'orders', after: orderRow({...row, total_amount: '1.555'})}, orderId),
      () => rowRecord({op: 'x', table: 'orders', after: orderRow(row)}, orderId),
      () => rowRecord({op: 'c', table: 'orders', after: orderRow(row)}, '77'),
      () => rowRecord({op: 'd', table: 'order_items', before: null}, orderId),
      () => ({key: Buffer.from(orderId), value: Buffer.from([0xff, 0xfe])}),
    ])();
    const outcome = {kind: 'bad', error: 'record-undecodable'} as const;
    return {partition: this.partitionOf(orderId), record, outcome};
  }

  #changes(kind: number): Change[] {
    const random = this.#random;
    const orderId = random.pick(ORDER_IDS);
    const itemId = `${orderId}/${random.pick(LINE_IDS)}`;
    if (kind < 5) return [this.#order(orderId)];
    if (kind < 8) return [this.#order(orderId), ...this.#lines(orderId)];
    if (kind < 12) return [this.#line(itemId)];
    if (kind < 14) return [itemGone(itemId)];
    if (kind < 16) {
      // MySQL 9.6 and later write the deletes of the cascade to the binlog, children first. Earlier versions
      // do not.
      const cascade = random.chance(0.5) ? LINE_IDS.map((id) => itemGone(`${orderId}/${id}`)) : [];
      return [...cascade.slice(random.int(0, cascade.length)), orderGone(orderId)];
    }
    if (kind < 17) return [orderGone(orderId), this.#order(orderId), ...this.#lines(orderId)];
    if (kind < 18) return [orderHidden(orderId)];
    const [, id = ''] = itemId.split('/');
    const moved = [itemGone(itemId), this.#line(`${random.pick(ORDER_IDS)}/${id}`)];
    return random.chance(0.5) ? moved : moved.reverse();
  }

  #order(orderId: string): Change {
    const random = this.#random;
    const extra = [random.pick(EXTRAS)];
    return order(orderId, {user: random.pick(USERS), total: random.pick(TOTALS), extra});
  }

  #line(id: string): Change {
    const random = this.#random;
    return item(id, {product: random.pick(PRODUCTS), quantity: random.pick(QUANTITIES)});
  }

  #lines(orderId: string): Change[] {
    return LINE_IDS.slice(this.#random.int(0, LINE_IDS.length)).map((id) => this.#line(`${orderId}/${id}`));
  }

  #eventOf(change: Change): Event {
    const random = this.#random;
    const [form, op] = [random.pick(FORMS), random.pick(OPS)];
    const name = `${form} ${op} ${JSON.stringify(change)}`;
    const record = RECORDS.get(name) ?? recordOf(change, form, op);
    RECORDS.set(name, record);
    const {orderId} = change;
    const isKept = change.kind === 'order-deleted' && this.#onOrderDelete === 'keep';
    const outcome = {kind: 'change', change: isKept ? orderHidden(orderId) : change} as const;
    return {partition: this.partitionOf(orderId), record, outcome};
  }

  /** Records that are not rows of the two tables. */
  #other(): Event {
    const record = this.#random.pick([
      (): EncodedRecord => rowRecord({op: 'u', table: 'heartbeat', after: {id: 1}}, '1'),
      () => rowRecord({op: 'c', table: 'users', after: {id: 1}}, '1'),
      () => encoded({ts_ms: 5}, null),
      () => ({key: Buffer.from('5'), value: null}),
    ])();
    const partition = this.#random.int(0, this.#partitions - 1);
    return {partition, record, outcome: {kind: 'ignored'}};
  }
}
