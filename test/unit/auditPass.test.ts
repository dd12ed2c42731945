/** One pass of the audit: what it repairs, what it leaves to the next pass, and where it continues. */
import {Pace} from '../../src/operations/verify/audit/pace.js';
import {
  auditPass,
  passStart,
  type PassDeps,
  type PassEvent,
  type Repairs,
} from '../../src/operations/verify/audit/pass.js';
import {Sides} from '../../src/operations/verify/sides.js';
import {TopicSide} from '../../src/operations/verify/topicSide.js';
import {NO_COUNTS, type AuditCounts, type AuditProgress} from '../../src/redis-model/audit.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {CONTENT, contentHost, type Content} from '../support/contentHost.js';
import {SteppingClock} from '../support/steppingClock.js';

/** A pass over a read model in memory, whose expected side is CONTENT. */
class PassWorld {
  readonly clock = new SteppingClock();
  readonly saved: AuditProgress[] = [];
  readonly events: PassEvent[] = [];
  readonly repaired: string[][] = [];
  readonly sumsBefore = new Map<string, string>();
  live: Record<string, Content[string]>;

  constructor(live: Content) {
    this.live = {...live};
  }

  /** `repair`: what a repair does to the live content. */
  async run(repair: (() => void) | null, from = passStart(0, '')): Promise<AuditCounts> {
    const redis = {...contentHost(this.live)};
    const repairs: Repairs = {
      orders: async (differences) => {
        this.repaired.push(differences.map(({subject: {kind, id}}) => `${kind} ${id}`));
        repair?.();
        await Promise.resolve();
      },
      sums: async (differences) => {
        this.repaired.push(differences.map(({subject: {kind, id}}) => `${kind} ${id}`));
        repair?.();
        await Promise.resolve();
      },
    };
    const deps: PassDeps = {
      sides: new Sides({
        expected: new TopicSide(contentHost(CONTENT), keysWithPrefix('')),
        redis,
        prefix: '',
      }),
      settle: {
        ranges: async () => await Promise.resolve(new Map()),
        positions: [],
        visible: async () => await Promise.resolve(),
        upstream: null,
        clock: this.clock,
        stillMs: 5_000,
        waitMs: 60_000,
        pauseFactor: 1,
      },
      repair: repair === null ? null : async (work) => await work(repairs),
      pace: new Pace(this.clock, Infinity),
      clock: this.clock,
      caughtUp: async () => await Promise.resolve(),
      save: async (progress) => {
        this.saved.push(progress);
        await Promise.resolve();
      },
      notify: (event) => this.events.push(event),
      sumsBefore: this.sumsBefore,
      suspectsMax: 20,
      seed: 1,
    };
    return await auditPass(deps, from, new AbortController().signal);
  }
}

const set = (live: PassWorld['live'], content: Content) => (): void => void Object.assign(live, content);

describe('one pass', () => {
  test('over equal content finds nothing, and saves its place after each stage', async () => {
    const world = new PassWorld(CONTENT);
    expect(await world.run(() => undefined)).toEqual({...NO_COUNTS, orders: 2});
    expect(world.saved.map(({stage}) => stage)).toEqual(['keys', 'products', 'users', 'totals']);
    expect([world.events, world.repaired]).toEqual([[], []]);
  });

  test('repairs what differs, and counts it as repaired only after another comparison', async () => {
    const world = new PassWorld({...CONTENT, 'order_lines:1': '10:7:3'});
    const counts = await world.run(set(world.live, CONTENT));
    expect(counts).toMatchObject({differences: 1, repaired: 1, open: 0, openOrders: 0});
    expect(world.repaired).toEqual([['order 1']]);
    expect(world.events.map(({kind}) => kind)).toEqual(['differs', 'repaired']);

    const stubborn = new PassWorld({...CONTENT, 'order_lines:1': '10:7:3'});
    expect(await stubborn.run(() => undefined)).toMatchObject({differences: 1, repaired: 0, openOrders: 1});
    expect(stubborn.events.map(({kind}) => kind)).toEqual(['differs']);
  });

  test('without a repair only reports', async () => {
    const world = new PassWorld({...CONTENT, 'order:2': {id: '2'}, 'report:users': {5: '151'}});
    expect(await world.run(null)).toMatchObject({differences: 2, repaired: 0, open: 0});
    expect(world.repaired).toEqual([]);
  });

  test('repairs sums only if no order differs any more', async () => {
    const wrong = {'report:users': {5: '151'}};
    const world = new PassWorld({...CONTENT, ...wrong, 'order_lines:1': '10:7:3'});
    await world.run(() => undefined);
    expect(await world.run(() => undefined)).toMatchObject({differences: 2, repaired: 0, openOrders: 1});
    expect(world.repaired).toEqual([['order 1'], ['order 1']]);
  });

  test('repairs a sum only if two passes in a row find the same difference', async () => {
    const world = new PassWorld({...CONTENT, 'report:users': {5: '151'}});
    const repair = set(world.live, CONTENT);
    expect(await world.run(repair)).toMatchObject({differences: 0, open: 1, behind: 1});
    // An order has changed silently, and its repair would move the sum.
    world.live = {...world.live, 'report:users': {5: '152'}};
    expect(await world.run(repair)).toMatchObject({differences: 0, open: 1, behind: 1});
    // A pass that continues in the middle does not look at the orders.
    expect(await world.run(repair, {...passStart(0, ''), stage: 'users'})).toMatchObject({
      differences: 0,
      open: 1,
    });
    expect(world.repaired).toEqual([]);
    expect(await world.run(set(world.live, CONTENT))).toMatchObject({differences: 1, repaired: 1, open: 0});
    expect(world.repaired).toEqual([['user 5']]);
    expect(await world.run(repair)).toMatchObject({differences: 0, open: 0});
  });

  test('repairs sums although there are too many of them for one pass, and says how many are left', async () => {
    const spent = Object.fromEntries(Array.from({length: 23}, (_, id) => [String(id + 100), '1']));
    const world = new PassWorld({...CONTENT, 'report:users': {5: '150', ...spent}});
    await world.run(() => undefined);
    const counts = await world.run(set(world.live, CONTENT));
    expect(counts).toMatchObject({differences: 20, repaired: 20, unchecked: 3});
  });

  test('repairs sums although there is a malformed key', async () => {
    const world = new PassWorld({...CONTENT, 'order:{x}': 'x', 'report:users': {5: '151'}});
    await world.run(() => undefined);
    const counts = await world.run(set(world.live, CONTENT));
    expect(counts).toMatchObject({differences: 2, repaired: 1, openOrders: 0});
    expect(world.repaired).toEqual([['user 5']]);
  });

  test('never removes a malformed key, because it can belong to another program', async () => {
    const world = new PassWorld({...CONTENT, 'order:{x}': 'x'});
    expect(await world.run(() => undefined)).toMatchObject({differences: 1, repaired: 0});
    expect(world.repaired).toEqual([]);
  });

  test('continues at its stage, with the counts so far', async () => {
    const world = new PassWorld({...CONTENT, 'order_lines:1': '10:7:3'});
    const counts = {...NO_COUNTS, orders: 70, differences: 3, repaired: 3};
    const from = {...passStart(0, ''), stage: 'products', counts};
    expect(await world.run(() => undefined, from)).toEqual(counts);
    expect(world.saved.map(({stage}) => stage)).toEqual(['users', 'totals']);
  });
});
