/** Callers share requests, and no caller gets an answer that is older than its call. */
import {SharedQuestion} from '../../src/clients/kafka/sharedQuestion.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('callers at the same time share one request; a caller during a request waits for the next one', async () => {
  const answers: ((value: number) => void)[] = [];
  const shared = new SharedQuestion(
    async () => await new Promise<number>((resolve) => answers.push(resolve)),
  );
  const first = [shared.ask(), shared.ask(), shared.ask()];
  await turn();
  expect(answers).toHaveLength(1);
  const later = [shared.ask(), shared.ask()];
  await turn();
  expect(answers).toHaveLength(1);
  answers[0]?.(1);
  await expect(Promise.all(first)).resolves.toEqual([1, 1, 1]);
  await turn();
  expect(answers).toHaveLength(2);
  answers[1]?.(2);
  await expect(Promise.all(later)).resolves.toEqual([2, 2]);
});

test('a failed request rejects its callers only', async () => {
  let calls = 0;
  const shared = new SharedQuestion(async () => {
    await turn();
    if (++calls === 1) throw new Error('no broker responded');
    return calls;
  });
  await expect(shared.ask()).rejects.toThrow('no broker responded');
  await expect(shared.ask()).resolves.toBe(2);
});
