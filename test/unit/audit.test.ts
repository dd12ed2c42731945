/** The audit: when a pass begins, where it continues, and who audits. */
import {audit, type AuditDeps, type AuditEvent, type Lease} from '../../src/operations/verify/audit/audit.js';
import {Pace} from '../../src/operations/verify/audit/pace.js';
import {passStart} from '../../src/operations/verify/audit/pass.js';
import {
  auditState,
  NO_COUNTS,
  overdueMs,
  type AuditCounts,
  type AuditPass,
  type AuditProgress,
  type AuditState,
} from '../../src/redis-model/audit.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {SteppingClock} from '../support/steppingClock.js';

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
  const clock = new SteppingClock();
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
  readonly clock = new SteppingClock();
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
