/** The chain of scripts of one partition, with a sink whose replies the test controls. */
import {ApplyChain, type Chunk, type PatchSink} from '../../src/apply/chain.js';
import type {ApplyOutcome, ApplyRequest} from '../../src/apply/script.js';
import {reduce} from '../../src/reduce.js';

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
  /** Next positions of the chunks that are known to be applied, in order. */
  readonly applied: string[];
  /** Next positions of the chunks that this chain did not apply. */
  readonly returned: string[];
  /** Next positions of the chunks whose script has ended, or that were never sent. */
  readonly done: string[];
  readonly breaks: string[];
  readonly send: (next: string) => Promise<void>;
}

function bench(stored = 'p0'): Bench {
  const sink = new FakeSink();
  const applied: string[] = [];
  const returned: string[] = [];
  const done: string[] = [];
  const breaks: string[] = [];
  const chain = new ApplyChain(sink, stored, () => breaks.push(chain.broken?.kind ?? '-'));
  const send = async (next: string): Promise<void> => {
    const chunk: Chunk = {
      reduction: reduce([]),
      next,
      quarantine: new Map(),
      audit: undefined,
      within: (call) => call(),
      onApplied: () => applied.push(next),
      onReturned: () => returned.push(next),
      onDone: () => done.push(next),
    };
    await chain.send(chunk);
  };
  return {sink, chain, applied, returned, done, breaks, send};
}

const APPLIED: ApplyOutcome = {kind: 'applied'};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('each script expects the position that the previous script writes', async () => {
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

test('the chain sends a third script only after one of the two in flight has a reply (L1)', async () => {
  const {sink, chain, send} = bench();
  await send('p1');
  await send('p2');
  const third = send('p3');
  await turn();
  expect(sink.requests).toHaveLength(2);
  sink.requests[0]!.answer(APPLIED);
  await third;
  expect(sink.requests.map(({next}) => next)).toEqual(['p1', 'p2', 'p3']);
  sink.requests.slice(1).forEach(({answer}) => answer(APPLIED));
  await chain.settle();
});

test('a rejected write breaks the chain once, and the chain sends nothing again (I4)', async () => {
  const {sink, chain, applied, returned, done, breaks, send} = bench();
  await send('p1');
  await send('p2');
  const third = send('p3');
  sink.requests[0]!.answer({kind: 'rejected', stored: 'p9'});
  sink.requests[1]!.answer({kind: 'rejected', stored: 'p9'});
  await third;
  await send('p4');
  await chain.settle();
  expect(returned.sort()).toEqual(['p1', 'p2', 'p3', 'p4']);
  expect(done.sort()).toEqual(['p1', 'p2', 'p3', 'p4']);
  expect([sink.requests.length, applied, breaks]).toEqual([2, [], ['rejected']]);
  expect(chain.broken).toEqual({kind: 'rejected', stored: 'p9'});
});

test('an error breaks the chain, and the chunks in flight do not count as not applied (I4)', async () => {
  const {sink, chain, applied, returned, done, breaks, send} = bench();
  const lost = new Error('reply lost');
  await send('p1');
  await send('p2');
  sink.requests[0]!.fail(lost);
  sink.requests[1]!.fail(new Error('the second one'));
  await chain.settle();
  expect([chain.broken, breaks, applied]).toEqual([{kind: 'failed', error: lost}, ['failed'], []]);
  await send('p3');
  // The chain never sent p3, so only p3 is known not to be applied.
  expect([sink.requests.length, returned, done]).toEqual([2, ['p3'], ['p1', 'p2', 'p3']]);
});

test.each([
  ['both were applied', 'p2', ['p1', 'p2']],
  ['the first was applied', 'p1', ['p1']],
  ['none was applied', 'p0', []],
  ['another client moved the position', 'p7', []],
])(
  'after lost replies the stored position decides which chunks were applied, each once: %s (I4, I6, C2)',
  async (_name, stored, expected) => {
    const {sink, chain, applied, returned, send} = bench();
    await send('p1');
    await send('p2');
    sink.requests.forEach(({fail}) => fail(new Error('reply lost')));
    await chain.settle();
    for (let time = 0; time < 2; time++) {
      chain.reconcile(stored);
      expect(applied).toEqual(expected);
      expect([...applied, ...returned]).toEqual(['p1', 'p2']);
    }
  },
);

test('reconcile does not count a chunk again whose reply has arrived (I6)', async () => {
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

test('a chunk that another worker applied first is not counted, but the chunk after it is (I6, C1)', async () => {
  const {sink, chain, applied, returned, breaks, send} = bench();
  await send('p1');
  await send('p2');
  sink.requests[0]!.answer({kind: 'rejected', stored: 'p1'});
  sink.requests[1]!.answer(APPLIED);
  await chain.settle();
  chain.reconcile('p2');
  expect([applied, returned, breaks]).toEqual([['p2'], ['p1'], ['rejected']]);
});

test('a corrupt order breaks the chain, which names the order and the end of the chunk', async () => {
  const {sink, chain, applied, returned, send} = bench();
  await send('p1');
  await send('p2');
  sink.requests[0]!.answer({kind: 'corrupt', orderId: '7', what: 'order:7 is not a hash'});
  sink.requests[1]!.answer({kind: 'rejected', stored: 'p0'});
  await chain.settle();
  expect(chain.broken).toEqual({
    kind: 'corrupt',
    orderId: '7',
    what: 'order:7 is not a hash',
    chunkEnd: 'p1',
  });
  expect([applied, returned]).toEqual([[], ['p1', 'p2']]);
});

test('a closed chain finishes the scripts in flight and sends nothing more (I12)', async () => {
  const {sink, chain, applied, returned, breaks, send} = bench();
  await send('p1');
  chain.close();
  chain.close();
  await send('p2');
  expect(returned).toEqual(['p2']);
  sink.requests[0]!.answer(APPLIED);
  await chain.settle();
  expect([applied, breaks, sink.requests.length]).toEqual([['p1'], ['closed'], 1]);
});

test('a chunk that does not move the position fails an assertion', async () => {
  const {send} = bench('p0');
  await expect(send('p0')).rejects.toThrow('assertion failed: a chunk moves the position');
});

test('an idle chain settles immediately', async () => {
  const {chain} = bench();
  await expect(chain.settle()).resolves.toBeUndefined();
  expect(chain.isIdle).toBe(true);
});
