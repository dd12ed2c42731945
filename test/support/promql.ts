/** Parses PromQL with the parser of Prometheus' editor, and lists the shipped queries. */
import {readFileSync} from 'node:fs';
import {parser} from '@prometheus-io/lezer-promql';
import {parse} from 'yaml';

export interface Selector {
  /** The name of the metric. */
  readonly name: string;
  /** The labels in its selector. */
  readonly labels: readonly string[];
}

export interface Query {
  readonly selectors: readonly Selector[];
  /** Labels of `by`, `without`, `on` and `ignoring`. */
  readonly grouping: readonly string[];
}

export interface ShippedQuery {
  /** The file or panel that contains the query. */
  readonly title: string;
  readonly text: string;
}

/** Throws with the character offset if the text is not a valid query. */
export function parseQuery(text: string): Query {
  const selectors: {name: string; labels: string[]}[] = [];
  const grouping: string[] = [];
  let isGrouping = false;
  parser.parse(text).iterate({
    enter({name, type, from, to}) {
      const part = text.slice(from, to);
      if (type.isError) throw new Error(`no query at ${from}: ${text}`);
      if (name === 'VectorSelector') selectors.push({name: '', labels: []});
      if (name === 'GroupingLabels') isGrouping = true;
      if (name === 'Identifier') selectors.at(-1)!.name = part;
      if (name === 'LabelName') (isGrouping ? grouping : selectors.at(-1)!.labels).push(part);
    },
    leave({name}) {
      if (name === 'GroupingLabels') isGrouping = false;
    },
  });
  return {selectors, grouping};
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface RuleFile {
  readonly groups: readonly {readonly name: string; readonly rules: readonly AlertRule[]}[];
}

export const RULES_FILE = 'deploy/prometheus/rules.yml';

export function ruleFile(): RuleFile {
  return parse(readFileSync(RULES_FILE, 'utf8')) as RuleFile;
}

export function alertRules(): AlertRule[] {
  return ruleFile().groups.flatMap(({rules}) => rules);
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly gridPos: {readonly x: number; readonly y: number; readonly w: number; readonly h: number};
  readonly targets: readonly {readonly expr: string}[];
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: {readonly list: readonly {readonly name: string; readonly definition?: string}[]};
}

export function dashboard(): Dashboard {
  return JSON.parse(readFileSync('deploy/grafana/dashboards/order-projector.json', 'utf8')) as Dashboard;
}

/** The queries of the dashboard's panels, with values for the variables of Grafana. */
export function panelQueries(): ShippedQuery[] {
  return dashboard().panels.flatMap(({title, targets}) =>
    targets.map(({expr}) => ({
      title,
      text: expr.replaceAll('$job', '.+').replaceAll('$__rate_interval', '1m').replaceAll('$__range', '1h'),
    })),
  );
}
