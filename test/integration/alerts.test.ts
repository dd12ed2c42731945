/** The rules of deploy/prometheus by promtool: they are valid, their own tests pass, and those tests notice what is wrong. */
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

(whyNot === undefined ? describe : describe.skip)('the alerts', () => {
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

  /** The tests, with another condition for one alert. */
  function testsWith(alert: string, expr: string): {status: number | null; output: string} {
    const {groups} = ruleFile();
    const changed = groups.map((group) => ({
      ...group,
      rules: group.rules.map((rule) => (rule.alert === alert ? {...rule, expr} : rule)),
    }));
    writeFileSync(join(folder, 'rules.yml'), stringify({groups: changed}));
    return promtool('test', 'rules', join(folder, 'rules.test.yml'));
  }

  test('the rules are valid', () => {
    expect(promtool('check', 'rules', RULES_FILE)).toMatchObject({status: 0});
  });

  test('each fires when it should, and not when it should not', () => {
    expect(promtool('test', 'rules', TESTS_FILE)).toMatchObject({status: 0});
  });

  test.each(alertRules().map(({alert}) => [alert]))('%s: its tests notice one that never fires', (alert) => {
    const {status, output} = testsWith(alert, 'vector(0) > 1');
    expect(status).not.toBe(0);
    expect(output).toContain(`alertname: ${alert}`);
  });

  test.each(alertRules().map(({alert}) => [alert]))('%s: its tests notice one that always fires', (alert) => {
    const {status, output} = testsWith(alert, 'vector(1)');
    expect(status).not.toBe(0);
    expect(output).toContain(`alertname: ${alert}`);
  });

  test('every query of the dashboard is one for promtool too', () => {
    const rules = panelQueries().map(({text}, index) => ({record: `panel:${index}`, expr: text}));
    const file = join(folder, 'panels.yml');
    writeFileSync(file, stringify({groups: [{name: 'panels', rules}]}));
    expect(promtool('check', 'rules', file)).toMatchObject({status: 0});
  });
});
