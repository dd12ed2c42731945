/** The slots for scripts in flight, shared by the partitions of a worker. */
import {Slots} from '../../src/apply/slots.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('at most the limit of slots are held at a time, and waiting requests get them in their order (L1)', async () => {
  const slots = new Slots(2);
  const [first, second] = [await slots.take(), await slots.take()];
  const served: string[] = [];
  const [third, fourth] = ['third', 'fourth'].map(async (name) => {
    const release = await slots.take();
    served.push(name);
    return release;
  });
  await turn();
  expect(served).toEqual([]);
  second();
  await turn();
  expect(served).toEqual(['third']);
  first();
  await turn();
  expect(served).toEqual(['third', 'fourth']);
  (await third)!();
  (await fourth)!();
  await slots.take();
  await slots.take();
});

test('a slot that is released twice is freed only once (L1)', async () => {
  const slots = new Slots(1);
  const release = await slots.take();
  release();
  release();
  await slots.take();
  let isServed = false;
  void slots.take().then(() => (isServed = true));
  release();
  await turn();
  expect(isServed).toBe(false);
});
