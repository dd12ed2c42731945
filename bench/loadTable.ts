/** The results of `bench --load` as a Markdown table. */
import {
  fixed,
  highest,
  markdown,
  mebibytes,
  median,
  microsecondsPer,
  quotient,
  range,
  type Figure,
} from './figures.js';
import type {LoadResult, LoadRun} from './load.js';

const HEAD = [
  ...['What', 'Seconds', 'Range', 'Times the bare loop', 'Memory, MiB'],
  ...['CPU of the process, µs/order', 'CPU of Redis, µs/order'],
];

/** The first result must be the bare loop, with which the others are compared. */
export function loadTable(results: readonly LoadResult[], orders: number): string {
  const bare = results[0]?.rounds ?? [];
  const seconds = (figure: Figure): string => fixed(figure, 1);
  const rows = results.map(({name, rounds}) => {
    const times = rounds.map((run) => run.seconds);
    // Each run is divided by the bare loop of the same round, because the machine may be faster or slower in another one.
    const ratios = rounds.map((run, round) => quotient(run.seconds, bare[round]?.seconds));
    const perOrder = (of: (run: LoadRun) => Figure): string =>
      fixed(median(rounds.map((run) => microsecondsPer(of(run), orders))), 1);
    return [
      ...[name, seconds(median(times)), range(times, seconds), fixed(median(ratios), 2)],
      mebibytes(highest(rounds.map(({memoryMaxBytes}) => memoryMaxBytes))),
      ...[perOrder(({cpuSeconds}) => cpuSeconds), perOrder(({redisCpuSeconds}) => redisCpuSeconds)],
    ];
  });
  return markdown(HEAD, rows);
}

export function lineOfRun({seconds, memoryMaxBytes}: LoadRun): string {
  return `${fixed(seconds, 1)} s, ${mebibytes(memoryMaxBytes)} MiB`;
}
