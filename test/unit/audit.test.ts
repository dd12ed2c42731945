/** The audit: when a pass begins, where it continues, what it repairs, and who audits. */
import {audit, type AuditDeps, type AuditEvent, type Lease} from '../../src/operations/verify/audit/audit.js';
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
import {
  auditState,
  NO_COUNTS,
  overdueMs,
  type AuditCounts,
  type AuditPass,
  type AuditProgress,
  type AuditState,
} from '../../src/redis-model/audit.js';
import {keysWithPrefix} from '../../src/redis-model/keys.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {Clock} from '../../src/runtime/lifecycle.js';
import {CONTENT, contentHost, type Content} from '../support/contentHost.js';

class FakeClock implements Clock {
  now = 0;
  /** Called before each sleep. */
  onSleep: () => void = () => undefined;

  nowMs(): number {
    return this.now;
  }

  async sleep(ms: number): Promise<void> {
    this.onSleep();
    this.now += ms;
    await Promise.resolve();
  }
}

const PASS: AuditPass = {...NO_COUNTS, startedMs: 1_000, endedMs: 3_000, everyMs: 600_000, isRepairing: true};

describe('the state in Redis', () => {
  test('absent, broken and foreign fields count as absent', () => {
    const nothing = {requested: '', answered: '', last: null, current: null};
    expect(auditState({})).toEqual(nothing);
    expect(auditState({last: '{', current: '{"startedMs":1}'})).toEqual(nothing);
    for (const endedMs of ['x', 1e300, null])
      expect(auditState({last: JSON.stringify({...PASS, endedMs})})).toEqual(nothing);
    expect(auditState({last: JSON.stringify(PASS), requested: 'DROP TABLE', current: '7'})).toEqual({
      ...nothing,
      last: PASS,
      requested: 'DROP TABLE',
    });
  });

  test('a pass is late only after the time that the last one took, and half of it', () => {
    // The next pass begins at 601,000 and ends, at the latest, at 604,000.
    expect([604_000, 605_000].map((nowMs) => overdueMs(PASS, nowMs))).toEqual([0, 1_000]);
    const long = {...PASS, endedMs: 1_001_000};
    expect([2_501_000, 2_502_000].map((nowMs) => overdueMs(long, nowMs))).toEqual([0, 1_000]);
    expect(overdueMs({...PASS, everyMs: null}, 1e12)).toBe(0);
  });
});

test('the pace limits the rows per second, and does not save up unused time', async () => {
  const clock = new FakeClock();
  const {signal} = new AbortController();
  const pace = new Pace(clock, 100);
  for (let page = 0; page < 3; page++) await pace.spend(50, signal);
  expect(clock.now).toBe(1_500);
  clock.now += 60_000;
  await pace.spend(50, signal);
  expect(clock.now).toBe(62_000);
  const unlimited = new Pace(clock, Infinity);
  await unlimited.spend(1e9, signal);
  expect([clock.now, pace.isLimited, unlimited.isLimited]).toEqual([62_000, true, false]);
});

/** An audit whose passes, lease and state are in memory. */
class AuditWorld {
  readonly clock = new FakeClock();
  readonly events: string[] = [];
  readonly passes: AuditProgress[] = [];
  readonly stop = new AbortController();
  state: AuditState = auditState({});
  /** The holder of the lease, if it is another process. */
  holder: string | undefined;
  /** Called in each pass. */
  onPass: () => AuditCounts = () => NO_COUNTS;

  async run(everyMs: number | null = 600_000): Promise<AuditPass | undefined> {
    const lease: Lease = {
      text: 'l',
      take: async () => {
        await Promise.resolve();
        if (this.holder !== undefined) throw new ProjectorError('rebuild-refused', `held by ${this.holder}`);
      },
      during: async (signal, work) => {
        await lease.take();
        return await work(signal);
      },
    };
    const deps: AuditDeps = {
      everyMs,
      isRepairing: true,
      clock: this.clock,
      newLease: () => lease,
      record: {
        read: async () => await Promise.resolve(this.state),
        save: async (_, current) => {
          this.state = {...this.state, current};
          await Promise.resolve();
        },
        finish: async (_, last, answered) => {
          this.state = {...this.state, last, answered, current: null};
          await Promise.resolve();
        },
      },
      pass: async (from, {save}) => {
        this.passes.push(from);
        await save({...from, stage: 'keys'});
        return this.onPass();
      },
      notify: (event: AuditEvent) => this.events.push(event.kind),
    };
    return await audit(deps, this.stop.signal);
  }
}

describe('when a pass begins', () => {
  test('the first one begins at once, and the next one after the given time from its start', async () => {
    const world = new AuditWorld();
    world.onPass = () => {
      world.clock.now += 100_000;
      if (world.passes.length === 3) world.stop.abort();
      return NO_COUNTS;
    };
    expect(await world.run()).toBeUndefined();
    expect(world.passes.map(({startedMs}) => startedMs)).toEqual([0, 600_000, 1_200_000]);
    expect(world.state.last).toEqual({
      ...NO_COUNTS,
      startedMs: 1_200_000,
      endedMs: 1_300_000,
      everyMs: 600_000,
      isRepairing: true,
    });
  });

  test('a request begins one at once, and a pass answers only the request that it began with', async () => {
    const world = new AuditWorld();
    world.clock.onSleep = () => {
      if (world.clock.now >= 20_000)
        world.state = {...world.state, requested: 'ALTER TABLE at t[0] offset 7'};
    };
    world.onPass = () => {
      if (world.passes.length === 2) world.state = {...world.state, requested: 'DROP TABLE at t[0] offset 8'};
      if (world.passes.length === 3) world.stop.abort();
      return NO_COUNTS;
    };
    await world.run();
    expect(world.passes.map(({startedMs, requested}) => [startedMs, requested])).toEqual([
      [0, ''],
      [22_000, 'ALTER TABLE at t[0] offset 7'],
      [22_000, 'DROP TABLE at t[0] offset 8'],
    ]);
    expect(world.state.answered).toBe('DROP TABLE at t[0] offset 8');
  });

  test('a pass that did not decide everything is followed by another one soon', async () => {
    const world = new AuditWorld();
    world.onPass = () => {
      if (world.passes.length === 2) world.stop.abort();
      return {...NO_COUNTS, unchecked: 1};
    };
    await world.run();
    expect(world.passes.map(({startedMs}) => startedMs)).toEqual([0, 30_000]);
  });

  test.each([
    ['', true],
    ['ALTER TABLE at t[0] offset 7', false],
  ])(
    'an unfinished pass continues at its place, unless another one was requested (%p)',
    async (requested, isContinued) => {
      const world = new AuditWorld();
      const current = {...passStart(5, ''), stage: 'orders', after: '700'};
      world.state = {...world.state, current, requested};
      world.clock.now = 9;
      await world.run(null);
      expect(world.passes).toEqual([isContinued ? current : passStart(9, requested)]);
    },
  );
});

test('a pass is due if the last one began in the future, because another clock was ahead', async () => {
  const world = new AuditWorld();
  world.clock.now = 5_000;
  world.state = {...world.state, last: {...PASS, startedMs: 9_000_000, endedMs: 9_000_001}};
  world.onPass = () => {
    world.stop.abort();
    return NO_COUNTS;
  };
  await world.run();
  expect(world.passes.map(({startedMs}) => startedMs)).toEqual([5_000]);
});

describe('who audits', () => {
  test('a second process stands by until the lease is free, and says so once', async () => {
    const world = new AuditWorld();
    world.holder = 'another process';
    world.clock.onSleep = () => {
      if (world.clock.now >= 30_000) world.holder = undefined;
    };
    world.onPass = () => {
      world.stop.abort();
      return NO_COUNTS;
    };
    await world.run();
    expect(world.passes.map(({startedMs}) => startedMs)).toEqual([35_000]);
    expect(world.events).toEqual(['stands-by', 'pass-begins', 'pass-ends']);
  });

  test('a single pass is refused while another process audits', async () => {
    const world = new AuditWorld();
    world.holder = 'another process';
    await expect(world.run(null)).rejects.toMatchObject({kind: 'rebuild-refused'});
  });
});

describe('when a pass fails', () => {
  test('it is repeated from its place after a failure that passes, and the outage is reported once (L14)', async () => {
    const world = new AuditWorld();
    world.onPass = () => {
      if (world.passes.length < 4) throw new ProjectorError('mysql-unreachable', 'MySQL does not respond');
      world.stop.abort();
      return NO_COUNTS;
    };
    await world.run();
    expect(world.passes.map(({stage}) => stage)).toEqual(['orders', 'keys', 'keys', 'keys']);
    expect(world.events.filter((kind) => kind === 'pass-ends')).toHaveLength(1);
    expect(world.events.indexOf('waits')).toBeGreaterThan(-1);
  });

  test.each([
    ['layout-changed', 600_000],
    ['config-invalid', null],
    ['mysql-unreachable', null],
  ] as const)('%s ends an audit of every %p ms', async (kind, everyMs) => {
    const world = new AuditWorld();
    world.onPass = () => {
      throw new ProjectorError(kind, 'x');
    };
    await expect(world.run(everyMs)).rejects.toMatchObject({kind});
  });
});

/** A pass over a read model in memory, whose expected side is CONTENT. */
class PassWorld {
  readonly clock = new FakeClock();
  readonly saved: AuditProgress[] = [];
  readonly events: PassEvent[] = [];
  readonly repaired: string[][] = [];
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
    expect(await world.run(null)).toMatchObject({differences: 2, repaired: 0});
    expect(world.repaired).toEqual([]);
  });

  test('repairs sums only if no order differs any more', async () => {
    const wrong = {'report:users': {5: '151'}};
    const world = new PassWorld({...CONTENT, ...wrong, 'order_lines:1': '10:7:3'});
    expect(await world.run(() => undefined)).toMatchObject({differences: 2, repaired: 0});
    expect(world.repaired).toEqual([['order 1']]);

    const sums = new PassWorld({...CONTENT, ...wrong});
    expect(await sums.run(set(sums.live, CONTENT))).toMatchObject({differences: 1, repaired: 1});
    expect(sums.repaired).toEqual([['user 5']]);
  });

  test('repairs sums although there are too many of them for one pass, and says how many are left', async () => {
    const spent = Object.fromEntries(Array.from({length: 23}, (_, id) => [String(id + 100), '1']));
    const world = new PassWorld({...CONTENT, 'report:users': {5: '150', ...spent}});
    const counts = await world.run(set(world.live, CONTENT));
    expect(counts).toMatchObject({differences: 20, repaired: 20, unchecked: 3});
  });

  test('repairs sums although there is a malformed key', async () => {
    const world = new PassWorld({...CONTENT, 'order:{x}': 'x', 'report:users': {5: '151'}});
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
