/** deploy/prometheus and deploy/grafana name only what a worker really exposes, and send people to sections that are there. */
import {readFileSync} from 'node:fs';
import {parse} from 'yaml';
import {Metrics} from '../../src/observe/metrics.js';
import {noCounts} from '../../src/worker/outcomes.js';
import {alertRules, dashboard, panelQueries, parseQuery} from '../support/promql.js';
import {partitionView, workerView} from '../support/views.js';

/** Series to their labels; job and instance come from Prometheus. */
let series: Map<string, Set<string>>;

beforeAll(async () => {
  const known = partitionView({position: 5n, committed: 4n, start: 0n, end: 9n, lagRecords: 4n});
  const view = workerView({
    counts: {...noCounts(), newestSourceMs: 1},
    partitions: [known],
    connector: {name: 'shop-orders', state: 'RUNNING'},
  });
  const metrics = new Metrics({view: () => view, topic: 't', hasExporterSeries: false});
  metrics.chunkApplied({durationMs: 4, records: 250});
  metrics.recordQuarantined('record-undecodable');
  series = new Map();
  for (const [, name, labels = ''] of (await metrics.text()).matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const found = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label!);
    series.set(name!, new Set([...(series.get(name!) ?? []), ...found, 'job', 'instance']));
  }
});

/** What is wrong with a query; empty when nothing is. */
function faults(text: string): string[] {
  const {selectors, grouping} = parseQuery(text);
  const known = new Set(selectors.flatMap(({name}) => [...(series.get(name) ?? [])]));
  return [
    ...(selectors.length === 0 ? ['no series at all'] : []),
    ...selectors.flatMap(({name, labels}) => {
      const own = series.get(name);
      if (own === undefined) return [`no series ${name}`];
      return labels.filter((label) => !own.has(label)).map((label) => `${name} has no label ${label}`);
    }),
    ...grouping.filter((label) => !known.has(label)).map((label) => `no label ${label}`),
  ];
}

test('the check itself: names and labels that are not there are found, a text that is no query is refused', () => {
  expect(faults('sum by (topic) (projector_lag_records{job=~".+"}) > 0')).toEqual([]);
  expect(faults('sum by (shop) (rate(projector_lag{job="a", tpic="b"}[5m]))')).toEqual([
    'no series projector_lag',
    'no label shop',
  ]);
  expect(faults('projector_lag_records{group="a"}')).toEqual(['projector_lag_records has no label group']);
  expect(faults('vector(1)')).toEqual(['no series at all']);
  expect(() => faults('sum by (projector_lag_records')).toThrow('no query at');
});

describe('alerts', () => {
  const rules = alertRules();

  test('are eight, each with a severity, a summary, a description', () => {
    expect(rules.map(({alert}) => alert)).toEqual([
      ...['ProjectorDown', 'ProjectorStalled', 'ProjectorLagGrowing', 'ProjectorStale'],
      ...['ProjectorQuarantine', 'ProjectorHalted', 'ProjectorRejectedWrites', 'ProjectorPositionReset'],
    ]);
    for (const {labels, annotations} of rules) {
      expect(['critical', 'warning']).toContain(labels['severity']);
      expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
    }
  });

  test.each(rules.map(({alert, expr}) => [alert, expr]))('%s: series and labels exist', (_, expr) => {
    expect(faults(expr)).toEqual([]);
  });

  test.each(rules.map(({alert, annotations}) => [alert, annotations['runbook_url']]))(
    '%s: its section is in the runbook',
    (alert, url = '') => {
      const [file = '', section] = url.split('#');
      expect(section).toBe(alert.toLowerCase());
      expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^### ${alert}$`, 'm'));
    },
  );
});

describe('the dashboard', () => {
  const {panels, templating} = dashboard();

  test.each(panelQueries().map(({title, text}) => [title, text]))('%s: %s', (_, text) => {
    expect(faults(text)).toEqual([]);
  });

  test('its variables are asked of a series that exists', () => {
    const asked = templating.list.flatMap(({definition = ''}) =>
      [...definition.matchAll(/label_values\((\w+), (\w+)\)/g)].map(([, name, label]) => [name, label]),
    );
    expect(asked).toEqual([['projector_build_info', 'job']]);
    expect(series.get('projector_build_info')).toContain('job');
  });

  test('panels have ids of their own and do not lie upon each other', () => {
    expect(panels.length).toBeGreaterThanOrEqual(12);
    expect(new Set(panels.map(({id}) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({gridPos: {x, y, w, h}}) =>
      Array.from({length: w * h}, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({gridPos: {x, w}}) => x + w))).toBe(24);
  });

  test('is where the provisioning looks for it', () => {
    const provider = parse(
      readFileSync('deploy/grafana/provisioning/dashboards/order-projector.yml', 'utf8'),
    ) as {providers: {options: {path: string}}[]};
    const compose = parse(readFileSync('docker-compose.yml', 'utf8'), {merge: true}) as {
      services: {grafana: {volumes: string[]}};
    };
    expect(provider.providers.map(({options}) => options.path)).toEqual(['/etc/grafana/dashboards']);
    expect(compose.services.grafana.volumes).toContain(
      './deploy/grafana/dashboards:/etc/grafana/dashboards:ro',
    );
  });
});
