/** The checks of `projector doctor` for the state and the settings of the connector. */
import {readFileSync} from 'node:fs';
import type {Check} from '../../src/operations/doctor/check.js';
import {connectChecks, judgeSettings, judgeState} from '../../src/operations/doctor/connectChecks.js';

const shipped = (file: string): {config: object} =>
  JSON.parse(readFileSync(`connectors/${file}`, 'utf8')) as {config: object};
const orders = shipped('orders.json');
const compact = shipped('orders-compact.json');

/** Returns verdict and detail as one line. Every warning and every failure must say what to do. */
function notified(check: Check): string {
  expect(check.fix !== null).toBe(check.verdict === 'warn' || check.verdict === 'fail');
  expect(check.exitCode > 0).toBe(check.verdict === 'fail');
  return `${check.verdict}: ${check.detail}`;
}

describe('the connector', () => {
  const expectations = {topic: 'shop.order-events', name: 'shop-orders', columns: ['shop.orders.user_id']};
  const running = {state: 'RUNNING', trace: undefined, tasks: [{id: 0, state: 'RUNNING', trace: undefined}]};
  const listed = (change: Record<string, string | undefined> = {}, file: {config: object} = orders) => {
    const all = Object.entries({...file.config, ...change}).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    return {name: 'shop-orders', config: Object.fromEntries(all), status: running};
  };

  test.each([[orders], [compact]])('the shipped connector files pass the check of the settings', (file) => {
    expect(notified(judgeSettings(listed({}, file), expectations))).toMatch(/^ok/);
  });

  test.each([
    ['decimal.handling.mode', 'precise'],
    ['decimal.handling.mode', undefined],
    ['skipped.operations', 't'],
    ['errors.tolerance', 'all'],
    ['event.processing.failure.handling.mode', 'skip'],
    ['event.converting.failure.handling.mode', undefined],
    ['value.converter', 'io.confluent.connect.avro.AvroConverter'],
    ['value.converter.replace.null.with.default', undefined],
    ['message.key.columns', undefined],
    ['transforms.route.replacement', 'another'],
  ])('%s=%s fails the check, which names the setting', (name, value) => {
    expect(notified(judgeSettings(listed({[name]: value}), expectations))).toMatch(
      new RegExp(`^fail: .*${name.replaceAll('.', '\\.')}`),
    );
  });

  test.each<[string, string | undefined, RegExp]>([
    ['column.include.list', 'shop.orders.id', /^fail: shop-orders does not read shop\.orders\.user_id$/],
    ['table.include.list', 'shop.sales', /^fail: shop-orders does not read shop\.orders\.user_id$/],
    ['column.exclude.list', 'shop.orders.(user_id|note)', /^fail: shop-orders does not read/],
    ['column.include.list', 'SHOP\\.orders\\..*', /^ok/],
    ['column.include.list', undefined, /^ok/],
    ['column.include.list', '(?i)shop.*', /^ok/],
  ])('a connector with %s=%s is judged by the columns that it reads', (name, value, expected) => {
    expect(notified(judgeSettings(listed({[name]: value}), expectations))).toMatch(expected);
  });

  test('the output contains no other setting, because it can be a secret (I11)', () => {
    const check = judgeSettings(
      listed({'database.password': 'Zq7Secret', 'decimal.handling.mode': 'precise'}),
      expectations,
    );
    expect(JSON.stringify(check)).not.toContain('Zq7Secret');
  });

  test.each([
    ['value.converter.schemas.enable', 'true'],
    ['producer.override.enable.idempotence', undefined],
    ['include.schema.changes', 'false'],
    ['heartbeat.interval.ms', '0'],
  ])('%s=%s causes a warning', (name, value) => {
    expect(notified(judgeSettings(listed({[name]: value}), expectations))).toMatch(
      new RegExp(`^warn: .*${name}`),
    );
  });

  test('the check of the state fails unless the connector and its task are RUNNING', () => {
    const state = (status: object) =>
      notified(judgeState({...listed(), status: {...running, ...status}}, expectations));
    expect(state({})).toBe('ok: shop-orders and its task are RUNNING');
    expect(state({state: 'PAUSED'})).toMatch(/^fail: shop-orders is PAUSED/);
    expect(state({tasks: [{id: 0, state: 'FAILED', trace: 'Zq7Secret'}]})).toBe(
      'fail: shop-orders is RUNNING, task 0 FAILED',
    );
    expect(state({tasks: []})).toMatch(/without a task/);
    expect(notified(judgeState(undefined, expectations))).toMatch(
      /^fail: no connector writes to shop\.order-events/,
    );
  });

  test('doctor checks the connector that writes to the topic, whatever its name is', () => {
    const value = [
      {...listed({'transforms.route.replacement': 'x'}), name: 'other'},
      {...listed(), name: 'mine'},
    ];
    const checks = connectChecks(
      {version: {kind: 'answer', value: '4'}, connectors: {kind: 'answer', value}},
      expectations,
    );
    expect(checks.map(({verdict}) => verdict)).toEqual(['ok', 'ok', 'ok']);
    expect(checks[1]?.detail).toContain('mine');
    const none = connectChecks(
      {version: {kind: 'answer', value: '4'}, connectors: {kind: 'answer', value: []}},
      expectations,
    );
    expect(none.map(({verdict}) => verdict)).toEqual(['ok', 'fail', 'skipped']);
  });
});
