/** The chain of scripts of one partition, on a sink whose answers the test gives. */
import {ApplyChain, type Chunk, type PatchSink} from '../../src/apply/chain.js';
import type {ApplyOutcome, ApplyRequest} from '../../src/apply/script.js';
import {reduce} from '../../src/reduce/reduce.js';

class FakeSink implements PatchSink {
  readonly requests: {
    expected: string;
    next: string;
    answer: (outcome: ApplyOutcome) => void;
    fail: (error: Error) => void;
  }[] = [];

  apply({expected, next}: ApplyRequest): Promise<ApplyOutcome> {
    return new Promise((answer, fail) => this.requests.push({expected, next, answer, fail}));
  }
}

interface Bench {
  readonly sink: FakeSink;
  readonly chain: ApplyChain;
  /** Next positions of the chunks known to be applied, in order. */
  readonly applied: string[];
  readonly breaks: string[];
  readonly send: (next: string) => Promise<boolean>;
}

function bench(stored = 'p0'): Bench {
  const sink = new FakeSink();
  const applied: string[] = [];
  const breaks: string[] = [];
  const chain = new ApplyChain(sink, stored, () => breaks.push(chain.broken?.kind ?? '-'));
  const send = (next: string): Promise<boolean> => {
    const chunk: Chunk = {reduction: reduce([]), next, onApplied: () => applied.push(next)};
    return chain.send(chunk);
  };
  return {sink, chain, applied, breaks, send};
}

const APPLIED: ApplyOutcome = {kind: 'applied'};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('each script expects the position that the one before it writes', async () => {
  const {sink, chain, applied, send} = bench();
  await send('p1');
  await send('p2');
  expect(sink.requests.map(({expected, next}) => [expected, next])).toEqual([
    ['p0', 'p1'],
    ['p1', 'p2'],
  ]);
  expect([chain.tail, chain.isIdle]).toEqual(['p2', false]);
  sink.requests.forEach(({answer}) => answer(APPLIED));
  await chain.settle();
  expect([applied, chain.isIdle, chain.broken]).toEqual([['p1', 'p2'], true, undefined]);
});

test('a third script waits until one of two is answered (L1)', async () => {
  const {sink, chain, send} = bench();
  await send('p1');
  await send('p2');
  const third = send('p3');
  await turn();
  expect(sink.requests).toHaveLength(2);
  sink.requests[0]!.answer(APPLIED);
  await expect(third).resolves.toBe(true);
  expect(sink.requests.map(({next}) => next)).toEqual(['p1', 'p2', 'p3']);
  sink.requests.slice(1).forEach(({answer}) => answer(APPLIED));
  await chain.settle();
});

test('a refusal breaks the chain once; nothing is sent again (I4)', async () => {
  const {sink, chain, applied, breaks, send} = bench();
  await send('p1');
  await send('p2');
  const third = send('p3');
  sink.requests[0]!.answer({kind: 'refused', stored: 'p9'});
  sink.requests[1]!.answer({kind: 'refused', stored: 'p9'});
  await expect(third).resolves.toBe(false);
  await expect(send('p4')).resolves.toBe(false);
  await chain.settle();
  expect([sink.requests.length, applied, breaks]).toEqual([2, [], ['refused']]);
  expect(chain.broken).toEqual({kind: 'refused', stored: 'p9'});
});

test('an error breaks the chain and does not count as "not applied" (I4)', async () => {
  const {sink, chain, applied, breaks, send} = bench();
  const lost = new Error('reply lost');
  await send('p1');
  await send('p2');
  sink.requests[0]!.fail(lost);
  sink.requests[1]!.fail(new Error('the second one'));
  await chain.settle();
  expect([chain.broken, breaks, applied]).toEqual([{kind: 'failed', error: lost}, ['failed'], []]);
  await expect(send('p3')).resolves.toBe(false);
});

test.each([
  ['both were applied', 'p2', ['p1', 'p2']],
  ['the first was applied', 'p1', ['p1']],
  ['none was applied', 'p0', []],
  ['someone else moved it', 'p7', []],
])('after a lost reply the stored position tells: %s (I4, C2)', async (_name, stored, expected) => {
  const {sink, chain, applied, send} = bench();
  await send('p1');
  await send('p2');
  sink.requests.forEach(({fail}) => fail(new Error('reply lost')));
  await chain.settle();
  chain.reconcile(stored);
  expect(applied).toEqual(expected);
  chain.reconcile(stored);
  expect(applied).toEqual(expected);
});

test('a chunk that was answered is not counted again by a reconcile (I6)', async () => {
  const {sink, chain, applied, send} = bench();
  await send('p1');
  await send('p2');
  sink.requests[0]!.answer(APPLIED);
  await turn();
  sink.requests[1]!.fail(new Error('reply lost'));
  await chain.settle();
  chain.reconcile('p2');
  expect(applied).toEqual(['p1', 'p2']);
});

test('a chunk that another worker applied first is not counted here, the one after it is (I6, C1)', async () => {
  const {sink, chain, applied, breaks, send} = bench();
  await send('p1');
  await send('p2');
  sink.requests[0]!.answer({kind: 'refused', stored: 'p1'});
  sink.requests[1]!.answer(APPLIED);
  await chain.settle();
  chain.reconcile('p2');
  expect([applied, breaks]).toEqual([['p2'], ['refused']]);
});

test('after a close what is in flight is finished, and nothing more is sent (I12)', async () => {
  const {sink, chain, applied, breaks, send} = bench();
  await send('p1');
  chain.close();
  chain.close();
  await expect(send('p2')).resolves.toBe(false);
  sink.requests[0]!.answer(APPLIED);
  await chain.settle();
  expect([applied, breaks, sink.requests.length]).toEqual([['p1'], ['closed'], 1]);
});

test('a chunk that does not move the position is our own mistake', async () => {
  const {send} = bench('p0');
  await expect(send('p0')).rejects.toThrow('assertion failed: a chunk moves the position');
});

test('settling an idle chain is immediate', async () => {
  const {chain} = bench();
  await expect(chain.settle()).resolves.toBeUndefined();
  expect(chain.isIdle).toBe(true);
});
