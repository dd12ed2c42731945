import type {ApplyOutcome, ApplyRequest} from '../../src/apply/script.js';
import {parsePlace} from '../../src/cli/commands/offsetsReset.js';
import {planReset, resetPosition, type ResetModel} from '../../src/operations/rebuild/positionReset.js';

/** A stored position that a worker moves before each of the first attempts. */
function model(
  stored: string,
  moves: readonly string[] = [],
): ResetModel & {text: string; sent: ApplyRequest[]} {
  const waiting = [...moves];
  const world = {
    text: stored,
    sent: [] as ApplyRequest[],
    positionToResume: async () => await Promise.resolve(world.text),
    apply: async (_partition: number, request: ApplyRequest): Promise<ApplyOutcome> => {
      world.sent.push(request);
      world.text = waiting.shift() ?? world.text;
      await Promise.resolve();
      if (request.expected !== world.text) return {kind: 'rejected', stored: world.text};
      world.text = request.next;
      return {kind: 'applied'};
    },
  };
  return world;
}

const RANGES = new Map([[0, {low: 10n, high: 100n}]]);
const goals = (offset: bigint, mayStay = false) => ({offsets: new Map([[0, offset]]), mayStay});

test('the apply script resets a position to a lower offset without changing data (I1)', async () => {
  const world = model('v1 50 49 1 aaaaaaaa bbbbbbbb');
  const [step] = await planReset(world, goals(10n), RANGES);
  expect(step).toEqual({partition: 0, from: 50n, to: 10n});
  expect(await resetPosition(world, step!)).toBe(50n);
  expect(world.text).toBe('v1 10');
  expect(world.sent.map(({reduction}) => reduction.patches.size)).toEqual([0]);
});

test('a reset that a worker overtakes is retried from the new position', async () => {
  const world = model('v1 50', ['v1 60', 'v1 70']);
  expect(await resetPosition(world, {partition: 0, from: 50n, to: 10n})).toBe(70n);
  expect(world.sent.map(({expected}) => expected)).toEqual(['v1 50', 'v1 60', 'v1 70']);
});

test('a reset never moves a position forward, before the topic start, or in a partition that does not exist (I6)', async () => {
  const world = model('v1 50');
  await expect(planReset(world, goals(51n), RANGES)).rejects.toMatchObject({
    kind: 'usage',
    detail: expect.stringContaining('would skip records') as string,
  });
  await expect(planReset(world, goals(9n), RANGES)).rejects.toMatchObject({
    detail: expect.stringContaining('begins at offset 10') as string,
  });
  const elsewhere = {offsets: new Map([[7, 10n]]), mayStay: false};
  await expect(planReset(world, elsewhere, RANGES)).rejects.toMatchObject({
    detail: 'the topic has no partition 7',
  });
  expect(await planReset(world, goals(60n, true), RANGES)).toEqual([]);
  expect(world.sent).toEqual([]);
});

test('a reset is rejected if the position is already lower, because it would move the position forward (I6)', async () => {
  for (const stored of ['v1 5', '']) {
    const world = model(stored);
    await expect(resetPosition(world, {partition: 0, from: 50n, to: 10n})).rejects.toMatchObject({
      kind: 'usage',
    });
    expect(world.sent).toEqual([]);
  }
});

test('the target of a reset is `earliest`, an offset or a time; any other text is rejected', () => {
  expect(parsePlace('earliest')).toEqual({kind: 'earliest'});
  expect(parsePlace('42')).toEqual({kind: 'offset', offset: 42n});
  expect(parsePlace('2026-11-25T07:00:00Z')).toEqual({kind: 'time', timeMs: Date.UTC(2026, 10, 25, 7)});
  for (const text of ['latest', '-1', '', '2026-11-25', '25.11.2026', '2026-99-99T07:00:00Z']) {
    expect(() => parsePlace(text)).toThrow('must be `earliest`');
  }
});
