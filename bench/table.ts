/** The results of a comparison as a Markdown table, with medians and ranges. */
import type {Result, Round} from './compare.js';
import {
  fixed,
  highest,
  joined,
  markdown,
  mebibytes,
  median,
  microsecondsPer,
  milliseconds,
  NOT_MEASURED,
  range,
  thousands,
  type Figure,
} from './figures.js';

const HEAD = [
  ...['Design', 'Form', 'Row events/s', 'Range', 'Worker CPU, µs/event', 'Redis CPU, µs/event'],
  ...['Memory, MiB', 'Script p99 / longest, ms', 'Final state'],
];

export function tableOf(results: readonly Result[]): string {
  const rows = results.map(({name, form, rounds}) => {
    const rates = rounds.map(({eventsPerSecond}) => eventsPerSecond);
    const perEvent = (seconds: (round: Round) => Figure): string =>
      fixed(median(rounds.map((round) => microsecondsPer(seconds(round), round.records))), 1);
    return [
      ...[name, form, thousands(median(rates)), range(rates, thousands)],
      ...[perEvent(({cpuSeconds}) => cpuSeconds), perEvent(({redisCpuSeconds}) => redisCpuSeconds)],
      ...[
        mebibytes(highest(rounds.map(({memoryMaxBytes}) => memoryMaxBytes))),
        scripts(rounds),
        state(rounds),
      ],
    ];
  });
  return markdown(HEAD, rows);
}

/** Empty for a contender without scripts. */
function scripts(rounds: readonly Round[]): string {
  if (rounds.every(({scriptP99Ms}) => scriptP99Ms === undefined)) return '';
  const p99 = median(rounds.map(({scriptP99Ms}) => scriptP99Ms));
  const longest = highest(rounds.map(({scriptMaxMs}) => scriptMaxMs));
  return joined([milliseconds(p99), milliseconds(longest)], ' / ');
}

/** The final state of a design is wrong if it was wrong in one round. */
function state(rounds: readonly Round[]): string {
  const verdicts = rounds.flatMap(({verdict}) => verdict ?? []);
  if (verdicts.length === 0) return 'writes nothing';
  const checked = verdicts[0]?.checked ?? 0;
  if (checked === 0) return NOT_MEASURED;
  const wrong = Math.max(...verdicts.map((verdict) => verdict.wrong));
  return wrong === 0 ? 'correct' : `WRONG (${wrong} of ${checked})`;
}
