/** The policy for each kind of error: wait or halt, the exit code and the advice. */
import {ERROR_POLICY, EXIT} from '../../src/runtime/errorPolicy.js';
import {asProjectorError, messageOf, ProjectorError, type ErrorKind} from '../../src/runtime/errors.js';

const POLICIES = Object.entries(ERROR_POLICY) as [ErrorKind, (typeof ERROR_POLICY)[ErrorKind]][];

test.each(POLICIES)('%s has one sentence of advice and an exit code that is not success', (_kind, policy) => {
  expect(policy.advice).toMatch(/^[A-Z].{20,}\.$/);
  expect(policy.advice).not.toContain('\n');
  const codes: number[] = [EXIT.unexpected, EXIT.usage, EXIT.differences, EXIT.unreachable, EXIT.halted];
  expect(codes).toContain(policy.exitCode);
});

test('exactly the temporary errors make the worker wait, with the exit code for unreachable servers', () => {
  const waits = POLICIES.filter(([, {next}]) => next === 'wait').map(([kind]) => kind);
  expect(waits.sort()).toEqual([
    'connect-unreachable',
    'cutover-in-progress',
    'kafka-unreachable',
    'mysql-unreachable',
    'partition-unavailable',
    'redis-unreachable',
    'tls-failed',
    'topic-missing',
  ]);
  expect(waits.map((kind) => ERROR_POLICY[kind].exitCode)).toEqual(waits.map(() => EXIT.unreachable));
});

test('exit codes are distinct', () => {
  const codes = Object.values(EXIT);
  expect(new Set(codes).size).toBe(codes.length);
  expect(EXIT).toEqual({
    ok: 0,
    unexpected: 1,
    usage: 2,
    differences: 3,
    unreachable: 4,
    halted: 5,
    interrupted: 130,
    terminated: 143,
  });
});

test('asProjectorError returns a ProjectorError unchanged, and any other error as internal', () => {
  const ours = new ProjectorError('topic-missing', 'there is no topic t');
  expect(asProjectorError(ours)).toBe(ours);
  expect(ours.message).toBe('topic-missing: there is no topic t');
  const cause = new TypeError('x is not a function\n    at y');
  expect(asProjectorError(cause)).toMatchObject({kind: 'internal', detail: 'x is not a function', cause});
  expect(asProjectorError('text')).toMatchObject({kind: 'internal', detail: 'text'});
});

test('messageOf returns the first line of a message', () => {
  expect(messageOf(new Error('one\ntwo'))).toBe('one');
  expect(messageOf(undefined)).toBe('undefined');
});
