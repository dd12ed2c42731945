/** The tables of `npm run bench -- --layouts`. Pure: no clock, no I/O. */
import type {KeyLayout} from '../src/redis-model/keys.js';
import {counted} from '../src/runtime/counted.js';
import {fixed, markdown, median, microsecondsPer, range, thousands, type Figure} from './figures.js';

/** What one node did during a replay. */
export interface NodeShare {
  readonly cpuSeconds: number | null;
  /** The partitions whose orders it has. */
  readonly partitions: number;
  /** Their records. */
  readonly records: number;
  readonly hasReports: boolean;
}

export interface LayoutRound {
  readonly eventsPerSecond: number | null;
  readonly workerMicroseconds: number | null;
  readonly redisMicroseconds: number | null;
  readonly nodes: readonly NodeShare[];
}

export interface LayoutResult {
  readonly layout: KeyLayout;
  /** The servers, in words. */
  readonly name: string;
  readonly rounds: readonly LayoutRound[];
}

/** Processor time per row event in one round. */
export interface StageCosts {
  /** Of a node for the orders of its own partitions. */
  readonly ordersMicroseconds: number | null;
  /** Of the node with the reports, for the events of all partitions. */
  readonly reportsMicroseconds: number | null;
}

/**
 * Separates both stages: nodes without reports show what the orders cost, and the node with reports has in addition the
 * cost of the reports. Null for one Redis, because one process does both.
 */
export function stageCosts({nodes}: LayoutRound): StageCosts {
  const others = nodes.filter(({hasReports}) => !hasReports);
  const ordersMicroseconds = median(
    others.map(({cpuSeconds, records}) => microsecondsPer(cpuSeconds, records)),
  );
  const last = nodes.find(({hasReports}) => hasReports);
  const records = nodes.reduce((sum, node) => sum + node.records, 0);
  if (ordersMicroseconds === null || last === undefined || last.cpuSeconds === null)
    return {ordersMicroseconds, reportsMicroseconds: null};
  const ordersSeconds = (ordersMicroseconds * last.records) / 1e6;
  return {ordersMicroseconds, reportsMicroseconds: microsecondsPer(last.cpuSeconds - ordersSeconds, records)};
}

const HEAD = [
  ...['Layout', 'Servers', 'Row events/s', 'Worker, µs/event', 'Redis, masters, µs/event'],
  ...['Orders, µs/event', 'Reports, µs/event', 'Processor time of the masters, s'],
];

export function layoutTable(results: readonly LayoutResult[]): string {
  return markdown(
    HEAD,
    results.map(({layout, name, rounds}) => {
      const costs = rounds.map(stageCosts);
      const of = (figures: readonly Figure[], decimals = 1): string => {
        const print = (figure: Figure): string => fixed(figure, decimals);
        const [middle, all] = [print(median(figures)), range(figures, print)];
        return middle === all ? middle : `${middle} (${all})`;
      };
      return [
        layout,
        name,
        thousands(median(rounds.map(({eventsPerSecond}) => eventsPerSecond))),
        of(rounds.map(({workerMicroseconds}) => workerMicroseconds)),
        of(rounds.map(({redisMicroseconds}) => redisMicroseconds)),
        of(costs.map(({ordersMicroseconds}) => ordersMicroseconds)),
        of(
          costs.map(({reportsMicroseconds}) => reportsMicroseconds),
          2,
        ),
        nodesOf(rounds),
      ];
    }),
  );
}

/** For each node, the median of its processor time, and what it has. */
function nodesOf(rounds: readonly LayoutRound[]): string {
  const first = rounds[0]?.nodes ?? [];
  const cells = first.map(({partitions, hasReports}, index) => {
    const seconds = fixed(median(rounds.map(({nodes}) => nodes[index]?.cpuSeconds)), 2);
    return `${seconds} (${counted(partitions, 'partition')}${hasReports ? ' and reports' : ''})`;
  });
  return cells.join(', ');
}
