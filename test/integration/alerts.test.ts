/**
 * Checks the alert rules of deploy/prometheus with promtool. The rules are valid and their tests pass. These
 * tests fail if a rule is wrong.
 */
import {spawnSync} from 'node:child_process';
import {copyFileSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {stringify} from 'yaml';
import {fetchPromtool, whyNoPromtool} from '../../stack/native/promtool.js';
import {alertRules, panelQueries, RULES_FILE, ruleFile} from '../support/promql.js';

const TESTS_FILE = 'deploy/prometheus/rules.test.yml';

const whyNot = whyNoPromtool();
if (whyNot !== undefined) process.stderr.write(`skipped: ${whyNot}\n`);

(whyNot === undefined ? describe : describe.skip)('alert rules', () => {
  let program: string;
  let folder: string;
  beforeAll(async () => {
    program = await fetchPromtool({onProgress: (line) => process.stderr.write(`${line}\n`)});
    folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
    copyFileSync(TESTS_FILE, join(folder, 'rules.test.yml'));
  }, 300_000);
  afterAll(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  function promtool(...args: string[]): {status: number | null; output: string} {
    const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8'});
    return {status, output: stdout + stderr};
  }

  /** Runs the rule tests with another expression for one alert. */
  function testsWith(alert: string, expr: string): {status: number | null; output: string} {
    const {groups} = ruleFile();
    const changed = groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => (rule.alert === alert ? {...rule, expr} : rule)),
    }));
    writeFileSync(join(folder, 'rules.yml'), stringify({groups: changed}));
    return promtool('test', 'rules', join(folder, 'rules.test.yml'));
  }

  test('promtool accepts the alert rules', () => {
    expect(promtool('check', 'rules', RULES_FILE)).toMatchObject({status: 0});
  });

  test('each alert fires exactly when its rule tests expect it', () => {
    expect(promtool('test', 'rules', TESTS_FILE)).toMatchObject({status: 0});
  });

  test.each(alertRules().map(({alert}) => [alert]))('the tests of %s fail if it never fires', (alert) => {
    const {status, output} = testsWith(alert, 'vector(0) > 1');
    expect(status).not.toBe(0);
    expect(output).toContain(`alertname: ${alert}`);
  });

  test.each(alertRules().map(({alert}) => [alert]))('the tests of %s fail if it always fires', (alert) => {
    const {status, output} = testsWith(alert, 'vector(1)');
    expect(status).not.toBe(0);
    expect(output).toContain(`alertname: ${alert}`);
  });

  test('promtool accepts every query of the dashboard', () => {
    const rules = panelQueries().map(({text}, index) => ({record: `panel:${index}`, expr: text}));
    const file = join(folder, 'panels.yml');
    writeFileSync(file, stringify({groups: [{name: 'panels', rules}]}));
    expect(promtool('check', 'rules', file)).toMatchObject({status: 0});
  });
});
