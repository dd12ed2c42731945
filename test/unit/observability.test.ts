/** deploy/prometheus and deploy/grafana use only exposed series and link to existing runbook sections. */
import {readFileSync} from 'node:fs';
import {parse} from 'yaml';
import {Metrics} from '../../src/observe/metrics.js';
import {NO_COUNTS} from '../../src/redis-model/audit.js';
import {noCounts} from '../../src/worker/outcomes.js';
import {alertRules, dashboard, panelQueries, parseQuery} from '../support/promql.js';
import {partitionView, workerView} from '../support/views.js';

/** The labels of each series. Prometheus adds job and instance. */
let series: Map<string, Set<string>>;

beforeAll(async () => {
  const known = partitionView({position: 5n, committed: 4n, start: 0n, end: 9n, lagRecords: 4n});
  const view = workerView({
    counts: {...noCounts(), newestSourceMs: 1},
    partitions: [known],
    connector: {name: 'shop-orders', state: 'RUNNING'},
    audit: {
      isRunning: true,
      isRequested: true,
      last: {...NO_COUNTS, startedMs: 0, endedMs: 1, everyMs: 1, isRepairing: true},
    },
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

/** The faults of a query. The list is empty if the query has none. */
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

test('the check of a query reports unknown series and labels, and rejects a text that is not a query', () => {
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

  test('there are ten alerts, each with a severity, a summary, a description and a runbook URL', () => {
    expect(rules.map(({alert}) => alert)).toEqual([
      ...['ProjectorDown', 'ProjectorStalled', 'ProjectorLagGrowing', 'ProjectorStale'],
      ...['ProjectorQuarantine', 'ProjectorHalted', 'ProjectorRejectedWrites', 'ProjectorPositionReset'],
      ...['ProjectorAuditDifferences', 'ProjectorAuditOverdue'],
    ]);
    for (const {labels, annotations} of rules) {
      expect(['critical', 'warning']).toContain(labels['severity']);
      expect(Object.keys(annotations).sort()).toEqual(['description', 'runbook_url', 'summary']);
    }
  });

  test.each(rules.map(({alert, expr}) => [alert, expr]))('%s: all series and labels exist', (_, expr) => {
    expect(faults(expr)).toEqual([]);
  });

  test.each(rules.map(({alert, annotations}) => [alert, annotations['runbook_url']]))(
    '%s: the runbook has a section for the alert',
    (alert, url = '') => {
      const [file = '', section] = url.split('#');
      expect(section).toBe(alert.toLowerCase());
      expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^### ${alert}$`, 'm'));
    },
  );
});

describe('the dashboard', () => {
  const {panels, templating} = dashboard();

  test.each(panelQueries().map(({title, text}) => [title, text]))('%s: the series of %s exist', (_, text) => {
    expect(faults(text)).toEqual([]);
  });

  test('the variables of the dashboard query a series that exists', () => {
    const asked = templating.list.flatMap(({definition = ''}) =>
      [...definition.matchAll(/label_values\((\w+), (\w+)\)/g)].map(([, name, label]) => [name, label]),
    );
    expect(asked).toEqual([['projector_build_info', 'job']]);
    expect(series.get('projector_build_info')).toContain('job');
  });

  test('the panels have unique ids, do not overlap and fill the width of the grid', () => {
    expect(panels.length).toBeGreaterThanOrEqual(12);
    expect(new Set(panels.map(({id}) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({gridPos: {x, y, w, h}}) =>
      Array.from({length: w * h}, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({gridPos: {x, w}}) => x + w))).toBe(24);
  });

  test('the dashboard is mounted in the directory from which Grafana provisions dashboards', () => {
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
